"""What users did after what they were shown, by version: worked out by hand, and against a plain loop."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipelines import impressions
from pipelines.attribution import Arm, Outcomes, Slice, outcomes
from pipelines.raw import Batch
from pipelines.schema import EVENTS, WEIGHTS
from tests.pipelines.shop import NOW, Shop

BEGAN = NOW - timedelta(hours=30)
ASKED = Slice(trial="2", percent=50.0, since=BEGAN, outcome="view", window=timedelta(hours=24))


def hours(number: float) -> datetime:
    """So long after the step began."""
    return BEGAN + timedelta(hours=number)


class Days:
    """Answers and events, as they lie in the lake."""

    def __init__(self, shop: Shop) -> None:
        self.raw = shop.context().raw
        self._shown: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def show(self, user: str, at: float, *products: str, arm: str = "champion", **differs: Any) -> None:
        version = "1" if arm == "champion" else "2"
        row = {"request": f"r-{len(self._shown)}", "timestamp": hours(at), "user_id": user, "version": version}
        trial = {"arm": arm, "mode": "ab", "trial": "2", "percent": 50.0, "products": list(products)}
        self._shown.append({**row, **trial, **differs})

    def take(self, user: str, at: float, product: str, event_type: str = "view") -> None:
        number = len(self._events)
        event = {"event_id": f"e{number}", "user_id": user, "product_id": product, "event_type": event_type}
        self._events.append({**event, "timestamp": hours(at)})

    def outcomes(self, asked: Slice = ASKED, now: datetime = NOW) -> Outcomes:
        impressions.store(self.raw.lake, pa.Table.from_pylist(self._shown, impressions.SCHEMA))
        table = pa.Table.from_pylist(self._events, EVENTS)
        self.raw.lake.put_table("raw", "events/one/part-0000.parquet", table)
        newest = max((event["timestamp"] for event in self._events), default=NOW).isoformat()
        self.raw.put_batch(
            Batch(name="one", source="", rows=len(self._events), quarantined=0, newest=newest, ingested=newest)
        )
        return outcomes(self.raw, asked, now)


@pytest.fixture
def days(shop: Shop) -> Days:
    return Days(shop)


def test_a_user_succeeds_who_takes_what_was_shown_before_and_in_time(days: Days) -> None:
    days.show("in-time", 0, "a", "b")
    days.take("in-time", 23.9, "b")
    days.show("too-late", 1, "a")
    days.take("too-late", 25.1, "a")
    days.show("before", 2, "a")
    days.take("before", 1.9, "a")
    days.show("something-else", 2, "a")
    days.take("something-else", 2.1, "z")
    days.show("second-answer", 3, "a", arm="challenger")
    days.show("second-answer", 4, "b", arm="challenger")
    days.take("second-answer", 5, "b")
    days.show("still-waiting", 7, "a", arm="challenger")
    days.take("still-waiting", 8, "a")
    found = days.outcomes()
    assert found.arms == {
        "champion": Arm(answers=4, users=4, successes=1, waiting=0),
        "challenger": Arm(answers=3, users=1, successes=1, waiting=1),
    }


def test_what_counts_as_success_is_what_the_release_says(days: Days) -> None:
    for user, kind in (("viewer", "view"), ("filler", "cart"), ("buyer", "purchase")):
        days.show(user, 0, "a")
        days.take(user, 1, "a", kind)
    assert [
        days.outcomes(Slice(**{**vars(ASKED), "outcome": kind})).arms["champion"].successes
        for kind in ("view", "cart", "purchase")
    ] == [3, 2, 1]


def test_other_trials_other_steps_and_what_was_before_count_for_nothing(days: Days) -> None:
    days.show("other-trial", 0, "a", trial="9")
    days.show("other-step", 0, "a", percent=5.0)
    days.show("no-trial", 0, "a", trial="")
    days.show("before", -1, "a")
    for user in ("other-trial", "other-step", "no-trial", "before"):
        days.take(user, 1, "a")
    assert days.outcomes() == Outcomes(arms={}, only={})


def test_who_was_given_both_versions_counts_for_the_first_and_for_it_alone(days: Days) -> None:
    days.show("ana", 0, "a")
    days.show("ana", 1, "b", arm="challenger")
    days.take("ana", 2, "b")
    found = days.outcomes()
    assert (found.arms["champion"].users, found.arms["challenger"].users) == (1, 0)
    assert (found.arms["champion"].successes, found.arms["challenger"].successes) == (0, 0)


def test_a_shadow_is_judged_by_who_would_have_found_it_in_one_list_only(days: Days) -> None:
    for user, taken in (("both", "b"), ("only-shown", "a"), ("only-shadow", "c"), ("neither", "z")):
        request = f"r-{user}"
        days.show(user, 0, "a", "b", request=request)
        days.show(user, 0, "b", "c", arm="shadow", request=request)
        days.take(user, 1, taken)
    # Not compared: under pressure, or outside the share.
    days.show("not-compared", 0, "a")
    days.take("not-compared", 1, "a")
    found = days.outcomes(Slice(**{**vars(ASKED), "paired": True}))
    assert {name: (arm.users, arm.successes) for name, arm in found.arms.items()} == {
        "champion": (4, 2),
        "shadow": (4, 2),
    }
    assert found.only == {"champion": 1, "shadow": 1}


def test_without_an_answer_or_an_event_there_is_nothing_to_count(days: Days) -> None:
    assert days.outcomes() == Outcomes(arms={}, only={})
    days.show("ana", 0, "a")
    assert days.outcomes().arms["champion"] == Arm(answers=1, users=1, successes=0, waiting=0)


def plainly(shown: list[dict[str, Any]], events: list[dict[str, Any]], now: datetime) -> Iterator[tuple[str, bool]]:
    """Arm and success of every user whose time is over, by loops."""
    for user in sorted({row["user_id"] for row in shown}):
        rows = sorted((row for row in shown if row["user_id"] == user), key=lambda row: row["timestamp"])
        first, arm = rows[0]["timestamp"], rows[0]["arm"]
        if first > now - ASKED.window:
            continue
        yield (
            arm,
            any(
                event["user_id"] == user
                and event["product_id"] in row["products"]
                and row["timestamp"] <= event["timestamp"] <= first + ASKED.window
                and WEIGHTS[event["event_type"]] >= WEIGHTS[ASKED.outcome]
                for event in events
                for row in rows
                if row["arm"] == arm
            ),
        )


def test_it_counts_what_a_plain_loop_counts(days: Days) -> None:
    draw = random.Random(7)
    for _ in range(400):
        user = f"user-{draw.randrange(120)}"
        arm = "challenger" if hash_of(user) else "champion"
        days.show(user, draw.uniform(0, 29), *draw.sample("abcdefgh", 3), arm=arm)
    for _ in range(600):
        days.take(f"user-{draw.randrange(120)}", draw.uniform(-3, 30), draw.choice("abcdefgh"))
    found = days.outcomes()
    expected = list(plainly(days._shown, days._events, NOW))
    for arm in ("champion", "challenger"):
        assert found.arms[arm].users == sum(of == arm for of, _ in expected) > 10
        assert found.arms[arm].successes == sum(of == arm and won for of, won in expected) > 5


def hash_of(user: str) -> int:
    """Half of the users."""
    return int(user.removeprefix("user-")) % 2
