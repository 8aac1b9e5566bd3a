"""Progress on a terminal: one line a step, with a spinner on the one that runs."""

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.status import Status

from pipelines.loop import STEPS, Step

_WIDTH = max(len(step.name) for step in STEPS)


class LoopProgress:
    """Prints each step as it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._started = time.monotonic()

    def __enter__(self) -> "LoopProgress":
        self._status = self._console.status("")
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begins(self, step: Step) -> None:
        """See Progress."""
        if self._status is not None:
            self._status.update(f"{step.name} …")

    def ends(self, step: Step, result: Any, seconds: float, *, restored: bool) -> None:
        """See Progress."""
        took = "as before" if restored else f"{seconds:.1f} s"
        self._console.print(f"[green]✓[/] {step.name:<{_WIDTH}} {took:>9}  {step.tell(result)}", soft_wrap=True)
