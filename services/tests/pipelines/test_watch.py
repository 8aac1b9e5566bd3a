"""Watching and deciding: drift, performance, freshness, schedule, erasures; and the worker that acts on them."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines import drift, trainings
from pipelines.decide import Decision, Reason, Triggers, decide
from pipelines.drift import ColumnDrift, Drift
from pipelines.erase import erase
from pipelines.errors import GateError, ServiceError
from pipelines.lease import alone
from pipelines.loop import LoopOptions
from pipelines.metrics import Interval
from pipelines.monitor import Monitored, _latency, last, monitor, write_metrics
from pipelines.promised import next_hit_rate
from pipelines.trainings import Trainings
from pipelines.warn import Limits, warnings
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


def test_personal_data_is_counted_by_kind_for_whoever_watches(tmp_path: Path) -> None:
    write_metrics(replace(QUIET, personal={"card number": 3, "e-mail address": 1}), tmp_path / "loop.prom")
    lines = (tmp_path / "loop.prom").read_text().splitlines()
    assert 'mlops_personal_data{kind="card number"} 3.0' in lines
    assert 'mlops_personal_data{kind="e-mail address"} 1.0' in lines


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

    done = erase(found.raw, found.store, found.tracking, None, user, live.now)
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
    assert erase(found.raw, found.store, found.tracking, None, user, live.now).raw_events == 0


def test_the_worker_trains_on_a_trigger_and_says_why(live: Shop) -> None:
    said: list[str] = []
    live.fill(made())
    triggers = Triggers(freshness_events=1_000, least_interval_minutes=0)
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
    with alone(live.settings):
        assert worker.look() == "busy"
    lost = Worker(replace(live.settings, stream="gone"), LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append)
    assert lost.look() == "failed"


def test_a_gate_that_refuses_is_asked_less_and_less_often_and_a_new_worker_waits_as_long(shop: Shop) -> None:
    rules = Triggers(least_interval_minutes=15, backoff_minutes=10, most_backoff_hours=2)
    known, waits = Trainings(), []
    assert known.next(rules) is None
    for number in range(6):
        known = known.after(NOW, 42.0, promoted=False, events=number)
        trainings.keep(shop.context().lake, known)
        due = trainings.last(shop.context().lake).next(rules)
        assert due is not None
        waits.append((due - NOW).total_seconds() / 60)
    assert waits == [15, 20, 40, 80, 120, 120]
    assert replace(known, refused=10**9).next(rules) == NOW + timedelta(hours=2)
    assert known.after(NOW, 40.0, promoted=True, events=-1).next(rules) == NOW + timedelta(minutes=15)


def test_new_events_alone_do_not_make_a_refused_gate_train_at_every_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def refuse(*_: object) -> None:
        runs.append(1)
        raise GateError("worse")

    decision = Decision(retrain=True, reasons=(Reason(trigger="drift", text="It drifted."),))
    worker = Worker(shop.settings, LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append)
    monkeypatch.setattr("pipelines.worker.run_loop", refuse)
    monkeypatch.setattr(Worker, "_decide", lambda *_: (decision, len(runs) + 1))
    assert [worker.look() for _ in range(5)] == ["stopped"] * 5
    assert len(runs) == 1
    trainings.keep(shop.context().lake, Trainings(ended="2026-01-01T00:00:00+00:00", refused=3))
    assert worker.look() == "stopped"
    assert len(runs) == 2
    assert trainings.last(shop.context().lake).refused == 4
    trainings.keep(shop.context().lake, Trainings(ended=datetime.now(UTC).isoformat()))
    assert worker.look() == "waiting"


def test_a_worker_that_only_watches_takes_events_in_and_leaves_the_training_to_the_orchestrator(live: Shop) -> None:
    live.fill(made(events=300))
    worker = Worker(live.settings, LoopOptions(), 1.0, "127.0.0.1", 0, list[str]().append, trains=False)
    assert [worker.look(), worker.look()] == ["waiting", "waiting"]
    assert live.events()
    assert not live.context().tracking.versions()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"newest_event_age_seconds": 25 * 3_600.0}, "silent-stream"),
        ({"feature_age_seconds": 3_700.0}, "stale-features"),
        ({"p95_seconds": 0.3}, "slow-answers"),
        ({"champion_age_seconds": 31 * 86_400.0, "new_events": 0}, "stale-champion"),
    ],
)
def test_what_no_training_helps_is_warned_of(change: dict[str, Any], kind: str) -> None:
    assert warnings(QUIET, Limits()) == ()
    assert [warned.kind for warned in warnings(replace(QUIET, **change), Limits())] == [kind]
    off = Limits(silence_hours=None, feature_minutes=None, p95_ms=None, champion_days=None)
    assert warnings(replace(QUIET, **change), off) == ()


def test_latency_is_that_of_the_last_minutes(shop: Shop) -> None:
    """A service that was quick for a week and is slow now is slow."""

    class Service:
        def __init__(self) -> None:
            self.quick = self.slow = 0

        def latency(self) -> list[tuple[float, float]]:
            return [(0.01, self.quick), (1.0, self.quick + self.slow), (float("inf"), self.quick + self.slow)]

    service: Any = Service()
    service.quick = 100_000
    state = shop.settings.state
    assert _latency(service, state, NOW) == (100_000, pytest.approx(0.0095))
    service.slow = 100
    requests, p95 = _latency(service, state, NOW + timedelta(minutes=1))
    assert requests == 100
    assert p95 is not None
    assert p95 > 0.5
    assert _latency(service, state, NOW + timedelta(minutes=2))[0] == 100
    assert _latency(service, state, NOW + timedelta(minutes=9)) == (0, None)
    service.quick, service.slow = 7, 0
    assert _latency(service, state, NOW + timedelta(minutes=10))[0] == 7, "it started anew"


def test_a_worker_that_crashes_goes_on_and_shows_that_it_does_not_work(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    worker = Worker(shop.settings, LoopOptions(), 1.0, "127.0.0.1", 0, said.append)
    with monkeypatch.context() as broken:
        broken.setattr("pipelines.worker.take_in", lambda *_, **__: {}["ana@example.com"])
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


def test_what_was_promised_and_what_is_seen_are_the_same_measure(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same world goes on: whether users take one new product or ten, the promise and its test agree."""
    live.fill(made(events=8_000, days=60))
    live.loop()
    champion = live.champion()
    promised = live.context().tracking.metrics(champion.run)
    kind = champion.tags["kind"]
    assert 0.0 < promised[f"{kind}.next_hit_rate"] < promised[f"{kind}.hit_rate"], "of several one is found more easily"
    live.fill(made(events=3_000, events_seed=5, first_event=100_000))
    live.ingest()
    seen = watched(live)
    assert seen.hit_rate is not None
    assert seen.expected_hit_rate == promised[f"{kind}.next_hit_rate"]
    assert "performance" not in {reason.trigger for reason in decide(seen, Triggers()).reasons}
    # A champion from before this was measured: it is measured once, to the same figure.
    tracking = live.context().tracking
    all_metrics = tracking.metrics
    without = {name: value for name, value in promised.items() if "next_hit" not in name}
    logged: list[dict[str, float]] = []
    monkeypatch.setattr(tracking, "metrics", lambda _: without)
    monkeypatch.setattr(tracking, "log_metrics", lambda _, found: logged.append(found))
    assert next_hit_rate(live.context().lake, tracking, champion) == pytest.approx(promised[f"{kind}.next_hit_rate"])
    assert list(logged[0]) == [f"{kind}.next_hit_rate"]
    monkeypatch.setattr(tracking, "has_artifact", lambda *_: False)
    assert next_hit_rate(live.context().lake, tracking, champion) is None
    monkeypatch.setattr(tracking, "metrics", all_metrics)
    live.context().lake.delete_below("curated", f"{champion.tags['data_version']}/")
    assert next_hit_rate(live.context().lake, tracking, champion) == promised[f"{kind}.next_hit_rate"]
