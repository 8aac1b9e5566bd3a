"""What is said to whoever has pods that stay Pending: which group, to what size, at what price; and that it helps."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.capacity.fit import capacity
from mlops.capacity.nodes import NODE_GROUP
from mlops.capacity.remedy import LargerNodes, MoreNodes, remedies
from mlops.choice import grid
from mlops.cli.commands.capacity import in_words
from mlops.plan.graph import Graph
from tests.capacity.test_fit import deployment, group
from tests.cost.stacks import stack
from tests.platforms import ROOT, platform


def mended(graph: Graph) -> Graph:
    """The same stack with what is advised."""
    advice = {one.group.node.urn: one for one in remedies(graph, capacity(graph))}
    nodes = []
    for node in graph:
        remedy, inputs = advice.get(node.urn), dict(node.inputs)
        if isinstance(remedy, MoreNodes):
            inputs["scalingConfig"] = {**inputs["scalingConfig"], "maxSize": remedy.nodes}
        if isinstance(remedy, LargerNodes) and remedy.instance_type:
            inputs["instanceTypes"] = [remedy.instance_type]
        nodes.append(replace(node, inputs=inputs))
    return Graph(project=graph.project, stack=graph.stack, nodes=tuple(nodes))


@settings(max_examples=40, deadline=None)
@given(
    replicas=st.integers(1, 30),
    millicores=st.integers(50, 1800),
    mebibytes=st.integers(64, 5000),
    nodes=st.integers(1, 3),
)
def test_with_the_size_that_is_said_everything_fits_and_with_one_node_less_it_does_not(
    replicas: int, millicores: int, mebibytes: int, nodes: int
) -> None:
    asks = {"cpu": f"{millicores}m", "memory": f"{mebibytes}Mi"}
    tight = stack(group("system", "m7i.large", nodes), deployment("app", replicas, asks))
    found = remedies(tight, capacity(tight))
    assert bool(found) == bool(capacity(tight).stuck)
    assert capacity(mended(tight)).stuck == ()
    for one in found:
        assert isinstance(one, MoreNodes)
        fewer = stack(group("system", "m7i.large", nodes, one.nodes - 1), deployment("app", replicas, asks))
        assert capacity(fewer).stuck


def test_the_sentence_names_the_setting_the_size_and_the_price() -> None:
    tight = stack(group("system", "m7i.large", 1), deployment("app", 4, {"cpu": "900m"}))
    [remedy] = remedies(tight, capacity(tight))
    assert in_words(remedy, tight) == (
        "cluster.system: set max_size to 2 (now 1): 1 more m7i.large, $74 a month more at most."
    )


def test_what_no_node_of_the_group_holds_is_told_the_smallest_type_of_its_family_that_does() -> None:
    tight = stack(group("models", "m7i.large", 1), deployment("app", 1, {"cpu": "3", "memory": "12Gi"}))
    [remedy] = remedies(tight, capacity(tight))
    said = in_words(remedy, tight)
    assert said.startswith("cluster.node_groups.models: app asks for 3 CPU and 12.0 GiB, and m7i.large has no room")
    assert "set instance_types to m7i.xlarge, $147 a month each" in said
    assert capacity(mended(tight)).stuck == ()


def test_where_the_family_ends_another_one_is_asked_for() -> None:
    tight = stack(group("models", "t3.large", 1), deployment("app", 1, {"cpu": "1", "memory": "900Gi"}))
    [remedy] = remedies(tight, capacity(tight))
    assert "nor has any of its family; choose a larger family for instance_types" in in_words(remedy, tight)


def test_nodes_of_spot_are_priced_as_such() -> None:
    tight = stack(group("models", "m5.xlarge", 1, capacityType="SPOT"), deployment("app", 9, {"cpu": "900m"}))
    on_demand = stack(group("models", "m5.xlarge", 1), deployment("app", 9, {"cpu": "900m"}))
    [cheap], [dear] = (remedies(one, capacity(one)) for one in (tight, on_demand))
    assert in_words(cheap, tight) != in_words(dear, on_demand)


def test_a_stack_that_fits_is_told_nothing() -> None:
    roomy = stack(group("system", "m7i.large", 2, 4), deployment("app", 3, {"cpu": "500m"}))
    assert remedies(roomy, capacity(roomy)) == ()


@pytest.mark.parametrize("combination", ["pulsar kubeflow datadog seldon"])
def test_the_combination_that_is_too_much_for_dev_fits_once_its_advice_is_in_the_stack_file(combination: str) -> None:
    override = grid.settings(dict(zip(grid.found(), combination.split(), strict=True)))
    graph = grid.tried(ROOT, "dev", override).graph
    [remedy] = remedies(graph, capacity(graph))
    assert isinstance(remedy, MoreNodes)
    assert in_words(remedy, graph).startswith("cluster.system: set max_size to 4 (now 3): 1 more t3.large, $")
    larger = platform("dev", {**override, "cluster": {"system": {"max_size": remedy.nodes}}})
    assert capacity(larger).stuck == ()
    assert larger.of_type(NODE_GROUP)
