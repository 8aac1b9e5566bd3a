"""Features: the same offline and online, and never older than an hour where a model learns from them."""

from datetime import timedelta

import pandas as pd
import pytest

from pipelines import features, snapshots
from pipelines import refresh as refreshing
from pipelines.errors import GateError
from pipelines.features import require_fresh
from pipelines.quality import QualityRules
from pipelines.schema import PRODUCT_VIEW, USER_VIEW
from pipelines.search import SearchRules
from pipelines.similarity import Hyperparameters
from pipelines.train import train
from tests.pipelines.shop import NOW, Shop, made

WHEN = "2026-11-20T10:00:00Z"


def test_features_say_what_the_events_say(shop: Shop) -> None:
    shop.drop_events(
        f"1,ana,p1,view,{WHEN}", f"2,ana,p1,purchase,{WHEN}", f"3,ana,p2,view,{WHEN}", f"4,bo,p2,cart,{WHEN}"
    )
    store = shop.context().store
    built = store.build(shop.validate().snapshot.data_version, NOW)
    names = ["events", "purchases", "favourite_category", "age_band"]
    people = store.offline(built, USER_VIEW, "user_id", [shop.person("bo"), shop.person("ana")], names)
    assert people.to_dict("records") == [
        {"events": 1, "purchases": 0, "favourite_category": "garden", "age_band": "55+"},
        {"events": 3, "purchases": 1, "favourite_category": "kitchen", "age_band": "18-34"},
    ]
    goods = store.offline(built, PRODUCT_VIEW, "product_id", ["p1", "p2"], ["popularity", "events"])
    assert goods.to_dict("list") == {"popularity": [3.0, 3.0], "events": [2, 2]}


def test_serving_sees_what_training_saw(shop: Shop) -> None:
    shop.fill(made(events=500))
    store = shop.context().store
    version = shop.validate().snapshot.data_version
    built = store.build(version, NOW)
    people = snapshots.users(shop.context().lake, version)["user_id"].to_pylist()[:20]
    names = ["events", "favourite_category"]
    offline = store.offline(built, USER_VIEW, "user_id", people, names)
    online = store.online(built, USER_VIEW, "user_id", people, names)
    pd.testing.assert_frame_equal(offline, online, check_dtype=False)
    assert store.online(built, USER_VIEW, "user_id", ["stranger"], names).isna().all(axis=None)


def test_another_machine_finds_the_features_in_the_lake(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    shop.fill(made(events=200))
    built = shop.context().store.build(shop.validate().snapshot.data_version, NOW)
    elsewhere = features.FeatureStore(shop.context().lake, tmp_path_factory.mktemp("elsewhere"))
    people = snapshots.users(shop.context().lake, built.data_version)["user_id"].to_pylist()[:5]
    assert elsewhere.offline(built, USER_VIEW, "user_id", people, ["events"])["events"].min() >= 1
    assert elsewhere.online(built, USER_VIEW, "user_id", people, ["events"])["events"].min() >= 1
    assert features.latest(shop.context().lake) == built


def test_features_are_refreshed_on_their_own_schedule_and_leave_nothing_behind(shop: Shop) -> None:
    shop.fill(made(events=300))
    found = shop.context()
    assert not refreshing.due(found.raw, 45, NOW), "before the first there is nothing to keep fresh"
    learnt = shop.validate().snapshot.data_version
    found.store.build(learnt, NOW)
    versions = [learnt]
    for minutes in (50, 100, 150):
        now = NOW + timedelta(minutes=minutes)
        assert refreshing.due(found.raw, 45, now)
        assert not refreshing.due(found.raw, None, now)
        shop.fill(made(events=100, events_seed=minutes, first_event=minutes * 1_000))
        built = refreshing.refresh(found.raw, found.store, shop.ingest(), QualityRules(), {learnt}, now)
        assert features.latest(found.lake) == built
        require_fresh(built, now)
        versions.append(built.data_version)
    assert len(set(versions)) == 4
    assert snapshots.versions(found.lake) == sorted([learnt, versions[-1]])
    again = refreshing.refresh(found.raw, found.store, shop.ingest(), QualityRules(), {learnt}, now)
    assert again.data_version == versions[-1], "nothing new: the same data, known to be current"


def test_features_are_fresh_for_an_hour(shop: Shop) -> None:
    built = features.Features(data_version="v", as_of=NOW.isoformat(), users=1, products=1)
    require_fresh(built, NOW + timedelta(minutes=59))
    with pytest.raises(GateError, match="60 minutes old"):
        require_fresh(built, NOW + timedelta(hours=1))


def test_a_model_does_not_learn_from_stale_features(shop: Shop) -> None:
    shop.fill(made(events=200))
    found = shop.context()
    snapshot = shop.validate().snapshot
    built = found.store.build(snapshot.data_version, NOW)
    late = NOW + timedelta(hours=2)
    candidates, rules = [Hyperparameters()], SearchRules()
    with pytest.raises(GateError, match="120 minutes old"):
        train(found.lake, found.tracking, found.store, snapshot, built, candidates, rules, "run", late, "")
