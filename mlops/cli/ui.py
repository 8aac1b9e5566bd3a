"""How the commands print: tables and trees on stdout, progress and errors on stderr, plain text in a pipe."""

import json
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

# rich is loaded when something is printed with it, so that `--help` need not wait for it.
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 140
"""Columns in a pipe, where there is no window to fit into."""


@cache
def out() -> "Console":
    return _console(stderr=False)


@cache
def err() -> "Console":
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, emoji=False)


def table(title: str, *columns: str | tuple[str, str], rows: Sequence[Sequence[str]]) -> "Table":
    """A table whose cells are printed as they are. A column given as (name, "right") holds numbers."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        if isinstance(column, tuple):
            made.add_column(column[0], justify="right", no_wrap=True)
        else:
            made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    return made


def print_json(value: Any, *, sort_keys: bool = False) -> None:
    """One JSON document, indented, with nothing around it."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=sort_keys) + "\n")


def problem(message: str) -> None:
    """An error, for whoever has to act on it."""
    console = err()
    console.print("[bold red]Error:[/] ", end="")
    console.print(message, markup=False, soft_wrap=True)


def note(message: str) -> None:
    """What the user should know, beside the result."""
    err().print(message, style="dim", markup=False, soft_wrap=True)


def counted(number: int, word: str) -> str:
    """`1 resource`, `1,204 resources`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def shortened(value: Any, width: int = 60) -> str:
    """A value in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
