"""What a stack takes from an account's quotas."""

from typing import Any

import pytest

from mlops.plan.capacity import needs, profile, region, vcpus
from mlops.plan.graph import Graph, Node


def graph(*rows: tuple[str, dict[str, Any]]) -> Graph:
    nodes = tuple(
        Node(urn=f"urn:pulumi:t::p::{type_}::{number}", type=type_, name=str(number), inputs=inputs)
        for number, (type_, inputs) in enumerate(rows)
    )
    return Graph(project="p", stack="t", nodes=nodes)


def amounts(made: Graph) -> dict[str, int]:
    return {need.quota.name: need.amount for need in needs(made)}


def test_addresses_and_networks_are_counted() -> None:
    eip = ("aws:ec2/eip:Eip", {})
    assert amounts(graph(("aws:ec2/vpc:Vpc", {}), eip, eip)) == {"VPCs per Region": 1, "EC2-VPC Elastic IPs": 2}


def test_nat_gateways_are_counted_where_most_of_them_are_in_one_zone() -> None:
    nats = [("aws:ec2/natGateway:NatGateway", {"subnetId": subnet}) for subnet in ("a", "b", "b")]
    assert amounts(graph(*nats)) == {"NAT gateways per Availability Zone": 2}


def group(capacity: str, *types: str, most: int = 3) -> tuple[str, dict[str, Any]]:
    inputs = {"capacityType": capacity, "instanceTypes": list(types), "scalingConfig": {"maxSize": most}}
    return "aws:eks/nodeGroup:NodeGroup", inputs


def test_node_groups_are_counted_at_their_largest_in_the_quota_of_their_family() -> None:
    made = graph(
        group("ON_DEMAND", "m7i.large", "m7i.xlarge"), group("SPOT", "m7g.2xlarge"), group("ON_DEMAND", "g6.xlarge")
    )
    assert amounts(made) == {
        "Running On-Demand Standard instances (vCPU)": 12,
        "All Standard Spot Instance Requests (vCPU)": 24,
        "Running On-Demand G and VT instances (vCPU)": 12,
    }


def test_what_a_stack_does_not_touch_is_left_out() -> None:
    assert needs(graph(("aws:s3/bucket:Bucket", {}), group("ON_DEMAND", "m7g.large", most=0))) == ()


@pytest.mark.parametrize(
    ("instance", "expected"), [("t3.micro", 2), ("m7i.large", 2), ("g5.xlarge", 4), ("c7gn.16xlarge", 64)]
)
def test_the_size_of_an_instance_tells_its_vcpus(instance: str, expected: int) -> None:
    assert vcpus(instance) == expected


def test_region_and_profile_are_those_of_the_stacks_provider() -> None:
    made = graph(("pulumi:providers:aws", {"region": "eu-west-1", "profile": "team"}))
    assert (region(made), profile(made)) == ("eu-west-1", "team")
    assert profile(graph()) is None
