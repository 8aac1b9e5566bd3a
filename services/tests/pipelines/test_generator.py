"""Made-up data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.generator import Sample, generate, write

END = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_the_same_sample_gives_the_same_data() -> None:
    sample = Sample(end=END)
    first, second = generate(sample), generate(sample)
    assert first.events.equals(second.events)
    assert first.users.equals(second.users)
    assert first.products.equals(second.products)


def test_the_default_is_a_hundred_users_fifty_products_and_five_thousand_events() -> None:
    made = generate(Sample(end=END))
    assert (made.users.num_rows, made.products.num_rows, made.events.num_rows) == (100, 50, 5_000)
    assert len(pc.unique(made.events["event_id"])) == 5_000


def test_events_lie_in_the_days_asked_for_and_not_in_the_future() -> None:
    moments = generate(Sample(end=END, days=10)).events["timestamp"]
    assert pc.max(moments).as_py() <= END
    assert pc.min(moments).as_py() >= END - timedelta(days=11)


@given(users=st.integers(0, 30), products=st.integers(0, 30), events=st.integers(0, 60), shifted=st.booleans())
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_size_works_and_names_only_what_exists(users: int, products: int, events: int, shifted: bool) -> None:
    made = generate(Sample(users=users, products=products, events=events, shifted=shifted, end=END))
    assert made.events.num_rows == (events if users and products else 0)
    assert pc.all(pc.is_in(made.events["user_id"], value_set=made.users["user_id"].combine_chunks())).as_py() in {
        True,
        None,
    }
    assert pc.all(
        pc.is_in(made.events["product_id"], value_set=made.products["product_id"].combine_chunks())
    ).as_py() in {True, None}


def test_a_second_batch_has_the_same_users_and_other_events() -> None:
    first = generate(Sample(end=END))
    second = generate(Sample(end=END, events_seed=1, first_event=5_000))
    assert second.users.equals(first.users)
    assert not set(second.events["event_id"].to_pylist()) & set(first.events["event_id"].to_pylist())


def test_users_prefer_two_categories_and_a_shift_moves_everybody() -> None:
    made, moved = generate(Sample(end=END)), generate(Sample(end=END, shifted=True))
    assert _share_of_two(made) > 0.7
    category = made.products["category"]
    last = pc.is_in(category, value_set=pc.unique(category).slice(8))
    favourites = made.products["product_id"].filter(last).combine_chunks()
    share = [np.mean(pc.is_in(found.events["product_id"], value_set=favourites).to_numpy()) for found in (made, moved)]
    assert share[1] > share[0] + 0.2


def _share_of_two(made: object) -> float:
    frame = made.events.to_pandas().merge(made.products.to_pandas(), on="product_id")  # type: ignore[attr-defined]
    counts = frame.groupby(["user_id", "category"]).size().groupby("user_id")
    return float((counts.apply(lambda row: row.nlargest(2).sum()) / counts.sum()).mean())


@pytest.mark.parametrize("parquet", [False, True])
def test_files_are_named_after_what_they_hold(tmp_path: Path, parquet: bool) -> None:
    files = write(generate(Sample(events=10, end=END)), tmp_path, parquet=parquet)
    assert [path.stem for path in files] == ["users", "products", "events"]
    assert all(path.stat().st_size for path in files)


@pytest.mark.long
def test_a_million_users_and_five_million_events_are_made() -> None:
    made = generate(Sample(users=1_000_000, products=10_000, events=5_000_000, end=END))
    assert made.users.num_rows == 1_000_000
    assert made.events.num_rows == 5_000_000
