"""Run the loop: in order, each finished step recorded in the lake, so that a rerun goes on where one died."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from pipelines.errors import GateError, InputError
from pipelines.features import FRESHNESS
from pipelines.lake import Lake
from pipelines.lease import alone
from pipelines.loop import STEPS, Context, Done, LoopOptions, Step
from pipelines.provenance import code_version
from pipelines.prune import prune
from pipelines.settings import Settings

LOOK_PATIENCE_SECONDS = 45.0
"""How long a command that somebody gave waits for a look of the worker, which holds the lake for a second or two, or
for as long as a service that it asks needs to come back."""


class Progress(Protocol):
    """Is told how far the loop is."""

    def begins(self, step: Step) -> None:
        """A step begins."""

    def ends(self, step: Step, result: Any, seconds: float, *, restored: bool) -> None:
        """A step has ended; `restored` where an earlier run had done it."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A finished step."""

    key: str
    """Hash of code, options and everything that went in: the result holds as long as it is the same."""
    seconds: float
    finished: str
    result: str
    """JSON of the step's output."""


class Records:
    """Finished steps of one run: `runs/<run>/<step>.json` in the artifacts zone, where every pod finds them."""

    def __init__(self, lake: Lake, run: str) -> None:
        self._lake = lake
        self._run = run

    def get(self, step: str) -> Record | None:
        """A finished step, or None."""
        stored = self._lake.get("artifacts", self._place(step))
        return Record(**json.loads(stored)) if stored else None

    def put(self, step: str, record: Record) -> None:
        """Record a finished step."""
        self._lake.put_json("artifacts", self._place(step), vars(record))

    def _place(self, step: str) -> str:
        return f"runs/{self._run}/{step}.json"


def run_step(name: str, context: Context, *, progress: Progress | None = None) -> Any:
    """Run one step on what the steps before left, or restore what it gave for exactly the same.

    Raises:
        InputError: a step before has not run.
    """
    step = next(step for step in STEPS if step.name == name)
    records = Records(context.lake, context.run)
    before: dict[str, object] = {}
    hashed = hashlib.sha256(json.dumps([name, code_version(), _options(context.options)]).encode())
    for need in step.needs:
        record = records.get(need)
        if record is None:
            raise InputError(f"Step {name} needs {need}, which has not run in {context.run}.")
        before[need] = TypeAdapter(_step(need).output).validate_json(record.result)
        hashed.update(record.result.encode())
    key = hashed.hexdigest()
    if progress:
        progress.begins(step)
    known = records.get(name)
    if known is not None and known.key == key:
        restored: object = TypeAdapter[object](step.output).validate_json(known.result)
        if progress:
            progress.ends(step, restored, 0.0, restored=True)
        return restored
    started = time.monotonic()
    result = step.run(context, Done(before))
    seconds = time.monotonic() - started
    stored = TypeAdapter[object](step.output).dump_json(result).decode()
    records.put(name, Record(key=key, seconds=round(seconds, 3), finished=datetime.now(UTC).isoformat(), result=stored))
    if progress:
        progress.ends(step, result, seconds, restored=False)
    return result


def run_loop(
    settings: Settings,
    options: LoopOptions,
    *,
    fresh: bool = False,
    patience_seconds: float = 0.0,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Run all steps; an unfinished run goes on unless its features would be stale, or somebody was forgotten since.

    Raises:
        LoopError: of the step that could not be done; GateError ends the run, anything else leaves it unfinished.
    """
    with alone(settings, patience_seconds) as lease:
        unfinished = settings.state / "loop" / "unfinished.json"
        run = None if fresh else _resumable(unfinished, clock(), Context(settings, options, "none").raw.erasures.last())
        if run is None:
            run = f"{clock():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
            unfinished.write_text(json.dumps({"run": run, "started": clock().isoformat()}))
        context = Context(settings, options, run, clock)
        try:
            results = {}
            for step in STEPS:
                lease.check()
                results[step.name] = run_step(step.name, context, progress=progress)
            prune(context.raw, context.tracking, options.lifetimes, clock())
        except GateError:
            unfinished.unlink(missing_ok=True)
            raise
        unfinished.unlink(missing_ok=True)
        return results


def _resumable(path: Path, now: datetime, forgotten: datetime | None) -> str | None:
    try:
        noted = json.loads(path.read_text())
        started = datetime.fromisoformat(noted["started"])
    except (OSError, ValueError, KeyError):
        return None
    # What it did so far may hold somebody who was forgotten since, and some of it is gone.
    valid = now - started < FRESHNESS and (forgotten is None or forgotten < started)
    return str(noted["run"]) if valid else None


def _step(name: str) -> Step:
    return next(step for step in STEPS if step.name == name)


def _options(options: LoopOptions) -> str:
    return TypeAdapter(LoopOptions).dump_json(options).decode()
