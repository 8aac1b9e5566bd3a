"""Values that are unknown or secret: no rule falls over them, none is taken for nothing in silence."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlops.core.usage import BY_TIER
from mlops.cost import report
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.cost.model import Context
from mlops.cost.rules import rule_of
from mlops.plan.graph import Node
from mlops.plan.reading import noted
from tests.cost.stacks import priced, resource, stack
from tests.platforms import tier_graph


def nodes_with_a_rule() -> Iterator[Node]:
    seen: set[str] = set()
    for tier in ("prod", "enterprise", "experimental"):
        for node in tier_graph(tier):
            if rule_of(node.type) and node.type not in seen:
                seen.add(node.type)
                yield node


NODES = list(nodes_with_a_rule())


def hidden(value: Any, mark: str) -> Iterator[Any]:
    """The value with each part of it hidden, one at a time, from the whole to the leaves."""
    yield mark
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: less} for less in hidden(inner, mark))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from ([*value[:index], less, *value[index + 1 :]] for less in hidden(inner, mark))


@pytest.mark.parametrize("mark", ["[unknown]", "[secret]"])
@pytest.mark.parametrize("node", NODES, ids=[node.type for node in NODES])
def test_no_rule_falls_over_a_hidden_value(node: Node, mark: str) -> None:
    rule = rule_of(node.type)
    assert rule
    for inputs in hidden(dict(node.inputs), mark):
        changed = replace(node, inputs=inputs if isinstance(inputs, dict) else {})
        context = Context(stack(changed), BY_TIER["prod"], lambda one: 1)
        assert all(item.quantity is not None for item in rule(changed, context))


@pytest.mark.parametrize("mark", ["[unknown]", "[secret]"])
@pytest.mark.parametrize(
    ("type_", "prop"),
    [
        ("kubernetes:apps/v1:StatefulSet", "spec"),
        ("kubernetes:core/v1:PersistentVolumeClaim", "spec"),
        ("kubernetes:core/v1:Service", "spec"),
        ("kubernetes:helm.sh/v3:Release", "values"),
        ("kubernetes:kafka.strimzi.io/v1:Kafka", "spec"),
        ("aws:eks/nodeGroup:NodeGroup", "instanceTypes"),
        ("aws:rds/instance:Instance", "allocatedStorage"),
        ("aws:msk/cluster:Cluster", "brokerNodeGroupInfo"),
        ("aws:lb/loadBalancer:LoadBalancer", "internal"),
    ],
)
def test_what_a_price_depends_on_and_nobody_can_see_is_said_and_makes_the_total_incomplete(
    type_: str, prop: str, mark: str
) -> None:
    made = priced(resource(type_, "thing", {"chart": "cert-manager", "instanceClass": "db.m5.large", prop: mark}))
    assert f"Reckoned with a default: thing: {prop} is {mark[1:-1]}." in report.problems(made)
    assert not made.complete
    assert report.total_text(made).startswith("at least")


def test_a_tier_as_it_is_planned_hides_nothing_that_a_price_depends_on() -> None:
    for tier in BY_TIER:
        with noted():
            assert estimate(tier_graph(tier), BY_TIER[tier], load()).hidden == ()
