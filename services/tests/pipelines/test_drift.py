"""Drift: what is one, what is none, and what the training data did itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines import drift
from pipelines.decide import Triggers, decide
from tests.pipelines.shop import made
from tests.pipelines.test_watch import QUIET


def test_the_same_world_does_not_drift_at_any_size_and_a_shifted_one_does() -> None:
    before = made()
    reference = drift.frame(before.events, before.users, before.products)
    for count in (500, 1_500, 5_000):
        for shifted in (False, True):
            later = made(events=count, events_seed=count, first_event=10_000, shifted=shifted)
            current = drift.frame(later.events, before.users, before.products)
            share = drift.measure(reference, current, count).share
            assert share == 0.6 if shifted else share == 0.0, (count, shifted)


def test_one_column_that_moved_far_is_drift_and_what_the_past_did_itself_is_none() -> None:
    before = made(events=6_000)
    users = before.events["user_id"].to_pylist()
    rng = np.random.default_rng(1)
    # As people come: everything that a user does lies together, and at an hour of the user's own.
    visits = sorted(set(users), key=lambda _: rng.random())
    place = {user: number for number, user in enumerate(visits)}
    order = np.argsort([place[user] for user in users], kind="stable")
    frame = drift.frame(before.events, before.users, before.products).iloc[order].reset_index(drop=True)
    frame["hour"] = [(place[users[row]] * 7) % 24 for row in order]
    fired = uncalibrated = 0
    for start in range(0, 6_000, 600):
        window = frame.iloc[start : start + 600]
        seen = drift.measure(frame, window, len(window))
        fired += decide(replace(QUIET, drift=seen), Triggers()).retrain
        uncalibrated += sum(found.distance >= column.threshold for found, column in
                            zip(seen.columns, drift.COLUMNS, strict=True)) >= 2  # fmt: skip
        for change in ({"event_type": "view"}, {"category": frame["category"][0]}, {"price": frame["price"].max()}):
            moved_one = drift.measure(frame, window.assign(**change), len(window))
            assert decide(replace(QUIET, drift=moved_one), Triggers()).retrain, (start, change)
    assert fired == 0
    assert uncalibrated >= 8, "what the columns' thresholds alone would have said"


def test_our_distances_of_windows_from_the_rest_are_those_of_evidently() -> None:
    before = made(events=4_000)
    frame = drift.frame(before.events, before.users, before.products)
    window = slice(500, 1_500)
    rest = pd.concat([frame.iloc[:500], frame.iloc[1_500:]])
    theirs = drift._distances(rest, frame.iloc[window], list(drift.COLUMNS))
    for column in drift.COLUMNS:
        ours = drift._categorical if column.kind == "categorical" else drift._numerical
        found = ours(frame[column.name], [window])[0]
        # Evidently takes the reference's deviation for the unit, and we the whole's.
        assert found == pytest.approx(theirs[column.name], rel=0.05, abs=0.004)
    assert drift._categorical(frame["category"], [slice(0, 4_000)])[0] == 0.0
    assert drift._numerical(frame["hour"], [slice(0, 4_000)])[0] == 0.0


def test_too_few_rows_are_not_measured() -> None:
    before = made(events=drift.LEAST_ROWS - 1)
    frame = drift.frame(before.events, before.users, before.products)
    assert drift.measure(frame, frame, len(frame)).share is None


def test_a_large_table_is_drawn_from_the_same_way_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST_ROWS", 100)
    events = made(events=1_000).events
    assert drift.sample(events).equals(drift.sample(events))
    assert drift.sample(events).num_rows == 100
