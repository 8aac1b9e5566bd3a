"""Runs the loop in processes that die where they are told to.

    python -m tests.pipelines.mortal

Reads one JSON object a line ({"step": ..., "moment": "after" | "within" | null}), forks, and prints how the child
ended. Forked, so that every death costs no second of imports; no library is used before the fork.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import evidently  # noqa: F401
import feast  # noqa: F401
import great_expectations  # noqa: F401
import mlflow  # noqa: F401

from pipelines import expectations, feature_definitions  # noqa: F401
from pipelines.errors import LoopError
from pipelines.lake import Lake
from pipelines.loop import LoopOptions
from pipelines.runner import Records, run_loop
from pipelines.settings import Settings
from pipelines.tracking import Tracking
from tests.pipelines.shop import NOW


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_live(order["step"], order["moment"]))
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _live(step: str, moment: str | None) -> int:
    watch = _Watch(step)
    if moment == "after":
        # Everything is done, and nobody has noted it.
        _die(Records, "put", lambda: watch.inside, first=True)
    elif moment == "within":
        # The first thing that the step writes is written, and nothing else.
        for name in ("put", "upload", "replace", "delete"):
            _die(Lake, name, lambda: watch.inside, first=False)
        for name in ("log_text", "log_folder", "add_version", "set_alias"):
            _die(Tracking, name, lambda: watch.inside, first=False)
    try:
        run_loop(Settings.from_environment(), LoopOptions(), progress=watch, clock=lambda: NOW)
    except LoopError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


class _Watch:
    def __init__(self, step: str) -> None:
        self._step = step
        self.inside = False

    def begins(self, step: Any) -> None:
        self.inside = step.name == self._step

    def ends(self, step: Any, result: Any, seconds: float, *, restored: bool) -> None:
        self.inside = False


def _die(owner: type, name: str, now: Callable[[], bool], *, first: bool) -> None:
    """Make a method kill the process, before or after it does what it does."""
    real = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if first and now():
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if now():
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    main()
