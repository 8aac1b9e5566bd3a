"""What holds for every estimate, whatever is in it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from mlops.core.usage import BY_TIER, UsageConfig
from mlops.cost import report
from mlops.cost.book import Book, BookError, load
from mlops.cost.estimate import estimate, region_of
from mlops.cost.model import Context
from mlops.plan.graph import Graph, Node, from_export, from_preview
from tests.cost.stacks import priced, resource, stack, used
from tests.platforms import tier_graph


def test_the_total_is_the_sum_of_the_lines_and_each_line_is_quantity_times_price() -> None:
    made = estimate(tier_graph("prod"), BY_TIER["prod"], load())
    assert made.total == sum(line.monthly for line in made.lines)
    assert made.total == made.fixed + made.usage
    assert made.total == sum(report.module_total(lines) for lines in made.by_module().values())
    assert made.total == sum(row.monthly for row in report.rows(made))
    assert all(line.monthly == line.quantity * line.unit_price for line in made.lines)


def test_the_band_holds_the_total() -> None:
    made = estimate(tier_graph("enterprise"), BY_TIER["enterprise"], load())
    assert made.low <= made.total <= made.high
    assert all(line.low <= line.monthly <= line.high for line in made.lines)


def test_what_only_stands_there_has_no_band_from_use() -> None:
    made = priced(resource("aws:kms/key:Key"))
    assert made.low == made.total == made.high


SIZES = (
    ("streams", "record_kb"),
    ("traffic", "connection_kb"),
    ("storage", "object_mb"),
    ("storage", "data_age_days"),
)
"""Fewer, larger things cost less, and older data lies in cheaper classes."""
FIGURES = [
    (part, key)
    for part, model in UsageConfig()
    if isinstance(model, BaseModel)
    for key in type(model).model_fields
    if (part, key) not in SIZES
]
"""Every assumption but sizes and ages."""


@pytest.mark.parametrize(("part", "key"), FIGURES, ids=[f"{part}.{key}" for part, key in FIGURES])
def test_more_use_of_anything_never_costs_less(part: str, key: str) -> None:
    graph, usage = tier_graph("experimental"), BY_TIER["prod"]
    section = getattr(usage, part)
    now = float(context_of(graph, usage).figure(f"{part}.{key}").value)
    more = min(now * 2 + 1, 730.0) if key.endswith("_hours") and now <= 730 else now * 2 + 1
    before = estimate(graph, usage, load()).total
    after = usage.model_copy(update={part: section.model_copy(update={key: more})})
    assert estimate(graph, after, load()).total >= before


def context_of(graph: Graph, usage: UsageConfig) -> Context:
    return Context(graph, usage, lambda node: 1)


@settings(max_examples=40, deadline=None)
@given(
    factors=st.lists(st.floats(0, 3), min_size=len(FIGURES), max_size=len(FIGURES)),
    rises=st.lists(st.floats(0, 2), min_size=len(FIGURES), max_size=len(FIGURES)),
)
def test_more_use_of_everything_together_never_costs_less(factors: list[float], rises: list[float]) -> None:
    less = [factor * 100 for factor in factors]
    assert of_usage([now + rise for now, rise in zip(less, rises, strict=True)]) >= of_usage(less)


def of_usage(figures: list[float]) -> Decimal:
    """What enterprise costs with these figures, one for each assumption."""
    changed: dict[str, dict[str, float]] = {}
    for (part, key), figure in zip(FIGURES, figures, strict=True):
        changed.setdefault(part, {})[key] = max(figure, 1.0) if key == "function_ms" else figure
    usage = BY_TIER["enterprise"]
    parts = {part: getattr(usage, part).model_copy(update=values) for part, values in changed.items()}
    return estimate(tier_graph("enterprise"), usage.model_copy(update=parts), load()).total


@given(count=st.integers(0, 50), more=st.integers(1, 50))
def test_more_nodes_never_cost_less(count: int, more: int) -> None:
    def nodes(size: int) -> Decimal:
        scaling = {"minSize": size, "desiredSize": size, "maxSize": size}
        return priced(
            resource("aws:eks/nodeGroup:NodeGroup", inputs={"instanceTypes": ["m7i.large"], "scalingConfig": scaling})
        ).total

    assert nodes(count + more) > nodes(count)


@given(gb=st.floats(0, 1e7), more=st.floats(0, 1e6))
def test_more_gb_in_a_bucket_never_cost_less(gb: float, more: float) -> None:
    def stored(amount: float) -> Decimal:
        usage = UsageConfig.model_validate({"storage": {"data_gb": min(amount, 1e7)}})
        return priced(resource("aws:s3/bucket:Bucket"), usage=usage).total

    assert stored(gb + more) >= stored(gb)


def test_a_type_that_no_rule_knows_is_named_and_not_counted_as_nothing() -> None:
    made = priced(resource("aws:quantum/computer:Computer", "schroedinger"))
    assert made.total == 0
    assert [(row.type, row.resources) for row in made.unpriced] == [
        ("aws:quantum/computer:Computer", ("schroedinger",))
    ]
    assert not made.complete
    assert "schroedinger" in report.problems(made)[0]


def test_a_price_that_the_book_lacks_is_named_with_what_it_is_for() -> None:
    made = priced(resource("aws:rds/instance:Instance", "db", {"engine": "postgres", "instanceClass": "db.x9.huge"}))
    assert [(row.resource, row.sku[1]) for row in made.missing] == [("db", "db.x9.huge:single_az")]
    assert "db.x9.huge" in report.problems(made)[0]


def test_free_resources_are_counted_with_the_reason() -> None:
    made = priced(resource("aws:iam/role:Role", "a"), resource("aws:iam/role:Role", "b"))
    rows = {row.type: (row.count, row.reason) for row in made.free}
    assert rows["aws:iam/role:Role"] == (2, "IAM and access are free")


def test_a_region_without_prices_is_refused_with_the_regions_that_have_some() -> None:
    with pytest.raises(BookError, match="no prices for eu-central-1; it has us-east-1, us-west-2, eu-west-1"):
        priced(resource("aws:kms/key:Key"), region="eu-central-1")


def test_a_region_is_priced_with_its_own_prices() -> None:
    group = {"instanceTypes": ["m7i.large"], "scalingConfig": {"minSize": 1, "desiredSize": 1, "maxSize": 1}}
    node = resource("aws:eks/nodeGroup:NodeGroup", inputs=group)
    here, there = (priced(node, region=region).total for region in ("us-east-1", "eu-west-1"))
    assert there > here


def test_prices_of_another_region_stand_in_only_where_that_is_known_to_be_right() -> None:
    made = priced(resource("aws:kms/key:Key"), region="us-west-2")
    assert {line.price.asked_in for line in made.lines} == {"us-west-2"}
    assert {line.price.region for line in made.lines} == {"us-east-1"}
    athena = resource("aws:athena/workgroup:Workgroup")
    query = used(compute={"query_tb": 1})
    assert [row.sku for row in priced(athena, usage=query, region="eu-west-1").missing] == [("athena", "sql_scanned")]


def test_what_costs_the_same_in_every_region_is_priced_in_each_with_a_mark() -> None:
    made = priced(resource("aws:kms/key:Key"), region="eu-west-1")
    assert (made.total, made.complete) == (1, True)
    assert {line.price.asked_in for line in made.lines} == {"eu-west-1"}


def test_the_region_that_may_stand_in_costs_the_same_wherever_both_are_known() -> None:
    book = load()
    services = ("ec2_on_demand_linux", "ebs", "rds_postgres", "elasticache_redis", "data_transfer")
    compared = 0
    for price in book.prices("us-west-2"):
        other = book.regions["us-east-1"].get(price.service, {}).get(price.sku)
        if other and price.service in services:
            assert other["price"] == price.usd, price.sku
            compared += 1
    assert compared > 400


def as_export(graph: Graph) -> dict[str, Any]:
    """The graph as `pulumi stack export` writes it."""
    root = f"urn:pulumi:{graph.stack}::{graph.project}::pulumi:pulumi:Stack::{graph.project}-{graph.stack}"
    rows = [{"urn": root, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {}}]
    return {"version": 3, "deployment": {"resources": rows + [_state(node, root) for node in graph]}}


def as_preview(graph: Graph) -> dict[str, Any]:
    """The graph as `pulumi preview --json` foresees it: without ids."""
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    def blurred(value: Any, ids: frozenset[str]) -> Any:
        if isinstance(value, dict):
            return {key: blurred(item, ids) for key, item in value.items()}
        if isinstance(value, list):
            return [blurred(item, ids) for item in value]
        return unknown if isinstance(value, str) and value in ids else value

    def foreseen(row: dict[str, Any]) -> dict[str, Any]:
        inputs = dict(row.get("inputs") or {})
        for prop, urns in row.get("propertyDependencies", {}).items():
            ids = frozenset(graph[urn].id for urn in urns if graph[urn].id)
            inputs[prop] = blurred(inputs.get(prop), ids)
        return {"urn": row["urn"], "newState": {**row, "id": "", "inputs": inputs}}

    return {"steps": [foreseen(row) for row in as_export(graph)["deployment"]["resources"]]}


def _state(node: Node, root: str) -> dict[str, Any]:
    return {
        "urn": node.urn,
        "type": node.type,
        "custom": node.custom,
        "id": node.id,
        "parent": node.parent or root,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "dependencies": list(node.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in node.property_dependencies.items()},
        "provider": f"{node.provider}::id" if node.provider else "",
    }


@pytest.mark.parametrize("tier", ["prod", "experimental"])
def test_plan_state_and_preview_of_one_stack_cost_the_same(tier: str) -> None:
    graph, usage, book = tier_graph(tier), BY_TIER[tier], load()
    planned = estimate(graph, usage, book)
    deployed = estimate(from_export(as_export(graph)), usage, book)
    foreseen = estimate(from_preview(as_preview(graph)), usage, book)
    assert planned.lines == deployed.lines == foreseen.lines


def test_prices_of_the_project_win_over_those_that_ship() -> None:
    row = {"price": Decimal("0.5"), "unit": "key-month", "source": "ours", "as_of": "2026-11-01"}
    own = Book(sources={"ours": "a contract"}, regions={"us-east-1": {"kms": {"customer_key": row}}})
    book = own.over(load())
    made = estimate(stack(resource("aws:kms/key:Key")), BY_TIER["local"], book)
    key = next(line for line in made.lines if line.label == "customer-managed key")
    assert (key.monthly, book.source(key.price)) == (Decimal("0.5"), "a contract")
    assert key.price.age_days(date(2026, 11, 20)) == 19


def test_every_price_says_where_it_comes_from_and_what_is_from_memory_stays_marked() -> None:
    book = load()
    prices = [price for region in book.regions for price in book.prices(region)]
    assert all(price.source in book.sources for price in prices)
    assert any(not price.verified for price in prices)
    assert all(price.verified for price in prices if price.source not in ("memory", "derived", "ratio"))


def test_a_stack_without_a_provider_is_priced_in_virginia() -> None:
    assert region_of(replace(stack(), nodes=())) == "us-east-1"
