"""What was shown is in the lake like everything else about people: with consent, for a time, and until they object."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import impressions
from pipelines.delivered import Shown, take_shown
from pipelines.erase import erase
from pipelines.privacy import PrivacyRules
from tests.pipelines.shop import NOW, PRODUCTS, USERS, Shop, made

ANA, BO = "ana", "bo"


def line(shop: Shop, user: str, number: int = 1, **differs: Any) -> bytes:
    """A line as the recommender writes it."""
    row = {
        "request": f"r-{number}",
        "at": NOW.timestamp(),
        "user": shop.person(user),
        "version": "1",
        "arm": "champion",
        "mode": "rolling",
        "trial": "",
        "percent": 0.0,
        "products": ["p1", "p2"],
    }
    return json.dumps({**row, **differs}).encode()


def land(shop: Shop, *lines: bytes, name: str = "one", packed: bool = True) -> None:
    """Put lines where the recommender does."""
    data = b"\n".join(lines)
    key = f"{impressions.LANDED}{name}.jsonl.gz"
    shop.context().lake.put("raw", key, gzip.compress(data) if packed else data)


def stored(shop: Shop) -> list[dict[str, Any]]:
    """All that is kept."""
    lake = shop.context().lake
    return [row for key in lake.keys("raw", impressions.STORED) for row in lake.get_table("raw", key).to_pylist()]


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """A shop with two users who consent."""
    shop.drop(users=USERS + "cy,,,false\n", products=PRODUCTS)
    shop.ingest()
    return shop


def test_what_users_who_consent_were_shown_is_kept_once_and_everything_is_accounted_for(filled: Shop) -> None:
    late = (NOW - timedelta(days=91)).timestamp()
    ahead = (NOW + timedelta(days=2)).timestamp()
    lines = [
        line(filled, ANA, 1),
        line(filled, BO, 2),
        line(filled, "cy", 3),
        line(filled, "stranger", 4),
        line(filled, ANA, 5, at=late),
        line(filled, ANA, 6, at=ahead),
        b"{",
        b"[1]",
        b"\xff",
        line(filled, ANA, 7, products=["\ud800"]),
        line(filled, ANA, 8, at=float("nan")),
        line(filled, ANA, 9).replace(filled.person(ANA).encode(), b"ana"),
    ]
    land(filled, *lines)
    found = take_shown(filled.context().raw, NOW)
    assert found == Shown(kept=2, without_consent=2, erased=0, expired=2, unreadable=6)
    assert {row["user_id"] for row in stored(filled)} == {filled.person(ANA), filled.person(BO)}
    assert stored(filled)[0]["products"] == ["p1", "p2"]
    assert filled.context().lake.keys("raw", impressions.LANDED) == []

    # A run that died before it had removed them finds them once more.
    land(filled, *lines)
    take_shown(filled.context().raw, NOW)
    assert len(stored(filled)) == 2


def test_what_landed_while_no_loop_ran_is_taken_in_piece_by_piece(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impressions, "_AT_ONCE", 4)
    for number in range(10):
        land(filled, line(filled, ANA, number), line(filled, "cy", number), name=f"part-{number}")
    assert take_shown(filled.context().raw, NOW) == Shown(kept=10, without_consent=10)
    assert sorted(row["request"] for row in stored(filled)) == [f"r-{number}" for number in range(10)]


def test_a_shadows_list_is_another_row_than_the_one_that_was_shown(filled: Shop) -> None:
    land(filled, line(filled, ANA), line(filled, ANA, arm="shadow", version="2"))
    assert take_shown(filled.context().raw, NOW).kept == 2


def test_an_object_that_is_damaged_stops_nothing(filled: Shop) -> None:
    land(filled, b"no gzip", name="bad", packed=False)
    filled.context().lake.put("raw", f"{impressions.LANDED}cut.jsonl.gz", gzip.compress(b"x" * 99)[:20])
    land(filled, line(filled, ANA))
    assert take_shown(filled.context().raw, NOW).kept == 1
    assert filled.ingest().quarantined == 0, "they are no events, and are not taken for some"


@given(lines=st.lists(st.binary(max_size=60)))
def test_whatever_bytes_land_each_line_is_a_row_or_counted(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    rows, bad = impressions._lines(gzip.compress(text))
    assert len(rows) + bad == len(text.splitlines())
    assert impressions._lines(b"no gzip" + text) == ([], 1)


def test_what_is_older_than_its_time_goes_hour_by_hour(filled: Shop) -> None:
    hours = [line(filled, ANA, hour, at=(NOW - timedelta(hours=hour)).timestamp()) for hour in range(48)]
    land(filled, *hours)
    filled.ingest()
    assert len(stored(filled)) == 48
    filled.ingest(privacy=PrivacyRules(shown_days=1))
    assert {row["timestamp"] for row in stored(filled)} == {NOW - timedelta(hours=hour) for hour in range(25)}
    filled.ingest(privacy=PrivacyRules(retention_days=0))
    assert len(stored(filled)) <= 1, "never longer than events"


def test_a_person_planted_among_impressions_is_nowhere_after_an_erasure_or_a_withdrawal(live: Shop) -> None:
    live.fill(made(users=30, products=10, events=300))
    live.drop(users=USERS, products=PRODUCTS)
    live.ingest()
    for user in (ANA, BO):
        land(live, line(live, user, 1))
        live.ingest()
        land(live, line(live, user, 2), line(live, user, 3, arm="shadow"), name="landed")
        assert {"impressions", "recommender"} <= {
            part for name in live.naming(live.person(user)) for part in name.split("/")
        }, "it is planted where it is kept and where it lands"
        found = live.context()
        if user == ANA:
            erase(found.raw, found.store, found.tracking, None, user, NOW)
        else:
            live.drop(users=f"user_id,consent\n{user},no\n")
            live.ingest()
        left = {name.partition("-")[2] for name in live.naming(live.person(user)) if "impressions" in name}
        assert left == set()
        # And what a slow recommender, or a restored one, brings later.
        land(live, line(live, user, 4), name="later")
        live.ingest()
        assert not [name for name in live.naming(live.person(user)) if "impressions" in name]


def test_a_reader_from_outside_reads_the_files(filled: Shop, tmp_path: Any) -> None:
    land(filled, line(filled, ANA))
    filled.ingest()
    lake = filled.context().lake
    (key,) = lake.keys("raw", impressions.STORED)
    assert key == f"impressions/dt={NOW:%Y-%m-%d/%H}.parquet"
    table = pq.read_table(lake.download("raw", key, tmp_path / "one.parquet"))
    assert table.schema.equals(impressions.SCHEMA)
    assert pa.types.is_list(table.schema.field("products").type)
