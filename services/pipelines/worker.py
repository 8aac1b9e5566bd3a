"""The worker: a process that stays, has everything imported, and keeps the loop closed."""

import json
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from pipelines import trainings
from pipelines.decide import Decision, decide
from pipelines.errors import BusyError, GateError, LoopError
from pipelines.ingest import Ingested
from pipelines.lease import alone
from pipelines.loop import Context, LoopOptions, take_in
from pipelines.monitor import Monitored, monitor
from pipelines.prune import prune
from pipelines.refresh import due, refresh
from pipelines.release import act, look
from pipelines.release_metrics import exposition
from pipelines.runner import run_loop
from pipelines.settings import Settings
from pipelines.trainings import Trainings
from pipelines.trials import Tried
from pipelines.warn import KINDS, Kind, warnings
from pipelines.worker_http import serve

_MOST_FAILURES = 3
"""Looks in a row that may fail before the worker says that it does not work."""

_PRUNE_EVERY = timedelta(hours=1)


class Worker:
    """Takes events in, watches, decides, trains again; or leaves the training to an orchestrator, and does all else."""

    def __init__(
        self,
        settings: Settings,
        options: LoopOptions,
        interval_seconds: float,
        host: str,
        port: int,
        say: Callable[[str], None],
        *,
        trains: bool = True,
    ) -> None:
        self._settings = settings
        self._options = options
        self._interval = interval_seconds
        self._host = host
        self._port = port
        self._say = say
        self._trains = trains
        self._stop = threading.Event()
        self._registry = CollectorRegistry()
        self._looks = Counter("mlops_worker_looks", "Looks, by how they ended.", ("outcome",), registry=self._registry)
        self._last = Gauge(
            "mlops_worker_last_look_timestamp_seconds", "When the last look ended.", registry=self._registry
        )
        self._in_a_row = Gauge(
            "mlops_worker_failures_in_a_row", "Looks that failed since the last that did not.", registry=self._registry
        )
        self._cost = Gauge("mlops_training_seconds", "How long the last training took.", registry=self._registry)
        self._refused = Gauge(
            "mlops_trainings_refused", "Trainings in a row that ended without a new champion.", registry=self._registry
        )
        self._warnings = Gauge(
            "mlops_warning", "1 where somebody has to look: no training helps.", ("kind",), registry=self._registry
        )
        self._warned: set[Kind] = set()
        self._seen: Monitored | None = None
        self._tried: Tried | None = None
        self._failures = 0
        self._pruned = datetime.now(UTC)

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
        """One round: "quiet", "busy", "waiting", "trying", "trained", "stopped" (by a gate), "failed" or "crashed".

        Errors are said, never raised: a process that dies of one comes back to the same one, and looks alive.
        """
        outcome = self._look()
        if self._seen is not None:
            self._warn(self._seen)
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
            context = Context(self._settings, self._options, "worker")
            with alone(self._settings):
                decision, new = self._decide(context)
                if self._try(context, new):
                    return "trying"
            if not decision.retrain:
                return "quiet"
            if not self._trains:
                return "waiting"
            known = trainings.last(context.lake)
            self._show(known)
            due = known.next(self._options.triggers)
            # What a gate refused it would refuse again: only new events can change its mind, and not at every look.
            if new == known.events or (due is not None and context.now() < due):
                return "stopped" if known.refused else "waiting"
            self._say("training again: " + " ".join(reason.text for reason in decision.reasons))
            return self._train(context, known, new)
        except GateError as stop:
            self._say(f"the gate stopped: {stop}")
            return "stopped"
        except BusyError:
            # A loop that somebody started by hand does what this would do.
            return "busy"
        except LoopError as error:
            self._say(f"failed: {error}")
            return "failed"
        except MemoryError:
            raise
        except Exception as error:
            # Where, and not what: the text of an unforeseen error may hold what people typed.
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._say(f"crashed: {type(error).__name__} in {place.name}, {Path(place.filename).name}:{place.lineno}")
            return "crashed"

    def _train(self, context: Context, known: Trainings, new: int) -> str:
        """Run the loop, and note how it ended and what it cost."""
        started = time.monotonic()
        promoted, refused_events = False, -1
        try:
            results = run_loop(self._settings, self._options)
            promoted = True
        except GateError:
            refused_events = new
            raise
        finally:
            if not isinstance(sys.exception(), BusyError):
                seconds = time.monotonic() - started
                known = known.after(context.now(), seconds, promoted=promoted, events=refused_events)
                trainings.keep(context.lake, known)
                self._show(known)
        deployed = results["deploy"]
        state = f"version {deployed.trial} is on trial" if deployed.trial else f"version {deployed.version} serves"
        self._say(f"{state}, after {known.seconds:.0f} s")
        return "trained"

    def _decide(self, context: Context) -> tuple[Decision, int]:
        now = context.now()
        taken = take_in(context)
        if now - self._pruned > _PRUNE_EVERY:
            prune(context.raw, context.tracking, self._options.lifetimes, now)
            self._pruned = now
        if not taken.rows:
            return Decision(retrain=False, reasons=()), 0
        if due(context.raw, self._options.limits.refresh_minutes, now):
            self._refresh(context, taken)
        seen = monitor(context.raw, context.tracking, context.recommender, self._settings.state, now)
        self._seen = seen
        return decide(seen, self._options.triggers), seen.new_events

    def _try(self, context: Context, new: int) -> bool:
        """Judge the trial that runs, and do what the verdict says; nothing is trained meanwhile."""
        tried = act(context.raw, context.tracking, context.recommender, self._options.deploy, context.now())
        before, self._tried = self._tried, tried or look(context.raw, context.tracking, context.now())
        if tried is None:
            return False
        verdict = tried.verdict
        known = before.verdict.decision if before is not None and before.verdict is not None else "go on"
        if verdict is not None and verdict.decision != known:
            self._say(f"{verdict.strategy} of version {verdict.version}: {verdict.decision}, {verdict.reasons[0]}")
        if verdict is not None and tried.trial.ended and verdict.decision == "roll back":
            # What users refused they would refuse again: as after a gate.
            refused = trainings.last(context.lake)
            refused = refused.after(context.now(), refused.seconds, promoted=False, events=new)
            trainings.keep(context.lake, refused)
        return True

    def _refresh(self, context: Context, taken: Ingested) -> None:
        used = {version.tags.get("data_version", "") for version in context.tracking.versions()}
        try:
            refresh(context.raw, context.store, taken, self._options.quality, used, context.now())
        except GateError as stop:
            # They grow old, and a warning says so: bad data is no reason not to watch.
            self._say(f"the features are not refreshed: {stop}")

    def _warn(self, seen: Monitored) -> None:
        """Show what exceeds its limit, and say it once."""
        found = {warned.kind: warned.text for warned in warnings(seen, self._options.limits)}
        for kind in KINDS:
            self._warnings.labels(kind).set(kind in found)
            if kind in found and kind not in self._warned:
                self._say(f"warning: {found[kind]}")
        self._warned = set(found)

    def _show(self, known: Trainings) -> None:
        self._cost.set(known.seconds)
        self._refused.set(known.refused)

    def _metrics(self) -> bytes:
        loop = self._settings.state / "metrics" / "loop.prom"
        own = generate_latest(self._registry) + exposition(self._tried)
        return own + (loop.read_bytes() if loop.exists() else b"")
