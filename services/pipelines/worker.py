"""The worker: a process that stays, has everything imported, and keeps the loop closed."""

import json
import signal
import threading
import traceback
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from pipelines.decide import Decision, decide
from pipelines.errors import BusyError, GateError, LoopError
from pipelines.ingest import ingest
from pipelines.loop import Context, LoopOptions
from pipelines.monitor import monitor
from pipelines.runner import alone, run_loop
from pipelines.settings import Settings
from pipelines.worker_http import serve

_MOST_FAILURES = 3
"""Looks in a row that may fail before the worker says that it does not work."""


class Worker:
    """Takes events in, watches, decides, trains again."""

    def __init__(
        self,
        settings: Settings,
        options: LoopOptions,
        interval_seconds: float,
        host: str,
        port: int,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._options = options
        self._interval = interval_seconds
        self._host = host
        self._port = port
        self._say = say
        self._stop = threading.Event()
        self._registry = CollectorRegistry()
        self._looks = Counter("mlops_worker_looks", "Looks, by how they ended.", ("outcome",), registry=self._registry)
        self._last = Gauge(
            "mlops_worker_last_look_timestamp_seconds", "When the last look ended.", registry=self._registry
        )
        self._in_a_row = Gauge(
            "mlops_worker_failures_in_a_row", "Looks that failed since the last that did not.", registry=self._registry
        )
        self._failures = 0
        self._refused_at = -1

    def run(self) -> None:
        """Look until told to stop (SIGTERM, SIGINT)."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        with serve(self._host, self._port, self._metrics, self.health) as port:
            self._say(f"metrics on http://{self._host}:{port}/metrics")
            while not self._stop.is_set():
                outcome = self.look()
                self._looks.labels(outcome).inc()
                self._last.set_to_current_time()
                self._in_a_row.set(self._failures)
                self._stop.wait(self._interval)

    def look(self) -> str:
        """One round: "quiet", "busy", "trained", "stopped" (by a gate), "failed" or "crashed".

        Errors are said, never raised: a process that dies of one comes back to the same one, and looks alive.
        """
        outcome = self._look()
        self._failures = self._failures + 1 if outcome in {"failed", "crashed"} else 0
        return outcome

    def health(self) -> tuple[bool, bytes]:
        """Whether the looks succeed, and the answer of /health."""
        works = self._failures < _MOST_FAILURES
        return works, json.dumps(
            {"status": "works" if works else "fails", "failures_in_a_row": self._failures}
        ).encode()

    def _look(self) -> str:
        try:
            with alone(self._settings.state):
                decision, new = self._decide()
            if not decision.retrain:
                return "quiet"
            # What a gate refused it would refuse again: only new events can change its mind.
            if new == self._refused_at:
                return "stopped"
            self._say("training again: " + " ".join(reason.text for reason in decision.reasons))
            self._refused_at = new
            results = run_loop(self._settings, self._options)
            self._refused_at = -1
            self._say(f"version {results['deploy'].version} serves")
            return "trained"
        except GateError as stop:
            self._say(f"the gate stopped: {stop}")
            return "stopped"
        except BusyError:
            # A loop that somebody started by hand does what this would do.
            self._refused_at = -1
            return "busy"
        except LoopError as error:
            self._refused_at = -1
            self._say(f"failed: {error}")
            return "failed"
        except MemoryError:
            raise
        except Exception as error:
            self._refused_at = -1
            # Where, and not what: the text of an unforeseen error may hold what people typed.
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._say(
                f"crashed: {type(error).__name__} at {place.name} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno})"
            )
            return "crashed"

    def _decide(self) -> tuple[Decision, int]:
        context = Context(self._settings, self._options, "worker")
        now = context.now()
        taken = ingest(context.raw, context.stream, now, assume_consent=self._options.assume_consent)
        if not taken.rows:
            return Decision(retrain=False, reasons=()), 0
        seen = monitor(context.raw, context.tracking, context.recommender, self._settings.state, now)
        return decide(seen, self._options.triggers), seen.new_events

    def _metrics(self) -> bytes:
        loop = self._settings.state / "metrics" / "loop.prom"
        return generate_latest(self._registry) + (loop.read_bytes() if loop.exists() else b"")
