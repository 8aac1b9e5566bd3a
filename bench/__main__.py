"""`python -m bench [part …] [--without=services]`: what was promised beside what was measured, line by line.

The part `services` takes about half an hour: the recommender under load, the loop on millions of events. Stopped with
^C, nothing of it goes on.
"""

import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from rich.console import Console

from bench import commands, cost, everything, grid, growth, layers, rules, services
from bench.measure import MARK, Row, leave_nothing

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "commands": commands.rows,
    "rehearsal": commands.rehearsal,
    "everything": everything.rows,
    "layers": layers.rows,
    "growth": growth.rows,
    "grid": grid.rows,
    "cost": cost.rows,
    "rules": rules.rows,
    "services": services.rows,
}
WIDTHS = (62, 12, 14, 7)
STOPPED = 130


def main(arguments: Sequence[str]) -> int:
    skipped = {one.removeprefix("--without=") for one in arguments if one.startswith("--without=")}
    chosen = [one for one in arguments if not one.startswith("--without=")]
    unknown = [part for part in (*chosen, *sorted(skipped)) if part not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]}. Parts: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    os.environ[MARK] = str(os.getpid())
    signal.signal(signal.SIGTERM, _stop)
    try:
        return measure([one for one in chosen or PARTS if one not in skipped])
    except KeyboardInterrupt:
        print("Stopped. What is above was measured; nothing goes on.", flush=True)
        return STOPPED
    finally:
        leave_nothing()


def measure(parts: Sequence[str]) -> int:
    """Measure part after part, a line as soon as there is one."""
    # In a file nobody wraps lines, and eighty columns would break every name.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    console.print(line("What", "Promised", "Measured", "Of it", ""), style="bold", markup=False)
    broken = 0
    for part in parts:
        with console.status(f"Measuring {part} …"):
            for row in PARTS[part]():
                broken += not row.kept
                console.print(line(*cells(row)), style=None if row.kept else "bold red", markup=False, soft_wrap=True)
                sys.stdout.flush()
    processors, load = os.cpu_count() or 1, os.getloadavg()[0]
    console.print(f"Python {platform.python_version()}, {processors} CPUs, load {load:.1f}")
    if load > processors + 0.5:
        console.print("This machine is busy: on one of their own these take less.", style="yellow")
    console.print(f"{broken} promises broken" if broken else "Every promise is kept.")
    return 0


def line(what: str, promised: str, measured: str, share: str, note: str) -> str:
    """Cells below one another, whatever is still to come."""
    first, *others = WIDTHS
    right = " ".join(f"{cell:>{width}}" for cell, width in zip((promised, measured, share), others, strict=True))
    return f"{what:<{first}} {right}  {note}".rstrip()


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """A row as text."""
    promised = f"{number(row.promised)} {row.unit}" if row.promised else f"no {row.unit}" if row.none_allowed else ""
    share = f"{row.measured / row.promised:.0%}" if row.promised else ""
    return row.what, promised, f"{number(row.measured)} {row.unit}", share, row.note


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
