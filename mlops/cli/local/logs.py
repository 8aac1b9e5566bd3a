"""Printing the logs of the local stack's parts, and going on as they grow."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from mlops.cli import ui

_TURN_SECONDS = 0.3


def tail(name: str, path: Path, lines: int) -> int:
    """Print the last lines of a file, each after `name`; where the file ended, in bytes."""
    last, end = _last(path, lines)
    for line in last:
        _print(name, line)
    return end


def last_lines(path: Path, lines: int) -> list[str]:
    """The last lines of a file, as texts."""
    return [line.decode(errors="replace").rstrip("\n") for line in _last(path, lines)[0]]


def _last(path: Path, lines: int) -> tuple[deque[bytes], int]:
    with path.open("rb") as file:
        return deque(file, maxlen=lines), file.tell()


def follow_files(files: Mapping[str, Path], ends: Mapping[str, int], *, prefixed: bool) -> None:
    """Print what is added, until interrupted or unread. A file that was rotated is read from its start."""
    at = dict(ends)
    while True:
        for name, path in files.items():
            at[name] = _more(name if prefixed else "", path, at[name])
        if ui.reader_gone():
            return
        time.sleep(_TURN_SECONDS)


def _more(name: str, path: Path, start: int) -> int:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(start if start <= size else 0)
            end = file.tell()
            for line in file:
                if not line.endswith(b"\n"):
                    # Its end is still being written.
                    break
                _print(name, line)
                end += len(line)
            return end
    except FileNotFoundError:
        return 0


def _print(name: str, line: bytes) -> None:
    text = line.decode(errors="replace").rstrip("\n")
    sys.stdout.write(f"{name:<12}{text}\n" if name else f"{text}\n")
