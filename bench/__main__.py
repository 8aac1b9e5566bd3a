"""`python -m bench [part …] [--without=services]`: prints what was promised and what was measured, in one table.

The part `services` takes about half an hour: the recommender under load, the loop on millions of events.
"""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from bench import commands, cost, growth, layers, rules, services
from bench.measure import Row

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "commands": commands.rows,
    "rehearsal": commands.rehearsal,
    "layers": layers.rows,
    "growth": growth.rows,
    "cost": cost.rows,
    "rules": rules.rows,
    "services": services.rows,
}


def main(arguments: Sequence[str]) -> int:
    skipped = {one.removeprefix("--without=") for one in arguments if one.startswith("--without=")}
    chosen = [one for one in arguments if not one.startswith("--without=")]
    unknown = [part for part in (*chosen, *sorted(skipped)) if part not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]}. Parts: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    table = Table(title="Promised and measured", title_justify="left")
    for name in ("What", "Promised", "Measured", "Of the promise", ""):
        table.add_column(name, justify="right" if name not in ("What", "") else "left")
    broken = 0
    # In a file nobody wraps lines, and eighty columns would break every name.
    console = Console(width=None if sys.stdout.isatty() else 150)
    for part in (one for one in chosen or PARTS if one not in skipped):
        with console.status(f"Measuring {part} …"):
            for row in PARTS[part]():
                broken += not row.kept
                table.add_row(*cells(row))
    console.print(table)
    processors, load = os.cpu_count() or 1, os.getloadavg()[0]
    console.print(f"Python {platform.python_version()}, {processors} CPUs, load {load:.1f}")
    if load > processors + 0.5:
        console.print("This machine is busy: on one of their own these take less.", style="yellow")
    console.print(f"{broken} promises broken" if broken else "Every promise is kept.")
    return 0


def cells(row: Row) -> tuple[str, ...]:
    """A row as text; the ratio is red where the promise is broken."""
    promised = f"{number(row.promised)} {row.unit}" if row.promised else f"no {row.unit}" if row.none_allowed else ""
    share = f"{row.measured / row.promised:.0%}" if row.promised else ""
    colour = "green" if row.kept else "bold red"
    return row.what, promised, f"{number(row.measured)} {row.unit}", f"[{colour}]{share}[/]", row.note


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
