"""Printing the logs of the local stack's parts, and going on as they grow."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

_TURN_SECONDS = 0.3


def tail(name: str, path: Path, lines: int) -> int:
    """Print the last lines of a file, each after `name`; where the file ended, in bytes."""
    with path.open("rb") as file:
        last = deque(file, maxlen=lines)
        end = file.tell()
    for line in last:
        _print(name, line)
    return end


def follow_files(files: Mapping[str, Path], ends: Mapping[str, int], *, prefixed: bool) -> None:
    """Print what is added, until interrupted. A file that was rotated is read from its start."""
    at = dict(ends)
    while True:
        for name, path in files.items():
            at[name] = _more(name if prefixed else "", path, at[name])
        sys.stdout.flush()
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
