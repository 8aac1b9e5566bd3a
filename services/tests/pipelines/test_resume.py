"""A process that is killed at any step, and the rerun that heals."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import snapshots
from pipelines.errors import BusyError, GateError, InputError, ServiceError
from pipelines.lease import alone
from pipelines.loop import STEPS, LoopOptions, Step
from pipelines.runner import run_loop, run_step
from pipelines.settings import Settings
from tests.pipelines.shop import Shop, made


class Told:
    """Notes what the loop says."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.restored: list[str] = []

    def begins(self, step: Step) -> None:
        pass

    def ends(self, step: Step, result: Any, seconds: float, *, restored: bool) -> None:
        (self.restored if restored else self.done).append(step.name)


@pytest.fixture
def mortal(
    live: Shop, environment: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> Iterator[Callable[[str, str | None], int]]:
    """Runs the loop of `live` in a process that is killed within or after a step; gives how it ended."""
    services = Path(__file__).parents[2]
    with (tmp_path / "mortal.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.pipelines.mortal"],
            env={**os.environ, **environment(live.settings)},
            cwd=services,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        orders, answers = process.stdin, process.stdout
        assert orders is not None
        assert answers is not None

        def run(step: str, moment: str | None) -> int:
            orders.write(json.dumps({"step": step, "moment": moment}) + "\n")
            orders.flush()
            answer = answers.readline()
            assert answer, (tmp_path / "mortal.log").read_text()[-2000:]
            return int(answer)

        yield run
        orders.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        answers.close()
        process.wait()


@pytest.mark.timeout(600)
def test_a_process_killed_twice_at_every_step_ends_as_if_nothing_had_happened(
    live: Shop, mortal: Callable[[str, str | None], int]
) -> None:
    generated = made(events=1_500)
    live.fill(generated)
    live.context().stream.put(generated.events.slice(0, 200).to_pylist())
    deaths = [mortal(step.name, moment) for step in STEPS for moment in ("within", "after")]
    # The last step writes nothing but its own record: killed after that, nothing is left to die in.
    assert deaths == [*[-signal.SIGKILL] * (2 * len(STEPS) - 1), 0]

    found = live.context()
    consenting = set(generated.users.filter(generated.users["consent"])["user_id"].to_pylist())
    wanted = sum(user in consenting for user in generated.events["user_id"].to_pylist())
    champion = live.champion()
    assert [version.number for version in found.tracking.versions()] == [champion.number]
    snapshot = snapshots.find(found.lake, champion.tags["data_version"])
    assert snapshot is not None
    assert snapshot.rows == wanted
    assert found.lake.keys("raw", "inbox/") == []
    assert not (live.settings.state / "loop" / "unfinished.json").exists()


@pytest.fixture
def away(live: Shop, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of `live` while MLflow is away."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return replace(live.settings, tracking_uri="http://127.0.0.1:9")


def test_an_unfinished_run_goes_on_with_what_is_done(live: Shop, away: Settings) -> None:
    live.fill(made(events=1_500))
    first, second = Told(), Told()
    with pytest.raises(ServiceError, match=r"MLflow at http://127\.0\.0\.1:9"):
        run_loop(away, LoopOptions(), progress=first, clock=lambda: live.now)
    run_loop(live.settings, LoopOptions(), progress=second, clock=lambda: live.now)
    assert first.done == second.restored == ["ingest", "validate", "features"]
    assert second.done == [step.name for step in STEPS[3:]]


def test_an_unfinished_run_of_two_hours_ago_is_not_gone_on_with(live: Shop, away: Settings) -> None:
    live.fill(made(events=1_500))
    with pytest.raises(ServiceError):
        run_loop(away, LoopOptions(), clock=lambda: live.now)
    live.now += timedelta(hours=2)
    told = Told()
    run_loop(live.settings, LoopOptions(), progress=told, clock=lambda: live.now)
    assert told.restored == []


def test_other_options_make_a_step_run_again(shop: Shop) -> None:
    shop.fill(made(events=300))
    run_step("ingest", shop.context())
    told = Told()
    run_step("ingest", shop.context(), progress=told)
    assert told.restored == ["ingest"]
    run_step("ingest", shop.context(LoopOptions(assume_consent=True)), progress=told)
    assert told.done == ["ingest"]


def test_a_step_alone_says_what_has_to_run_before(shop: Shop) -> None:
    with pytest.raises(InputError, match="needs ingest"):
        run_step("validate", shop.context())


def test_a_run_that_a_gate_stopped_is_over(shop: Shop) -> None:
    with pytest.raises(GateError):
        shop.loop()
    assert not (shop.settings.state / "loop" / "unfinished.json").exists()


def test_two_loops_on_one_state_are_refused(shop: Shop) -> None:
    with alone(shop.settings), pytest.raises(BusyError, match="already runs"):
        shop.loop()


def test_a_command_waits_for_a_look_of_the_worker_to_end(shop: Shop) -> None:
    seen: list[str] = []

    def look() -> None:
        with alone(shop.settings):
            begun.set()
            time.sleep(0.3)
            seen.append("look")

    begun = threading.Event()
    worker = threading.Thread(target=look)
    worker.start()
    begun.wait(10)
    with alone(shop.settings, patience_seconds=10):
        seen.append("command")
    worker.join()
    assert seen == ["look", "command"]
