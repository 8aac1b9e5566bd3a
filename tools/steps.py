"""Running one step of set-up so that whoever waits sees what happens and for how long."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BEAT_SECONDS = 15
LAST_LINES = 15


class StepError(Exception):
    """A command failed; the message names the step and the end of its output was printed."""


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)  # noqa: T201


def run(
    step: str,
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    progress: Callable[[list[str]], str] | None = None,
) -> list[str]:
    """Run a command to its end and return its output by lines, saying every 15 seconds that it still runs.

    `progress` turns the output so far into what is added to that line.

    Raises:
        StepError: the command could not be started or ended with an error.
    """
    say(f"{step} …")
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=env)
        except OSError as error:
            raise StepError(f"{step}: {error}") from error
        try:
            while True:
                try:
                    process.wait(BEAT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    more = f", {progress(_lines(output.fileno()))}" if progress else ""
                    say(f"  … {time.monotonic() - started:.0f} s{more}")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        lines = _lines(output.fileno())
    if process.returncode:
        for line in lines[-LAST_LINES:]:
            say(f"  | {line}")
        raise StepError(f"{step}: failed after {time.monotonic() - started:.0f} s")
    return lines


def _lines(descriptor: int) -> list[str]:
    """What the child wrote so far. Read at a position: the child shares the file's offset."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode(errors="replace").splitlines()
