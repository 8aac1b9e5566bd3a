"""Running a command and telling how long it took and how much memory it had."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlops.local import processes

ROOT = Path(__file__).resolve().parent.parent
MARK = "BENCH_RUN"
"""Variable in the environment of everything that a bench starts, however far from it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process, from its start to its end."""

    seconds: float
    cpu_seconds: float
    """What it took of the processors: nearly the same on a busy machine."""
    megabytes: float
    """Peak resident set."""
    out: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. A promise of 0 is none: the line is there to be compared with."""

    what: str
    promised: float
    measured: float
    unit: str
    note: str = ""
    none_allowed: bool = False
    """Whether 0 is the promise: not one of them."""

    @property
    def kept(self) -> bool:
        if self.none_allowed:
            return self.measured == 0
        return not self.promised or self.measured <= self.promised


def run(command: Sequence[str], variables: Mapping[str, str] | None = None, folder: Path = ROOT) -> Run:
    """Run a command in the project's folder, or another one.

    Raises:
        RuntimeError: it failed; with its error output.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **(variables or {})}, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {err.read()[-2000:]}")
        kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        cpu = usage.ru_utime + usage.ru_stime
        return Run(seconds=seconds, cpu_seconds=cpu, megabytes=kilobytes / 1024, out=out.read())


def leave_nothing() -> None:
    """End every process that this bench has started and that has not ended: servers in sessions of their own too."""
    own: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(os.getpid()):
                own.append(process)
        except psutil.Error:
            # It ended meanwhile, or it is somebody else's.
            continue
    processes.end(own)


def best(command: Sequence[str], variables: Mapping[str, str] | None = None, times: int = 5) -> Run:
    """The quickest of several runs: what the machine did beside is in the others."""
    return min((run(command, variables) for _ in range(times)), key=lambda one: one.seconds)


def mlops(*arguments: str) -> list[str]:
    """The command line as it is installed."""
    return [str(Path(sys.executable).parent / "mlops"), *arguments]
