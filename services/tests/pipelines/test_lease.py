"""One at a time, whichever machine the others are on."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pipelines import cli, lease
from pipelines.errors import BusyError
from pipelines.lake import Lake
from pipelines.lease import PLACE, alone
from pipelines.loop import STEPS, LoopOptions
from pipelines.settings import Settings
from pipelines.worker import Worker
from tests.pipelines.shop import Shop


def elsewhere(shop: Shop, name: str) -> Settings:
    """The same platform, seen from another machine."""
    return replace(shop.settings, state=shop.settings.state.parent / name)


def test_a_worker_on_another_machine_does_not_train_meanwhile(shop: Shop) -> None:
    other = elsewhere(shop, "other")
    with alone(shop.settings):
        with pytest.raises(BusyError, match="already runs elsewhere"), alone(other):
            pass
        assert Worker(other, LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append).look() == "busy"
    with alone(other):
        pass
    assert Lake(shop.settings).stamped("artifacts", PLACE) is None
    assert not [name for name, _ in shop.objects() if name.endswith(PLACE)], "no version stays behind"


def test_a_step_that_an_orchestrator_starts_waits_for_its_turn(
    shop: Shop, environment: Callable[[Settings], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.LOOK_PATIENCE_SECONDS", 0.2)
    # Called as a function and not as a command, whose streams are the process's own.
    monkeypatch.setattr("pipelines.cli._notes", Console(file=io.StringIO()))
    for name, value in environment(shop.settings).items():
        monkeypatch.setenv(name, value)
    step = cli._step_command(STEPS[0])
    with alone(elsewhere(shop, "other")), pytest.raises(BusyError, match="already runs elsewhere"):
        step("run-1")
    step("run-1")
    assert shop.context().lake.get("artifacts", "runs/run-1/ingest.json")


def test_a_command_on_another_machine_waits_for_its_turn(shop: Shop) -> None:
    begun, seen = threading.Event(), list[str]()

    def look() -> None:
        with alone(shop.settings):
            begun.set()
            time.sleep(0.3)
            seen.append("look")

    worker = threading.Thread(target=look)
    worker.start()
    begun.wait(30)
    with alone(elsewhere(shop, "other"), patience_seconds=30):
        seen.append("command")
    worker.join()
    assert seen == ["look", "command"]


def test_of_many_who_come_at_once_one_has_it(shop: Shop) -> None:
    gate, held, refused = threading.Barrier(6), list[str](), list[str]()
    done = threading.Event()

    def come(name: str) -> None:
        settings = elsewhere(shop, name)
        gate.wait(30)
        try:
            with alone(settings):
                held.append(name)
                done.wait(30)
        except BusyError:
            refused.append(name)

    threads = [threading.Thread(target=come, args=(f"machine-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while len(held) + len(refused) < 6 and time.monotonic() < until:
        time.sleep(0.05)
    done.set()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 5)


def test_a_lease_that_nobody_renews_is_taken_over_and_its_holder_notices(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.2)
    other = elsewhere(shop, "other")
    with alone(shop.settings) as mine:
        time.sleep(0.5)
        mine.check()
        with pytest.raises(BusyError), alone(other):
            pass
        monkeypatch.setattr(lease, "LEASE_SECONDS", -1.0)
        with alone(other):
            time.sleep(0.5)
            with pytest.raises(BusyError, match="took the lease over"):
                mine.check()
    assert Lake(shop.settings).stamped("artifacts", PLACE) is None


def test_who_died_and_comes_back_does_not_wait_for_itself(shop: Shop, tmp_path: Path) -> None:
    with alone(shop.settings):
        left = Lake(shop.settings).need("artifacts", PLACE)
    Lake(shop.settings).put("artifacts", PLACE, left)
    with pytest.raises(BusyError), alone(elsewhere(shop, "other")):
        pass
    with alone(shop.settings):
        pass
