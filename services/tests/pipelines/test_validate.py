"""Quality: the share of rows that pass every expectation, and what happens below the threshold."""

import json

import pytest

from pipelines.errors import GateError
from pipelines.quality import QualityRules
from pipelines.reject import reject
from tests.pipelines.shop import Shop, made

WHEN = "2026-11-20T10:00:00Z"


def rows(good: int, *bad: str) -> list[str]:
    """So many good events, and these."""
    return [*(f"g{number},ana,p1,view,{WHEN}" for number in range(good)), *bad]


def test_good_data_scores_one_and_becomes_a_snapshot(shop: Shop) -> None:
    shop.fill(made())
    found = shop.validate()
    assert found.quality.score == 1.0
    assert found.snapshot.rows == shop.context().raw.batches()[0].rows
    report = json.loads(shop.context().lake.need("curated", found.report))
    assert len(report["findings"]) == 9


def test_one_bad_row_of_a_thousand_costs_a_thousandth_and_is_left_out(shop: Shop) -> None:
    shop.drop_events(*rows(999, f"b,ana,no-such-product,view,{WHEN}"))
    found = shop.validate()
    assert found.quality.score == pytest.approx(0.999)
    assert found.snapshot.rows == 999


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (f"b{{}},ana,no-such-product,view,{WHEN}", "product_in_catalogue"),
        (f"b{{}},ana,p1,like,{WHEN}", "event_type"),
        ("b{},ana,p1,view,2031-01-01T00:00:00Z", "timestamp"),
        (f"b{{}},,p1,view,{WHEN}", "user_id"),
        ("b{},ana,p1,view,whenever", "unreadable"),
    ],
)
def test_ten_percent_of_bad_rows_stop_the_loop_and_the_flaw_is_named(shop: Shop, bad: str, said: str) -> None:
    shop.drop_events(*rows(90, *(bad.format(number) for number in range(10))))
    with pytest.raises(GateError, match=said) as caught:
        shop.validate()
    assert "90.0%" in str(caught.value)


def test_email_addresses_as_ids_are_hidden_and_told(shop: Shop) -> None:
    shop.drop(events=f"user_id,product_id,event_type,timestamp\nana@example.com,p1,view,{WHEN}\n")
    found = shop.validate(assume_consent=True)
    assert (found.snapshot.rows, found.quality.personal) == (1, {"e-mail": 1})


def test_a_bad_batch_cannot_hide_among_good_ones_and_can_be_rejected(shop: Shop) -> None:
    shop.drop_events(*rows(2_000))
    assert shop.validate().quality.score == 1.0
    shop.drop(events="event_id,user_id,product_id,event_type,timestamp\n"
              + "".join(f"x{number},ana,p7,view,{WHEN}\n" for number in range(30)))  # fmt: skip
    with pytest.raises(GateError, match="reject") as caught:
        shop.validate()
    bad = next(batch.name for batch in shop.context().raw.batches() if batch.rows == 30)
    assert bad in str(caught.value)
    assert reject(shop.context().raw, bad) > 0
    assert shop.validate().snapshot.rows == 2_000


def test_a_swallowing_quote_and_bad_users_count_among_what_was_delivered(shop: Shop) -> None:
    stray = ['s{},"ana,p1,view,' + WHEN] * 100
    shop.drop_events(*rows(500), *stray, *(f"l{number},bo,p2,view,{WHEN}" for number in range(400)))
    with pytest.raises(GateError, match=r"90\.0% of the events.*a quote within a value.*: 100"):
        shop.validate()
    reject(shop.context().raw, shop.context().raw.batches()[0].name)
    shop.drop_events(*rows(1_000))
    shop.drop(users="user_id,consent\n" + "".join(f"u{number},true\n" for number in range(75)) + ",true\n" * 25)
    with pytest.raises(GateError, match=r"7\d\.\d% of the users.*no user_id.*: 25.*reject users-"):
        shop.validate()
    reject(shop.context().raw, next(file.name for file in shop.context().raw.deliveries() if file.quarantined))
    assert shop.validate().snapshot.rows == 1_000


def test_no_events_at_all_stop_the_loop_with_what_to_do(shop: Shop) -> None:
    with pytest.raises(GateError, match="import-csv"):
        shop.validate()


def test_the_threshold_is_a_rule(shop: Shop) -> None:
    shop.drop_events(*rows(90, *(f"b{number},ana,p1,like,{WHEN}" for number in range(10))))
    assert shop.validate(QualityRules(least_score=0.8)).snapshot.rows == 90


def test_the_data_version_depends_on_content_and_not_on_how_it_arrived(shop: Shop) -> None:
    generated = made(events=500)
    shop.fill(generated)
    first = shop.validate().snapshot.data_version
    reject(shop.context().raw, shop.context().raw.batches()[0].name)
    shop.context().stream.put(reversed(generated.events.to_pylist()))
    assert shop.validate().snapshot.data_version == first
    shop.context().stream.put([{**generated.events.to_pylist()[0], "event_id": "one-more", "user_id": "u0000000"}])
    assert shop.validate().snapshot.data_version != first
