"""An operation that is stopped in the middle: nothing is lost, and the next one goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.conftest import ROOT
from tests.plan.programs import PROJECT, STACK

pytestmark = pytest.mark.engine


class Driver:
    """The driver in a process of its own."""

    def __init__(self, folder: Path, binary: Path, operation: str, delay: float) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.localcloud.driver", str(folder), str(binary), operation, str(delay)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, count: int, words: str) -> None:
        """Wait until this was said so often."""
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())
            if sum(words in said for said in self.lines) >= count:
                return
        raise AssertionError("\n".join(self.lines))

    def end(self) -> dict[str, Any]:
        """What it says last, when it has ended."""
        output, _ = self.process.communicate(timeout=120)
        self.lines += output.splitlines()
        assert self.process.returncode in (0, 1), "\n".join(self.lines)
        assert self.lines[-1].startswith("{"), "\n".join(self.lines)
        outcome: dict[str, Any] = json.loads(self.lines[-1])
        return outcome

    @property
    def locks(self) -> list[Path]:
        return list((self.folder / "backend/.pulumi/locks/organization" / PROJECT / STACK).glob("*.json"))

    @property
    def pending(self) -> list[str]:
        state = json.loads((self.folder / f"backend/.pulumi/stacks/{PROJECT}/{STACK}.json").read_text())
        return [row["resource"]["urn"] for row in state["checkpoint"]["latest"].get("pending_operations") or ()]

    def kill(self) -> None:
        """`kill -9` to the driver and to the engine that it started, while something is being done."""
        while not self.pending:
            time.sleep(0.02)
        engine = json.loads(self.locks[0].read_text())["pid"]
        for process in (self.process.pid, engine):
            os.kill(process, signal.SIGKILL)
        self.process.wait()
        while Path(f"/proc/{engine}").exists():
            time.sleep(0.05)


@pytest.fixture
def drive(tmp_path: Path, pulumi: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(operation: str = "up", delay: float = 0.0) -> Driver:
        started.append(Driver(tmp_path / "state", pulumi, operation, delay))
        return started[-1]

    yield start
    for driver in started:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.wait()


def goes_on(drive: Callable[..., Driver]) -> list[str]:
    """The next up makes the rest, the one after has nothing to do, and everything can be destroyed."""
    healing = drive()
    outcome = healing.end()
    assert outcome["failures"] == []
    assert outcome["counts"]["create"] >= 1
    assert set(drive().end()["counts"]) == {"same"}
    assert drive("destroy").end()["left"] == 0
    return healing.lines


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_polite_kill_let_the_engine_finish_what_it_has_begun(
    drive: Callable[..., Driver], end: signal.Signals
) -> None:
    running = drive(delay=0.25)
    running.until(3, "done create")
    running.process.send_signal(end)
    outcome = running.end()
    assert outcome["interrupted"]
    assert outcome["failures"] == []
    assert running.locks == []
    assert running.pending == []
    assert not [line for line in running.lines if "Traceback" in line]
    goes_on(drive)


def test_kill_9_in_the_middle_of_an_up(drive: Callable[..., Driver]) -> None:
    running = drive(delay=0.25)
    running.until(3, "done create")
    running.kill()
    assert running.locks
    said = goes_on(drive)
    assert any("was stopped hard; its lock was removed and it goes on" in line for line in said)


def test_kill_9_just_after_the_cloud_made_something_that_the_engine_never_heard_of(
    drive: Callable[..., Driver],
) -> None:
    running = drive(delay=0.25)
    running.until(3, "done create")
    running.kill()
    world = running.folder / "world.jsonl"
    made = {json.loads(line).get("put", {}).get("urn") for line in world.read_text().splitlines()}
    pending = sorted(running.pending, key=made.__contains__)
    lost = pending[0]
    state = json.loads((running.folder / f"backend/.pulumi/stacks/{PROJECT}/{STACK}.json").read_text())
    (row,) = [
        each["resource"]
        for each in state["checkpoint"]["latest"]["pending_operations"]
        if each["resource"]["urn"] == lost
    ]
    thing = {"type": row["type"], "id": "made-before-the-end", "urn": lost, "name": lost.rpartition("::")[2]}
    if lost not in made:
        put = {**thing, "provider": "000000000000:eu-west-1", "inputs": {}, "outputs": {}}
        with world.open("a") as journal:
            journal.write(json.dumps({"put": put}) + "\n")
    said = goes_on(drive)
    assert any(f"{thing['name']} was made just before the stop and is taken over" in line for line in said)


def test_kill_9_in_the_middle_of_a_destroy(drive: Callable[..., Driver]) -> None:
    assert drive().end()["failures"] == []
    running = drive("destroy", delay=0.25)
    running.until(3, "done delete")
    running.kill()
    assert drive("destroy").end()["left"] == 0


def test_a_second_up_is_told_that_the_first_is_still_running(drive: Callable[..., Driver]) -> None:
    running = drive(delay=0.25)
    running.until(1, "done create")
    second = drive()
    output, _ = second.process.communicate(timeout=60)
    assert second.process.returncode == 3
    assert "busy: Another process works in" in output
    assert running.end()["failures"] == []


def test_a_journal_line_that_was_cut_off_is_ignored(drive: Callable[..., Driver]) -> None:
    running = drive()
    assert running.end()["failures"] == []
    with (running.folder / "world.jsonl").open("a") as journal:
        journal.write('{"put": {"type": "aws:ec2/vpc:V')
    assert set(drive().end()["counts"]) == {"same"}
