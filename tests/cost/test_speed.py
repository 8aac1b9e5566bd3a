"""An answer while one waits: figures that the README promises."""

from dataclasses import replace
from time import perf_counter

from mlops.capacity.fit import capacity
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from mlops.timeline.schedule import schedule
from tests.platforms import tier_graph


def many(graph: Graph, resources: int) -> Graph:
    """The same stack side by side, often enough for so many resources."""
    copies = -(-resources // len(graph))
    return Graph(
        project="mlops", stack="many", nodes=tuple(_copied(node, index) for index in range(copies) for node in graph)
    )


def _copied(node: Node, index: int) -> Node:
    def renamed(urn: str) -> str:
        return f"{urn}-{index}" if urn else urn

    return replace(
        node,
        urn=renamed(node.urn),
        name=renamed(node.name),
        id=renamed(node.id),
        parent=renamed(node.parent),
        provider=renamed(node.provider),
        dependencies=tuple(map(renamed, node.dependencies)),
        property_dependencies={key: tuple(map(renamed, urns)) for key, urns in node.property_dependencies.items()},
    )


def test_five_thousand_resources_are_priced_filled_and_timed_in_less_than_three_seconds() -> None:
    graph = many(tier_graph("enterprise"), 5_000)
    start = perf_counter()
    made = estimate(graph, BY_TIER["enterprise"], load())
    capacity(graph)
    schedule(graph, "create")
    assert perf_counter() - start < 3
    assert made.complete
    assert len(graph) >= 5_000
