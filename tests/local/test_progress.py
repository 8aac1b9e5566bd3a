"""A part that starts is waited for as long as it gets on, and no longer."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops.local.progress import LONGEST, Progress

PATIENCE = 30.0


@contextmanager
def process(program: str) -> Iterator[int]:
    """A Python process that does this."""
    command = [sys.executable, "-c", f"print('begun', flush=True); {program}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            # The interpreter's own start is over before the first look.
            assert started.stdout
            assert started.stdout.readline() == "begun\n"
            yield started.pid
        finally:
            started.kill()


def cpu_seconds(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def test_one_that_writes_is_waited_for_and_one_that_has_stopped_writing_is_not(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with process("import time; time.sleep(600)") as pid:
        progress, began = Progress(PATIENCE), time.monotonic()
        for turn in range(4):
            log.write_text("x" * (turn + 1))
            assert progress.goes_on(pid, log, began + 20 * turn)
        assert progress.goes_on(pid, log, began + 60 + PATIENCE - 1)
        assert not progress.goes_on(pid, log, began + 60 + PATIENCE + 1)


def test_one_that_computes_is_waited_for_although_it_writes_nothing(tmp_path: Path) -> None:
    with process("all(True for _ in iter(int, 1))") as pid:
        progress = Progress(0.2)
        log = tmp_path / "none.log"
        until = time.monotonic() + 10
        before = cpu_seconds(pid)
        while cpu_seconds(pid) - before < 0.5 and time.monotonic() < until:
            going = progress.goes_on(pid, log, time.monotonic())
            time.sleep(0.05)
            assert going or time.monotonic() - progress._began > LONGEST * progress.patience


def test_one_that_computes_for_ever_and_never_answers_is_given_up(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    progress, began = Progress(PATIENCE), time.monotonic()
    turn = 0
    for turn in range(1, LONGEST * 3):
        log.write_text("x" * turn)
        if not progress.goes_on(0, log, began + turn * PATIENCE / 2):
            break
    assert turn * PATIENCE / 2 == pytest.approx(LONGEST * PATIENCE, rel=0.1)
