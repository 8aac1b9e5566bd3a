"""Checkpoints: a real Great Expectations over tables of the lake, and what of it is told."""

import json
from typing import Any

import boto3
import great_expectations as gx
import pyarrow as pa
import pytest
from great_expectations import expectations as gxe

from pipelines import cloudwatch
from pipelines.checkpoint import Checkpoint, check, read
from pipelines.errors import InputError
from tests.conftest import REGION
from tests.pipelines.shop import NOW, Shop, made

ORDERS = "orders/2026-11-20.parquet"


def put_suite(shop: Shop) -> str:
    """A suite as Great Expectations itself writes one."""
    suite = gx.ExpectationSuite(
        name="orders",
        expectations=[
            gxe.ExpectColumnValuesToNotBeNull(column="id"),
            gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0),
            gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id", "price"]),
        ],
    )
    return shop.context().lake.put_json("artifacts", "expectations/orders.json", suite.to_json_dict())


def orders(bad: int, rows: int = 100) -> pa.Table:
    """Rows of which some have neither an id nor a price that may be: each is one bad row."""
    ids = [None if row < bad else str(row) for row in range(rows)]
    prices = [-1.0 if row < bad else 1.0 for row in range(rows)]
    return pa.table({"id": pa.array(ids, pa.string()), "price": prices})


@pytest.mark.parametrize(("bad", "passed"), [(0, True), (5, True), (6, False)])
def test_rows_are_judged_and_not_expectations(shop: Shop, bad: int, passed: bool) -> None:
    lake = shop.context().lake
    lake.put_table("curated", ORDERS, orders(bad))
    one = Checkpoint(name="orders", zone="curated", folder="orders", suite=put_suite(shop))
    found = check(lake, one, NOW)
    assert (found.rows, found.percent, found.passed) == (100, pytest.approx(100 - bad), passed)
    assert len(found.broken) == (2 if bad else 0)
    stored = json.loads(lake.need("curated", "quality/checkpoints/orders/20261120T120100.json"))
    assert stored["validation"]["statistics"]["evaluated_expectations"] == 3
    assert stored["keys"] == [ORDERS]


def test_what_is_said_of_a_whole_table_fails_it_whatever_its_rows_are(shop: Shop) -> None:
    lake = shop.context().lake
    lake.put_table("curated", ORDERS, orders(0).append_column("new", pa.array(range(100))))
    one = Checkpoint(name="orders", zone="curated", folder="orders", suite=put_suite(shop))
    found = check(lake, one, NOW)
    assert (found.percent, found.passed) == (100.0, False)
    assert found.table_broken == ("expect_table_columns_to_match_ordered_list of the table",)


def test_the_newest_file_is_the_table_or_all_of_some_hours(shop: Shop) -> None:
    lake = shop.context().lake
    lake.put_table("curated", "orders/b.parquet", orders(0, 10))
    lake.put_table("curated", "orders/a.parquet", orders(0, 20))
    lake.put("curated", "orders/notes.txt", b"no table")
    one = Checkpoint(name="orders", zone="curated", folder="orders", suite=put_suite(shop))
    assert check(lake, one, NOW).rows in (10, 20)
    hours = one.model_copy(update={"within_hours": 24 * 365 * 100})
    assert check(lake, hours, NOW).rows == 30


def test_no_rows_are_no_quality(shop: Shop) -> None:
    one = Checkpoint(name="orders", zone="curated", folder="orders", suite="expectations/orders.json")
    found = check(shop.context().lake, one, NOW)
    assert (found.percent, found.passed) == (None, False)


def test_the_loops_own_features_are_checked_without_a_suite(shop: Shop) -> None:
    shop.fill(made(events=300))
    found = shop.context()
    found.store.build(shop.validate().snapshot.data_version, NOW)
    for file in ("users", "products"):
        done = check(found.lake, Checkpoint(name=file, zone="features", file=f"{file}.parquet"), NOW)
        assert (done.percent, done.passed, done.broken) == (100.0, True, ())


@pytest.mark.parametrize(
    ("suite", "content", "words"),
    [
        (None, None, "names no suite"),
        ("missing.json", None, "there is no suite at s3://"),
        ("odd.json", b"[1]", "is no suite that Great Expectations"),
        ("odd.json", b'{"expectations": [{"type": "expect_wonders", "kwargs": {}}]}', "is no suite"),
    ],
)
def test_what_cannot_be_checked_is_said(shop: Shop, suite: str | None, content: bytes | None, words: str) -> None:
    lake = shop.context().lake
    lake.put_table("curated", ORDERS, orders(0))
    if suite and content:
        lake.put("artifacts", suite, content)
    with pytest.raises(InputError, match=words):
        check(lake, Checkpoint(name="orders", zone="curated", folder="orders", suite=suite), NOW)


def test_a_list_that_is_none_is_refused() -> None:
    assert read('[{"name": "a", "zone": "raw", "folder": "x"}]')[0].least_percent == 95
    with pytest.raises(InputError, match="MLOPS_CHECKPOINTS is no list of checkpoints"):
        read('[{"name": "a", "zone": "lake"}]')


def test_figures_go_to_cloudwatch_where_the_platform_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moto_url: str
) -> None:
    client: Any = boto3.client("cloudwatch", region_name=REGION, endpoint_url=moto_url)
    cloudwatch.publish(shop.settings, {"QualityPercent": 97.5}, Checkpoint="orders")
    space = f"MLOps/Test{shop.settings.bucket_raw}"
    assert not client.list_metrics(Namespace=space)["Metrics"], "nobody is told where no namespace is named"
    monkeypatch.setenv(cloudwatch.NAMESPACE, space)
    monkeypatch.setenv(cloudwatch.STACK, "mlops-dev")
    cloudwatch.publish(shop.settings, {"QualityPercent": 97.5, "Nothing": None}, Checkpoint="orders")
    (metric,) = client.list_metrics(Namespace=space)["Metrics"]
    assert metric["MetricName"] == "QualityPercent"
    dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    assert dimensions == {"Stack": "mlops-dev", "Checkpoint": "orders"}
