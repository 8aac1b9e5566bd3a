"""How the local stack's parts are shown: a table that is drawn anew in a terminal, lines in a pipe."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.table import Table

from mlops.cli import ui
from mlops.local.stack import Part

NOTHING: Mapping[str, int] = {}
_COLOURS = {"works": "green", "starts": "yellow", "stopped": "dim"}


def parts_table(parts: Sequence[Part], memory: Mapping[str, int] = NOTHING) -> Table:
    """One row a part."""
    table = ui.table("Local stack", "Part", "State", "Address", "Process", "Up", "Memory", "Restarts", "", rows=())
    for part in parts:
        colour = _COLOURS.get(part.state, "red")
        table.add_row(
            part.name,
            f"[{colour}]{part.state}[/]",
            part.url or "",
            str(part.pid or ""),
            duration(time.time() - part.started) if part.started else "",
            f"{memory[part.name] / 1024**2:,.0f} MB" if memory.get(part.name) else "",
            str(part.restarts or ""),
            _cell(part.detail or part.what),
        )
    return table


def as_data(parts: Sequence[Part], served: Mapping[str, Any], memory: Mapping[str, int]) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "parts": [
            {**asdict(part), "works": part.state == "works", "memory_bytes": memory.get(part.name, 0)} for part in parts
        ],
        "works": bool(parts) and all(part.state == "works" for part in parts),
        "serving": dict(served),
    }


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


def _cell(text: str) -> str:
    from rich.markup import escape

    return f"[dim]{escape(ui.shortened(text, 80))}[/]"
