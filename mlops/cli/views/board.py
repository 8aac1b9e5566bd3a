"""Live progress of an operation of the engine: modules, what is being worked on, how long it takes.

In a terminal a table that is drawn anew; in a pipe a line when a module is done, and a sign of life between.
"""

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from localcloud.events import Event, MessageEvent, StepEvent
from mlops.cli import ui
from mlops.plan.graph import Graph
from mlops.plan.summary import STACK_LEVEL

IN_WORK_SHOWN = 3
BEAT_SECONDS = 5.0


class Board:
    """Takes in the engine's events. A context manager; give it as `on_event`.

    Args:
        title: what is being done: `up local`.
        graph: the resources that will be worked on, which gives totals and modules. Components do not count.
    """

    def __init__(self, title: str, graph: Graph) -> None:
        self._title = title
        # A change of tier is rehearsed under the name of another stack: URNs differ, keys do not.
        self._modules = {node.key: graph.module(node) or STACK_LEVEL for node in graph if node.custom}
        self._totals = Counter(self._modules.values())
        self._done: dict[str, set[str]] = {module: set() for module in self._totals}
        self._working: dict[str, StepEvent] = {}
        self._started = time.monotonic()
        self._told = self._started
        live = Live(self, console=ui.err(), refresh_per_second=8, transient=True)
        self._live = live if ui.err().is_terminal else None
        self.counts: Counter[str] = Counter()
        """Operation -> resources, components not among them."""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, MessageEvent):
            if event.severity == "warning":
                ui.note(event.text)
            return
        if not event.custom:
            return
        if event.status == "started":
            self._working[event.urn] = event
        else:
            self._working.pop(event.urn, None)
            self._finish(event)

    def say(self, text: str) -> None:
        """Print a line above the board."""
        ui.err().print(text, markup=False, style="yellow")

    def _finish(self, event: StepEvent) -> None:
        if event.status != "done" or event.half:
            return
        self.counts[event.operation] += 1
        module = self._module(event.urn)
        done = self._done.setdefault(module, set())
        before = len(done)
        done.add(event.urn)
        if self._live:
            return
        now = time.monotonic()
        if before < len(done) == self._totals[module]:
            self._tell(f"{module} {len(done)}")
        elif now - self._told > BEAT_SECONDS:
            self._tell(f"{self._sum()} of {sum(self._totals.values())}")

    def _tell(self, text: str) -> None:
        self._told = time.monotonic()
        ui.err().print(f"{self._title}: {self._told - self._started:5.1f} s  {text}", markup=False)

    def _module(self, urn: str) -> str:
        """Module of a resource; of one that the graph does not know, that is going away, the one whose name it has."""
        key = urn.split("::", 2)[-1]
        if key in self._modules:
            return self._modules[key]
        name = urn.rpartition("::")[2]
        known = sorted(self._totals, key=len, reverse=True)
        return next((module for module in known if name == module or name.startswith(f"{module}-")), STACK_LEVEL)

    def _sum(self) -> int:
        return sum(map(len, self._done.values()))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        elapsed = time.monotonic() - self._started
        yield Text.from_markup(
            f"[bold]{self._title}[/]  {self._sum()} of {sum(self._totals.values())} resources  {elapsed:.0f} s"
        )
        table = Table.grid(padding=(0, 2))
        for module, done in self._done.items():
            total = self._totals[module]
            mark = "[green]✓[/]" if total and len(done) >= total else " "
            table.add_row(mark, module, f"{len(done)}/{total}", Text(self._in_work(module), style="dim"))
        yield table

    def _in_work(self, module: str) -> str:
        names = [event.name for event in list(self._working.values()) if self._module(event.urn) == module]
        more = f" and {len(names) - IN_WORK_SHOWN} more" if len(names) > IN_WORK_SHOWN else ""
        return ", ".join(names[:IN_WORK_SHOWN]) + more


def tally(counts: Mapping[str, int]) -> str:
    """`115 created, 3 updated`, or `no change`."""
    words = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
    parts = [f"{counts[name]:,} {word}" for name, word in words.items() if counts.get(name)]
    return ", ".join(parts) or "no change"
