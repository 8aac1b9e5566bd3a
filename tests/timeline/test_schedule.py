"""Resources in time: what waits for what, how long the whole takes, and the bound."""

from dataclasses import replace

import pytest
import yaml

from mlops.plan.graph import Graph, Node
from mlops.tiers import TIERS
from mlops.timeline.durations import ENGINE_SECONDS, Operation, duration
from mlops.timeline.schedule import savings, schedule
from tests.cost.stacks import resource, stack
from tests.platforms import ROOT, platform, tier_graph

VPC, SUBNET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
CLUSTER, GROUP, ADDON = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup", "aws:eks/addon:Addon"


def after(node: Node, *others: Node) -> Node:
    """The node, ordered by hand behind others."""
    urns = tuple(sorted({*node.dependencies, *(other.urn for other in others)}))
    return replace(node, dependencies=urns)


def typical(*nodes: Node) -> float:
    return sum(duration(node, "create").typical + ENGINE_SECONDS for node in nodes)


def test_what_does_not_wait_for_each_other_happens_at_once() -> None:
    one, two = resource(CLUSTER, "one"), resource(CLUSTER, "two")
    assert schedule(stack(one, two), "create").total == typical(one)


def test_what_takes_a_value_from_another_comes_after_it() -> None:
    vpc = resource(VPC, "vpc")
    subnet = resource(SUBNET, "subnet", vpcId=vpc)
    made = schedule(stack(subnet, vpc), "create")
    assert made.total == typical(vpc, subnet)
    assert [step.node.name for step in made.critical_path()] == ["vpc", "subnet"]
    edge = made.critical_path()[1].waits_for
    assert edge is not None
    assert (edge.kind, edge.why) == ("data", "vpcId")


def test_the_way_down_follows_the_same_edges_backwards() -> None:
    cluster = resource(CLUSTER, "cluster")
    nodes = resource(GROUP, "nodes", clusterName=cluster)
    made = schedule(stack(cluster, nodes), "delete")
    assert [step.node.name for step in made.critical_path()] == ["nodes", "cluster"]
    # Measured: 436 and 151 seconds.
    assert made.total == 436 + 151 + 2 * ENGINE_SECONDS


def test_an_order_that_aws_insists_on_is_part_of_the_bound() -> None:
    nodes = resource(GROUP, "nodes")
    dns = after(resource(ADDON, "dns", {"addonName": "coredns"}), nodes)
    made = schedule(stack(nodes, dns), "create")
    assert made.excess == 0
    assert savings(made) == ()


def test_an_order_that_nobody_needs_shows_as_excess_with_its_cost() -> None:
    slow = resource("aws:rds/instance:Instance", "database")
    late = after(resource(CLUSTER, "cluster"), slow)
    made = schedule(stack(slow, late), "create")
    assert made.bound == typical(late)
    assert made.total == typical(slow, late)
    [(edge, seconds)] = savings(made)
    assert (edge.before, edge.after, edge.kind) == (slow.urn, late.urn, "order")
    assert seconds == typical(slow)


def test_a_dependency_on_a_component_waits_for_all_that_is_below_it() -> None:
    component = Node(urn="urn:pulumi:test::mlops::x:y:Z::parts", type="x:y:Z", name="parts", custom=False)
    part = replace(resource(CLUSTER, "part"), parent=component.urn)
    late = after(resource(VPC, "late"), component)
    assert schedule(stack(component, part, late), "create").total == typical(part, late)


def test_resources_that_wait_for_each_other_are_refused_by_name() -> None:
    one, two = resource(VPC, "one"), resource(VPC, "two")
    with pytest.raises(ValueError, match="waits for itself"):
        schedule(stack(after(one, two), after(two, one)), "create")


@pytest.mark.parametrize(
    ("type_", "inputs", "seconds"),
    [
        ("aws:rds/instance:Instance", {}, 295),
        ("aws:rds/instance:Instance", {"multiAz": True}, 827),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Interface"}, 45),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {}, 6),
        ("aws:eks/addon:Addon", {"addonName": "vpc-cni"}, 35),
        ("aws:eks/addon:Addon", {"addonName": "snapshot-controller"}, 50),
        ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", {}, 58),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", {}, 2),
        ("aws:msk/cluster:Cluster", {"brokerNodeGroupInfo": {"instanceType": "express.m7g.large"}}, 1500),
        ("kubernetes:helm.sh/v3:Release", {"chart": "cert-manager"}, 30),
        ("kubernetes:helm.sh/v3:Release", {"chart": "oci://ghcr.io/kserve/charts/kserve-crd"}, 75),
    ],
)
def test_a_type_takes_the_time_of_its_variant(type_: str, inputs: dict[str, object], seconds: int) -> None:
    assert duration(resource(type_, inputs=inputs), "create").typical == seconds


def test_a_type_that_nobody_measured_is_marked_as_assumed() -> None:
    assert duration(resource("aws:quantum/computer:Computer"), "create").basis == "assumed"


def test_what_is_kept_on_delete_takes_no_time() -> None:
    kept = replace(resource("aws:rds/instance:Instance"), retain_on_delete=True)
    assert duration(kept, "delete").typical == 0


@pytest.mark.parametrize("operation", ["create", "delete"])
@pytest.mark.parametrize("tier", TIERS)
def test_no_tier_takes_five_percent_longer_than_any_order_must(tier: str, operation: Operation) -> None:
    made = schedule(tier_graph(tier), operation)
    worst = [f"{edge.after} waits {saved:.0f} s for {edge.before}" for edge, saved in savings(made)]
    assert made.excess <= 0.05, worst


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_comes_up_in_less_than_half_an_hour(tier: str) -> None:
    assert schedule(tier_graph(tier), "create").total < 30 * 60


def test_staging_comes_up_in_less_than_half_an_hour_within_five_percent_of_the_bound() -> None:
    settings = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    made = schedule(platform(settings["tier"], settings["platform"]), "create")
    assert made.total < 30 * 60
    assert made.excess <= 0.05


@pytest.mark.parametrize("operation", ["create", "delete"])
def test_no_step_begins_before_what_it_waits_for_has_ended(operation: Operation) -> None:
    graph: Graph = tier_graph("enterprise")
    made = schedule(graph, operation)
    assert len(made.steps) == sum(node.custom for node in graph)
    for urn, step in made.steps.items():
        for other in graph[urn].dependencies:
            if other in made.steps:
                first, second = (made.steps[other], step) if operation == "create" else (step, made.steps[other])
                assert first.end <= second.start
