"""What is known to block a teardown, held against stacks that have it."""

from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.tiers import TIERS
from mlops.timeline.needed import CHARTS_OF, chart, group, runs_pods
from mlops.timeline.obstacles import Obstacle, before_everything, obstacles
from tests.cost.stacks import resource, stack
from tests.platforms import platform, tier_graph
from tests.timeline.test_schedule import after

RELEASE = "kubernetes:helm.sh/v3:Release"


def found(*nodes: Node) -> dict[str, Obstacle]:
    return {obstacle.what: obstacle for obstacle in obstacles(stack(*nodes))}


def test_load_balancers_that_outlive_their_controller_stop_the_destroy() -> None:
    controller = resource(RELEASE, "controller", {"chart": "aws-load-balancer-controller"})
    ingress = resource("kubernetes:networking.k8s.io/v1:Ingress", "ingress")
    [loose] = [one for what, one in found(controller, ingress).items() if "Load balancers" in what]
    assert (loose.verdict, loose.resources) == ("stops", ("ingress",))
    [ordered] = [one for what, one in found(controller, after(ingress, controller)).items() if "Load balancers" in what]
    assert ordered.verdict == "ordered"


def test_nodes_that_outlive_their_network_add_on_leave_interfaces_behind() -> None:
    cni = resource("aws:eks/addon:Addon", "cni", {"addonName": "vpc-cni"})
    nodes = resource("aws:eks/nodeGroup:NodeGroup", "nodes")
    assert [one.verdict for one in found(cni, nodes).values()] == ["stops"]
    assert [one.verdict for one in found(cni, after(nodes, cni)).values()] == ["ordered"]


def test_functions_in_a_network_hold_it_for_long_and_nothing_shortens_that() -> None:
    function = resource("aws:lambda/function:Function", "scorer", {"vpcConfig": {"subnetIds": ["a"]}})
    [obstacle] = found(function).values()
    assert (obstacle.verdict, obstacle.resources) == ("waits", ("scorer",))
    assert obstacle.known is not None
    assert obstacle.known.seconds["typical"] == 1300


@pytest.mark.parametrize(
    ("inputs", "verdict"), [({}, "stops"), ({"retentionPolicy": {"homeEfsFileSystem": "Delete"}}, "ordered")]
)
def test_the_home_of_a_sagemaker_domain_holds_the_network_unless_it_goes_along(
    inputs: dict[str, Any], verdict: str
) -> None:
    rows = found(resource("aws:sagemaker/domain:Domain", "studio", inputs)).values()
    assert [row.verdict for row in rows if "file system" in row.what] == [verdict]


def test_protected_and_full_resources_stop_the_destroy_and_are_named_first() -> None:
    graph = tier_graph("prod")
    rows = obstacles(graph)
    assert [row.verdict for row in rows] == sorted(
        (row.verdict for row in rows), key=["stops", "waits", "ordered"].index
    )
    stopping = {row.what: row.resources for row in rows if row.verdict == "stops"}
    assert "database-instance" in stopping["Protected resources"]
    assert "storage-raw" in stopping["Buckets and repositories that are not empty"]


def test_nothing_stops_the_destroy_of_a_stack_that_is_made_to_go() -> None:
    assert [row.what for row in obstacles(tier_graph("dev")) if row.verdict == "stops"] == []


@pytest.mark.parametrize("tier", TIERS)
def test_every_object_goes_before_the_controller_that_cleans_up_after_it(tier: str) -> None:
    graph = tier_graph(tier)
    releases = {chart(node): node.urn for node in graph.of_type(RELEASE)}
    for node in graph:
        for controller in CHARTS_OF.get(group(node), ()) if node.package == "kubernetes" and node.custom else ():
            assert releases[controller] in before_everything(graph, node), f"{node.name} outlives {controller}"


@pytest.mark.parametrize("tier", TIERS)
def test_namespaces_of_workloads_go_while_somebody_can_still_clean_up_in_them(tier: str) -> None:
    """Somebody's own load balancer, secret or model in them keeps a namespace until its controller has acted."""
    graph = tier_graph(tier)
    cleaners = {
        node.urn
        for node in graph.of_type(RELEASE)
        if chart(node) in ("aws-load-balancer-controller", "external-secrets", "kserve-resources")
    }
    cleaners |= {
        node.urn
        for node in graph.of_type("aws:eks/addon:Addon")
        if node.inputs.get("addonName") == "aws-ebs-csi-driver"
    }
    base = {urn for urn in cleaners if graph.module(graph[urn]) == "cluster"}
    for name in ("serving-namespace", "ml-platform-namespace", "ml-platform-login-namespace"):
        [space] = [node for node in graph if node.name == name]
        needed = cleaners if name == "serving-namespace" else base
        assert needed <= before_everything(graph, space), name


@pytest.mark.parametrize("tier", TIERS)
def test_pods_of_charts_and_workloads_go_before_their_nodes_and_their_names(tier: str) -> None:
    graph = tier_graph(tier)
    below = {node.urn for node in graph.of_type("aws:eks/nodeGroup:NodeGroup")}
    below |= {node.urn for node in graph.of_type("aws:eks/addon:Addon") if node.inputs.get("addonName") == "coredns"}
    for node in graph:
        if node.package == "kubernetes" and node.custom and runs_pods(node):
            assert below <= before_everything(graph, node), node.name


def test_a_stack_with_working_hours_says_when_it_can_be_destroyed() -> None:
    graph = platform("dev", {"cluster": {"auto_shutdown": {}}})
    [row] = [row for row in obstacles(graph) if "working hours" in row.what]
    assert row.verdict == "waits"
    assert "auto_shutdown" in row.advice
