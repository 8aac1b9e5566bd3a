"""How long the loop takes: on a laptop's sample, and on files of millions of events."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.aws import emulated, lake
from bench.fixtures import answers, service
from bench.registry import NAME, mlflow_server
from bench.rows import Row

_SERVICES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Data:
    """How much the loop is run on."""

    users: int
    products: int
    events: int
    parquet: bool
    seconds: float
    """Promised."""
    gigabytes: float | None
    """Promised peak memory of the loop's process."""


SAMPLE = Data(100, 50, 5_000, parquet=False, seconds=40, gigabytes=None)
BULK = Data(1_000_000, 10_000, 5_000_000, parquet=True, seconds=300, gigabytes=6)


def rows(data: Data, folder: Path) -> Iterator[Row]:
    """Run the loop once, from files in the inbox to a champion that answers, on real servers of its own."""
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(emulated(folder))
        uri = stack.enter_context(mlflow_server(folder))
        environment = {
            **lake(aws),
            "MLFLOW_TRACKING_URI": uri,
            "MLOPS_ADMIN_TOKEN": "bench",
            "MLOPS_MODEL_NAME": NAME,
            "MLOPS_MODEL_CACHE": str(folder / "cache"),
            "MLOPS_STATE": str(folder / "state"),
            "PYTHONPATH": str(_SERVICES),
        }
        served = stack.enter_context(service({**environment, "MLOPS_POLL_SECONDS": "1"}, folder))
        served.wait("/health")
        environment["MLOPS_SERVING_URL"] = served.url
        size = ["--users", str(data.users), "--products", str(data.products), "--events", str(data.events)]
        _pipelines(["generate", *size, *(["--parquet"] if data.parquet else [])], environment, folder)
        seconds, gigabytes, log = _pipelines(["run-loop"], environment, folder)
        ready = answers(f"{served.url}/ready")
    what = f"the loop on {data.events:,} events of {data.users:,} users"
    slowest = ", ".join(f"{name} {took}" for took, name in sorted(_steps(log), reverse=True)[:3])
    note = f"slowest: {slowest} s" if ready else "no model answers at the end"
    yield Row(
        what=f"{what}, to a live model",
        measured=seconds if ready else float("nan"),
        unit="s",
        promised=data.seconds,
        note=note,
    )
    yield Row(what=f"{what}, peak memory of its process", measured=gigabytes, unit="GB", promised=data.gigabytes)


def _pipelines(arguments: list[str], environment: Mapping[str, str], folder: Path) -> tuple[float, float, str]:
    """Run a command of the loop: seconds, peak memory in GB, and what it said.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    log = folder / f"{arguments[0]}.log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", *arguments],
            env={**os.environ, **environment},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text()
    if process.returncode:
        raise RuntimeError(f"`pipelines {' '.join(arguments)}` ended with {process.returncode}:\n{said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.monotonic() - started, usage.ru_maxrss * unit / 1e9, said


def _steps(log: str) -> Iterator[tuple[float, str]]:
    """Seconds and name of each step, from the lines `✓ ingest  0.6 s  …`."""
    for line in log.splitlines():
        words = line.split()
        if len(words) > 3 and words[0] == "✓" and words[3] == "s":
            yield float(words[2].replace(",", "")), words[1]
