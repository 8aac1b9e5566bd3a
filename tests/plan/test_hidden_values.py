"""Whatever an export does not tell (unknown, secret, absent): every reader of the graph goes on, and names it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlops.capacity.fit import capacity
from mlops.change.classify import classify
from mlops.core.usage import UsageConfig
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan import access, workloads
from mlops.plan.capacity import needs
from mlops.plan.graph import Graph, Node
from mlops.plan.reading import noted
from mlops.plan.values import SECRET, UNKNOWN
from mlops.timeline.obstacles import obstacles
from mlops.timeline.schedule import schedule
from policies.engine import judge
from tests.platforms import tier_graph

READERS: dict[str, Callable[[Graph], object]] = {
    "cost": lambda graph: estimate(graph, UsageConfig(), load()),
    "capacity": capacity,
    "diff": lambda graph: classify(graph, tier_graph("dev")),
    "policy": lambda graph: judge(graph, "prod", ()),
    "access": access.rights,
    "workloads": workloads.workloads,
    "quotas": needs,
    "timeline": lambda graph: [schedule(graph, way) for way in ("create", "delete")],
    "obstacles": obstacles,
}
HIDDEN = {"unknown": UNKNOWN, "secret": SECRET, "absent": None}


def paths(value: Any, depth: int, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every path into a value, down to a depth."""
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in rows:
        yield (*path, key)
        if depth > 1:
            yield from paths(item, depth - 1, (*path, key))


def hide(value: Any, path: tuple[str | int, ...], hidden: Any) -> Any:
    """The value with something else at a path; without it where that is None."""
    key, rest = path[0], path[1:]
    rows = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    made = [(one, (hide(item, rest, hidden) if rest else hidden) if one == key else item) for one, item in rows]
    kept = [(one, item) for one, item in made if item is not None]
    return dict(kept) if isinstance(value, dict) else [item for _, item in kept]


def blinded(graph: Graph, number: int, depth: int, hidden: Any) -> Graph | None:
    """The graph with the n-th path of every resource hidden; None where no resource has so many."""
    found = False
    nodes: list[Node] = []
    for node in graph:
        listed = sorted(paths(node.inputs, depth), key=str)
        if number < len(listed):
            found = True
            nodes.append(replace(node, inputs=hide(node.inputs, listed[number], hidden)))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)) if found else None


def unread(reader: str, tier: str, depth: int) -> list[str]:
    """What a reader cannot stand."""
    failures = []
    for words, hidden in HIDDEN.items():
        number = 0
        while (graph := blinded(tier_graph(tier), number, depth, hidden)) is not None:
            number += 1
            try:
                READERS[reader](graph)
            except Exception as error:
                failures.append(f"{words}, path {number}: {type(error).__name__}: {error}")
    return failures


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_ends_in_an_exception(reader: str) -> None:
    assert unread(reader, "dev", 1) == []


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("tier", ["prod", "experimental"])
def test_no_reader_ends_in_an_exception_however_deep_it_is(reader: str, tier: str) -> None:
    assert unread(reader, tier, 6) == []


def test_what_a_reader_asked_for_and_is_hidden_is_named() -> None:
    prod = tier_graph("prod")
    brokers = prod.of_type("aws:msk/cluster:Cluster")[0]
    blind = replace(brokers, inputs={**brokers.inputs, "brokerNodeGroupInfo": SECRET})
    with noted() as notes:
        schedule(replace(prod, nodes=tuple(blind if node is brokers else node for node in prod)), "create")
    assert {str(note) for note in notes} == {f"{brokers.name}: brokerNodeGroupInfo is secret"}
