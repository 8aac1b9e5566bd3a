"""Watching and deciding: drift, performance, freshness, schedule, erasures; and the worker that acts on them."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pipelines import drift
from pipelines.decide import Triggers, decide
from pipelines.drift import ColumnDrift, Drift
from pipelines.erase import erase
from pipelines.errors import ServiceError
from pipelines.loop import LoopOptions
from pipelines.metrics import Interval
from pipelines.monitor import Monitored, last, monitor
from pipelines.runner import alone
from pipelines.worker import Worker
from pipelines.worker_http import serve
from tests.pipelines.shop import NOW, Shop, made

QUIET = Monitored(
    at=NOW.isoformat(),
    champion="1",
    champion_kind="collaborative",
    champion_age_seconds=3_600.0,
    requests=10,
    p95_seconds=0.002,
    new_events=100,
    drift=Drift(rows=100, columns=()),
    quality=1.0,
    feature_age_seconds=60.0,
    newest_event_age_seconds=60.0,
    hit_rate=Interval(mean=0.5, low=0.4, high=0.6),
    expected_hit_rate=0.55,
    erased_since_training=0,
)


def moved(*distances: float) -> Drift:
    columns = tuple(
        ColumnDrift(name=column.name, method=column.method, distance=distance, threshold=column.threshold)
        for column, distance in zip(drift.COLUMNS, distances, strict=True)
    )
    return Drift(rows=1_000, columns=columns)


def watched(shop: Shop) -> Monitored:
    found = shop.context()
    return monitor(found.raw, found.tracking, found.recommender, shop.settings.state, shop.now)


def test_nothing_fires_while_all_is_well() -> None:
    assert not decide(QUIET, Triggers()).retrain


@pytest.mark.parametrize(
    ("change", "trigger"),
    [
        ({"champion": None}, "no-champion"),
        ({"drift": moved(0.3, 0.0, 0.0, 0.9, 0.0)}, "drift"),
        ({"hit_rate": Interval(mean=0.2, low=0.1, high=0.3)}, "performance"),
        ({"new_events": 10_000}, "freshness"),
        ({"champion_age_seconds": 8 * 86_400.0}, "schedule"),
        ({"erased_since_training": 1}, "erasure"),
    ],
)
def test_each_trigger_fires_alone_and_can_be_switched_off(change: dict[str, Any], trigger: str) -> None:
    seen = replace(QUIET, **change)
    assert [reason.trigger for reason in decide(seen, Triggers()).reasons] == [trigger]
    off = Triggers(drift_share=None, performance_share=None, freshness_events=None, schedule_days=None, erasure=False)
    assert decide(seen, off).retrain == (trigger == "no-champion")


@pytest.mark.parametrize(
    "change",
    [
        {"drift": moved(0.9, 0.0, 0.0, 0.0, 0.0)},
        {"hit_rate": Interval(mean=0.3, low=0.1, high=0.5)},
        {"champion_age_seconds": 8 * 86_400.0, "new_events": 0},
        {"drift": None, "hit_rate": None, "quality": None, "champion_age_seconds": None},
    ],
    ids=["one column of five", "hits within their interval", "old but nothing new", "nothing known"],
)
def test_what_may_be_chance_or_cannot_be_helped_fires_nothing(change: dict[str, Any]) -> None:
    assert not decide(replace(QUIET, **change), Triggers()).retrain


def test_the_same_world_does_not_drift_at_any_size_and_a_shifted_one_does() -> None:
    before = made()
    reference = drift.frame(before.events, before.users, before.products)
    for count in (500, 1_500, 5_000):
        for shifted in (False, True):
            later = made(events=count, events_seed=count, first_event=10_000, shifted=shifted)
            current = drift.frame(later.events, before.users, before.products)
            share = drift.measure(reference, current, count).share
            assert share == 0.6 if shifted else share == 0.0, (count, shifted)


def test_too_few_rows_are_not_measured() -> None:
    before = made(events=drift.LEAST_ROWS - 1)
    frame = drift.frame(before.events, before.users, before.products)
    assert drift.measure(frame, frame, len(frame)).share is None


def test_a_large_table_is_drawn_from_the_same_way_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST_ROWS", 100)
    events = made(events=1_000).events
    assert drift.sample(events).equals(drift.sample(events))
    assert drift.sample(events).num_rows == 100


def test_injected_drift_is_detected_retrained_and_promoted(live: Shop) -> None:
    live.fill(made())
    live.loop()
    live.fill(made(events=600, events_seed=1, first_event=10_000))
    live.ingest()
    calm = watched(live)
    assert calm.drift is not None
    assert calm.drift.share == 0.0
    assert calm.new_events > 550
    assert not decide(calm, Triggers()).retrain

    live.now = NOW + timedelta(hours=2)
    live.fill(made(events=5_000, events_seed=2, first_event=20_000, shifted=True))
    live.ingest()
    decision = decide(watched(live), Triggers())
    assert "drift" in {reason.trigger for reason in decision.reasons}
    assert "hour" in next(reason.text for reason in decision.reasons if reason.trigger == "drift")

    done = live.loop()
    assert done["deploy"].version == "2"
    assert live.champion().number == "2"
    assert not done["decide"].retrain
    metrics = (live.settings.state / "metrics" / "loop.prom").read_text()
    assert 'mlops_champion_info{kind="' in metrics
    assert 'version="2"} 1.0' in metrics
    assert last(live.context().raw) == done["monitor"]


def test_an_erased_user_is_gone_everywhere_and_stays_gone(live: Shop) -> None:
    generated = made(events=1_500)
    live.fill(generated)
    live.loop()
    found = live.context()
    user = generated.events["user_id"].to_pylist()[700]
    found.lake.put("raw", "quarantine/x.jsonl", f'{{"reason": "r", "row": "{user},odd"}}\n'.encode())
    assert live.naming(live.person(user))

    done = erase(found.raw, found.store, found.tracking, user, live.now)
    assert done.raw_events == done.training_events > 0
    assert (done.feature_rows, done.quarantined_rows) == (1, 1)
    assert done.model_versions == ("1",)
    assert live.naming(user) == live.naming(live.person(user)) == []
    assert watched(live).erased_since_training == 0, "the clock of this test stands before the model was made"
    assert len(found.raw.erasures.since(0.0)) == 1

    live.fill(generated)
    found.stream.put([row for row in generated.events.to_pylist() if row["user_id"] == user])
    again = live.loop()
    assert live.naming(user) == live.naming(live.person(user)) == []
    assert again["deploy"].version == "2"
    assert erase(found.raw, found.store, found.tracking, user, live.now).raw_events == 0


def test_the_worker_trains_on_a_trigger_and_says_why(live: Shop) -> None:
    said: list[str] = []
    live.fill(made())
    triggers = Triggers(freshness_events=1_000)
    worker = Worker(live.settings, LoopOptions(triggers=triggers), 1.0, "127.0.0.1", 0, said.append)
    assert worker.look() == "trained"
    assert said[0].startswith("training again: No model is champion.")
    assert worker.look() == "quiet"
    live.fill(made(events=2_000, events_seed=1, first_event=10_000, end=None))
    assert worker.look() == "trained"
    assert "events arrived since the training" in said[-2]


def test_the_worker_does_not_ask_a_gate_twice_about_the_same_events(live: Shop) -> None:
    live.drop_events(*(f"{number},ana,p9,view,2026-11-20T10:00:00Z" for number in range(30)))
    worker = Worker(live.settings, LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append)
    assert [worker.look(), worker.look()] == ["stopped", "stopped"]
    assert len(live.context().lake.keys("curated", "quality/")) == 1
    with alone(live.settings.state):
        assert worker.look() == "busy"
    lost = Worker(replace(live.settings, stream="gone"), LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append)
    assert lost.look() == "failed"


def test_a_worker_that_crashes_goes_on_and_shows_that_it_does_not_work(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    worker = Worker(shop.settings, LoopOptions(), 1.0, "127.0.0.1", 0, said.append)
    with monkeypatch.context() as broken:
        broken.setattr("pipelines.worker.ingest", lambda *_, **__: {}["ana@example.com"])
        assert [worker.look() for _ in range(3)] == ["crashed"] * 3
    assert worker.health() == (False, b'{"status": "fails", "failures_in_a_row": 3}')
    assert "KeyError" in said[0]
    assert "ana@" not in said[0]
    with serve("127.0.0.1", 0, lambda: b"", worker.health) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 503
    assert worker.look() == "quiet"
    assert worker.health()[0]


def test_the_worker_serves_its_metrics_and_refuses_a_taken_port() -> None:
    with serve("127.0.0.1", 0, lambda: b"mlops_x 1\n") as port:
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").text == "mlops_x 1\n"
        assert httpx.get(f"http://127.0.0.1:{port}/health").json() == {"status": "alive"}
        assert httpx.get(f"http://127.0.0.1:{port}/else").status_code == 404
        with pytest.raises(ServiceError, match=f"Port {port}"), serve("127.0.0.1", port, lambda: b""):
            pass
    assert not [thread for thread in threading.enumerate() if thread.name == "worker-http"]
