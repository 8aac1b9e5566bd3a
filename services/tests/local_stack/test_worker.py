"""The loop's resident process: commands in forks, one at a time, none outliving it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

_START_SECONDS = 120.0


@dataclass(frozen=True)
class Resident:
    """A worker process and its socket."""

    process: subprocess.Popen[bytes]
    path: Path

    def ask(self, *arguments: str, stay: bool = False, **environment: str) -> tuple[str, dict[str, object]]:
        """Output and answer of a command."""
        with self.connect(*arguments, stay=stay, **environment) as connection:
            output, _, answer = connection.makefile("rb").read().partition(b"\0")
        return output.decode(), json.loads(answer)

    def connect(self, *arguments: str, stay: bool = False, **environment: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(str(self.path))
        request = {"arguments": arguments, "environment": environment, "stay": stay}
        connection.sendall(json.dumps(request).encode() + b"\n")
        return connection

    def forks(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    """A worker with everything imported, and no settings."""
    path = tmp_path_factory.mktemp("w") / "s"
    command = [sys.executable, "-m", "local_stack.worker", "--socket", str(path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    end = time.monotonic() + _START_SECONDS
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    yield Resident(process, path)
    process.kill()
    process.wait()


def until(condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_command_gives_its_output_and_its_exit_code(resident: Resident) -> None:
    output, answer = resident.ask("--help")
    assert "run-loop" in output
    assert answer == {"exit": 0}
    output, answer = resident.ask("run-loop")
    assert "MLOPS_BUCKET_RAW" in output
    assert answer == {"exit": 2}


def test_a_command_sees_its_own_environment_and_leaves_none_behind(resident: Resident) -> None:
    output, _ = resident.ask("run-loop", MLOPS_BUCKET_RAW="here")
    assert "MLOPS_BUCKET_RAW" not in output
    output, _ = resident.ask("run-loop")
    assert "MLOPS_BUCKET_RAW" in output


def test_a_command_starts_without_waiting_for_imports(resident: Resident) -> None:
    resident.ask("run-loop")
    before = time.process_time(), time.monotonic()
    resident.ask("run-loop")
    assert time.monotonic() - before[1] < 5


def settings(tmp_path: Path) -> dict[str, str]:
    """Settings with which a command waits for a server that takes connections and never answers."""
    names = ("MLOPS_BUCKET_RAW", "MLOPS_BUCKET_CURATED", "MLOPS_BUCKET_FEATURES", "MLOPS_BUCKET_ARTIFACTS")
    return {
        **dict.fromkeys(names, "bucket"),
        "MLOPS_STREAM": "stream",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MLOPS_STATE": str(tmp_path),
    }


@pytest.fixture
def silence() -> Iterator[str]:
    """Address of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_second_command_is_refused_while_one_runs_and_hanging_up_ends_it(
    resident: Resident, tmp_path: Path, silence: str
) -> None:
    with resident.connect("run-loop", AWS_ENDPOINT_URL=silence, **settings(tmp_path)):
        until(resident.forks)
        _, answer = resident.ask("--help")
        assert "Another command of the loop is running" in str(answer["busy"])
    until(lambda: not resident.forks())
    assert resident.ask("--help")[1] == {"exit": 0}


def test_probes_are_no_commands(resident: Resident) -> None:
    for greeting in (b"null\n", b"not json\n", b""):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(resident.path))
            probe.sendall(greeting)
    assert resident.ask("--help")[1] == {"exit": 0}


def test_no_fork_outlives_a_killed_worker(tmp_path: Path, resident: Resident, silence: str) -> None:
    with resident.connect("run-loop", AWS_ENDPOINT_URL=silence, **settings(tmp_path)):
        until(resident.forks)
        forks = [psutil.Process(fork) for fork in resident.forks()]
        os.kill(resident.process.pid, signal.SIGKILL)
        resident.process.wait()
        gone, alive = psutil.wait_procs(forks, timeout=20)
    assert gone
    assert not alive
