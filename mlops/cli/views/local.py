"""How the local stack's parts are shown: a table that is drawn anew in a terminal, lines in a pipe."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from mlops.cli import ui
from mlops.local.stack import Part

if TYPE_CHECKING:
    from localcloud.api_client import Pod

NOTHING: Mapping[str, int] = {}
ROOMY_COLUMNS = 110
"""From this width on there is room for words."""
_COLOURS = {"works": "green", "starts": "yellow", "stopped": "dim"}


def parts_table(parts: Sequence[Part], memory: Mapping[str, int] = NOTHING) -> Table:
    """One row a part; what is wrong with it, or what it does, where there is room."""
    roomy = ui.out().width >= ROOMY_COLUMNS
    table = ui.table("Local stack", rows=())
    more = ("Memory", "") if roomy else ()
    for column in ("Part", "State", "Address", "Process", "Up", "Restarts", *more):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for part in parts:
        colour = _COLOURS.get(part.state, "red")
        cells = [
            part.name,
            f"[{colour}]{part.state}[/]",
            part.url or "",
            str(part.pid or ""),
            duration(time.time() - part.started) if part.started else "",
            str(part.restarts or ""),
        ]
        if roomy:
            held = f"{memory[part.name] / 1024**2:,.0f} MB" if memory.get(part.name) else ""
            cells += [held, f"[dim]{escape(part.detail or part.what)}[/]"]
        table.add_row(*cells)
    return table


def pods_table(pods: "Sequence[Pod]") -> Table:
    """The pods of a stack that is on a cluster too."""
    rows = [(pod.namespace, pod.name, pod.state, "yes" if pod.ready else "no", str(pod.restarts or "")) for pod in pods]
    return ui.table("On the cluster", "Namespace", "Pod", "State", "Ready", ("Restarts", "right"), rows=rows)


def as_data(parts: Sequence[Part], served: Mapping[str, Any], memory: Mapping[str, int]) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "parts": [
            {**asdict(part), "works": part.state == "works", "memory_bytes": memory.get(part.name, 0)} for part in parts
        ],
        "works": bool(parts) and all(part.state == "works" for part in parts),
        "serving": dict(served),
    }


def as_lines(answer: Mapping[str, Any]) -> str:
    """JSON with a line for each key, and for each item of a list."""
    lines = []
    for key, value in answer.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
            lines.append(f"  {json.dumps(key)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `2 h`, `4 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


class Waiting:
    """Shows parts while they start. Call it with the parts as they are."""

    def __init__(self) -> None:
        self._live = Live(console=ui.err(), transient=True, auto_refresh=False) if ui.err().is_terminal else None
        self._told: dict[str, str] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, parts: Sequence[Part]) -> None:
        if self._live:
            self._live.update(parts_table(parts), refresh=True)
            return
        for part in parts:
            if self._told.get(part.name) != part.state:
                self._told[part.name] = part.state
                elapsed = time.monotonic() - self._started
                ui.err().print(f"services: {elapsed:5.1f} s  {part.name} {part.state}", markup=False)
