"""`make bench` shows what it has measured at once, and leaves nothing running when it is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.__main__ import line

ROOT = Path(__file__).resolve().parent.parent

SERVER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
STARTER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True)
time.sleep(600)
"""
BENCH = """
import sys
from bench import __main__ as bench
from bench.measure import Row, run

def rows():
    yield Row(what="a first promise", promised=2, measured=1, unit="s")
    run([sys.executable, "-c", *sys.argv[1:]])

bench.PARTS.clear()
bench.PARTS["slow"] = rows
sys.exit(bench.main([]))
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_bench_has_shown_its_rows_and_leaves_no_process(stop: signal.Signals, tmp_path: Path) -> None:
    """Not even a server in a session of its own, which no signal from a terminal reaches."""
    note = tmp_path / "pid"
    command = [sys.executable, "-c", BENCH, STARTER, SERVER, str(note)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout
        assert "Promised" in bench.stdout.readline()
        assert "a first promise" in bench.stdout.readline()
        until = time.monotonic() + 60
        while not note.is_file() or not note.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        server = psutil.Process(int(note.read_text()))
        children = psutil.Process(bench.pid).children(recursive=True)
        bench.send_signal(stop)
        out, _ = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert "Stopped." in out
    gone, alive = psutil.wait_procs([server, *children], timeout=10)
    assert server in gone
    assert alive == []


def test_the_cells_of_a_row_stand_below_those_of_the_others() -> None:
    first = line("What", "Promised", "Measured", "Of it", "")
    assert len(line("x", "1.00 s", "0.50 s", "50%", "")) == len(first)
