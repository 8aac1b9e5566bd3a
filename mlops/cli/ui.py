"""How the commands print: tables and trees on stdout, progress and errors on stderr, plain text in a pipe."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

# rich is loaded when something is printed with it, so that `--help` need not wait for it.
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

JSON_VERSION = 1
"""Of every document that --json prints. It grows when a key goes or means something else, not when one is added;
`docs/output.schema.json` describes them."""

PIPE_WIDTH = 10_000
"""Columns in a pipe: no line is broken there, so that a search by lines finds every name whole."""
_HELP_WIDTH = 120
"""Columns of the help in a pipe, whose paragraphs and boxes would otherwise have eighty."""
_FILLING = re.compile(r" +(?=\n)")


class _Pipe:
    """A stream that is no terminal: without the spaces that fill a table's last column.

    Once nobody reads any more, what is printed is dropped: an operation that has begun is not broken off for that.
    """

    gone = False
    """Whether the reader of some stream has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(_FILLING.sub("", text))
        except BrokenPipeError:
            self._hang_up()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._hang_up()

    def _hang_up(self) -> None:
        """Send what is still to be written nowhere."""
        _Pipe.gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def prepare() -> None:
    """Make the process's streams take every text, and what prints the help behave in a pipe as everything else."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name) or open(os.devnull, "w")  # noqa: PTH123, SIM115 - closed by who started this
        # A terminal that knows ASCII only shows question marks; that is no reason to fail.
        stream.reconfigure(errors="replace")
        if not stream.isatty():
            setattr(sys, name, _Pipe(stream))
    if not sys.stdout.isatty():
        os.environ.setdefault("TERMINAL_WIDTH", str(_HELP_WIDTH))
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"


def reader_gone() -> bool:
    """Write out what is held back; whether somebody who read the output has gone before its end."""
    sys.stdout.flush()
    return _Pipe.gone


@cache
def out() -> "Console":
    return _console(stderr=False)


@cache
def err() -> "Console":
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    if (sys.stderr if stderr else sys.stdout).isatty():
        return Console(stderr=stderr, highlight=False, emoji=False)
    plain: dict[str, Any] = {"width": PIPE_WIDTH, "force_terminal": False, "no_color": True}
    return Console(stderr=stderr, **plain, highlight=False, emoji=False)


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


_documents: list[Mapping[str, Any]] = []
"""What this process has printed as JSON: at most one document."""


def print_json(document: Mapping[str, Any], *, sort_keys: bool = False) -> None:
    """One JSON document, indented, with its version and nothing around it."""
    _documents.append(document)
    _write_json({"version": JSON_VERSION, **document}, sort_keys=sort_keys)


def print_schema(schema: Mapping[str, Any]) -> None:
    """A JSON schema, which names its own version."""
    _documents.append(schema)
    _write_json(schema, sort_keys=False)


def _write_json(document: Mapping[str, Any], *, sort_keys: bool) -> None:
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(document, indent=2, ensure_ascii=not unicode, default=str, sort_keys=sort_keys)
    sys.stdout.write(f"{text}\n")


def problem_json(message: str, code: int, problems: Sequence[Mapping[str, Any]] = ()) -> None:
    """An error for a machine, unless the command has printed its document already."""
    if not _documents:
        print_json({"error": {"message": message, "code": code, "problems": list(problems)}})


def problem(message: str) -> None:
    """An error, for whoever has to act on it."""
    console = err()
    console.print("[bold red]Error:[/] ", end="")
    console.print(message, markup=False, soft_wrap=True)


def note(message: str) -> None:
    """What the user should know, beside the result."""
    err().print(message, style="dim", markup=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """`4 s`, `9 min 45 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02} s"


def counted(number: int, word: str) -> str:
    """`1 resource`, `1,204 resources`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def shortened(value: Any, width: int = 60) -> str:
    """A value in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
