"""Models of any size, and a service process to ask."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import numpy as np
from scipy.sparse import csr_array

from recommender.model import Model

_SERVICES = Path(__file__).resolve().parent.parent
_START_SECONDS = 60.0


def make_model(users: int, products: int, interactions: int, seed: int, version: str = "") -> Model:
    """A collaborative model over random data with a long tail, of the size and shape of a trained one."""
    draw = np.random.default_rng(seed)
    taken = np.minimum(draw.pareto(1.0, interactions) * products / 500, products - 1).astype(np.int32)
    pairs = csr_array(
        (np.ones(interactions, np.float32), (draw.integers(0, users, interactions), taken)), shape=(users, products)
    )
    pairs.sum_duplicates()
    width = min(50, products)
    columns = np.concatenate([draw.choice(products, width, replace=False) for _ in range(products)])
    neighbours = csr_array(
        (draw.random(products * width).astype(np.float32), columns, np.arange(0, products * width + 1, width)),
        shape=(products, products),
    )
    return Model.collaborative(
        [f"user-{number}" for number in range(users)],
        [f"product-{number}" for number in range(products)],
        pairs,
        neighbours,
        np.asarray(pairs.sum(axis=0)),
        model_version=version,
        data_version="random",
    )


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    """Whether the URL answers 200; no proxy is asked."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def busy_seconds() -> float:
    """Processor time of the whole machine since it started, idle time and waiting for disks left out."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class ServiceProcess:
    """`python -m recommender` on a port of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    def wait(self, path: str = "/ready") -> float:
        """Wait until the path answers 200; the seconds that it took.

        Raises:
            RuntimeError: the process ended, or a minute passed; with the end of its log.
        """
        started = time.monotonic()
        while time.monotonic() - started < _START_SECONDS:
            if self.process.poll() is not None:
                break
            if answers(f"{self.url}{path}"):
                return time.monotonic() - started
            time.sleep(0.02)
        raise RuntimeError(f"the service did not come up:\n{self.log.read_text()[-2000:]}")

    def memory_mb(self) -> float:
        """Resident memory in MB; mapped model files count once they are touched."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return float("nan")

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def service(environment: Mapping[str, str], folder: Path) -> Iterator[ServiceProcess]:
    """A running service; it is told to stop at the end, and killed where it does not."""
    port = free_port()
    log = folder / f"service-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "recommender"],
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "PYTHONPATH": str(_SERVICES), **environment},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield ServiceProcess(process, port, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
