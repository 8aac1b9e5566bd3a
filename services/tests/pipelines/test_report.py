"""Reports: the monitor by the clock, and Evidently's own words in the lake."""

import json
from datetime import timedelta

import pytest

from pipelines.report import PLACE, report
from pipelines.settings import Settings
from tests.pipelines.shop import NOW, Shop, made


@pytest.fixture
def trained(live: Shop) -> Shop:
    live.fill(made(events=3_000))
    live.loop()
    return live


def test_new_events_are_reported_beside_those_of_the_training(trained: Shop) -> None:
    trained.fill(made(events=1_500, events_seed=8, first_event=100_000, shifted=True))
    trained.ingest()
    found = trained.context()
    done = report(found.lake, found.tracking, trained.folder / "job", timedelta(days=90), NOW)
    assert done.seen.drift is not None
    assert done.seen.drift.share
    (key,) = found.lake.keys("artifacts", PLACE)
    assert done.report == found.lake.uri("artifacts", key)
    stored = json.loads(found.lake.need("artifacts", key))
    distances = {one["config"]["column"]: one["value"] for one in stored["metrics"]}
    for column in done.seen.drift.columns:
        assert distances[column.name] == pytest.approx(column.distance)
    later = NOW + timedelta(days=40_000)
    report(found.lake, found.tracking, trained.folder / "job", timedelta(days=90), later)
    assert found.lake.keys("artifacts", PLACE) == [], "what is older than it may be is gone"


def test_without_a_champion_there_is_nothing_to_compare(live: Shop, settings: Settings) -> None:
    found = live.context()
    done = report(found.lake, found.tracking, live.folder / "job", timedelta(days=90), NOW)
    assert (done.report, done.seen.champion) == (None, None)
