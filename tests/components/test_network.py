"""The VPC that a stack gets."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.network import Network, NetworkArgs, NetworkConfig
from mlops.core.regions import zones
from mlops.plan.graph import Graph
from tests.support import REGION, names, only, recorded

SUBNETS = ("subnet-0000000a", "subnet-0000000b")
EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "cidr": "10.1.0.0/16",
    "private_subnets": {SUBNETS[0]: "10.1.0.0/19", SUBNETS[1]: "10.1.32.0/19"},
    "zone_names": ["us-east-1a", "us-east-1b"],
}


def network(endpoints: frozenset[str] = frozenset({"sts", "ecr.api"}), **settings: Any) -> Graph:
    config = NetworkConfig(**settings)

    def build(opts: pulumi.ResourceOptions) -> None:
        args = NetworkArgs(
            region=REGION,
            zones=config.zone_names or zones(REGION)[: config.zones],
            log_key_arn=pulumi.Output.from_input("arn:aws:kms:us-east-1:000000000000:key/logs"),
            endpoint_services=endpoints,
        )
        Network("network", config, args, opts)

    return recorded(build)


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        NetworkConfig(**settings)
    return str(error.value)


def test_each_zone_gets_a_large_private_and_a_small_public_subnet() -> None:
    graph = network(zones=3)
    blocks = {node.name: node.inputs["cidrBlock"] for node in graph.of_type("aws:ec2/subnet:Subnet")}
    assert [blocks[f"network-private-{index}"] for index in range(3)] == ["10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19"]
    assert [blocks[f"network-public-{index}"] for index in range(3)] == [
        "10.0.255.0/24",
        "10.0.254.0/24",
        "10.0.253.0/24",
    ]


def test_load_balancers_find_their_subnets_by_tag() -> None:
    graph = network()
    for node in graph.of_type("aws:ec2/subnet:Subnet"):
        role = "internal-elb" if "private" in node.name else "elb"
        assert node.inputs["tags"][f"kubernetes.io/role/{role}"] == "1"


@pytest.mark.parametrize(("nat", "count"), [("one", 1), ("per_zone", 3)])
def test_nat_gateways_are_as_many_as_asked_for(nat: str, count: int) -> None:
    graph = network(zones=3, nat=nat)
    assert len(graph.of_type("aws:ec2/natGateway:NatGateway")) == count
    assert len(graph.of_type("aws:ec2/eip:Eip")) == count
    assert len([name for name in names(graph, "aws:ec2/route:Route") if name.endswith("-nat")]) == 3


def test_going_from_one_nat_gateway_to_one_a_zone_moves_no_subnet_and_no_route_table() -> None:
    one, many = network(zones=3, nat="one"), network(zones=3, nat="per_zone")
    for type_ in ("aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable"):
        before, after = ({node.urn: node.inputs for node in graph.of_type(type_)} for graph in (one, many))
        assert before == after


def test_private_subnets_reach_the_internet_through_the_gateway_of_their_zone() -> None:
    graph = network(zones=2, nat="per_zone")
    for index in range(2):
        route = only(graph, "aws:ec2/route:Route", f"network-private-{index}-nat")
        gateway = only(graph, "aws:ec2/natGateway:NatGateway", f"network-nat-{index}")
        assert route.inputs["natGatewayId"] == gateway.id


def test_a_nat_gateway_is_gone_before_the_way_to_the_internet_is() -> None:
    graph = network()
    gateway = only(graph, "aws:ec2/natGateway:NatGateway")
    route = only(graph, "aws:ec2/route:Route", "network-public-internet")
    assert route.urn in gateway.dependencies


def test_an_isolated_network_has_no_way_out_but_endpoints_for_what_its_modules_call() -> None:
    graph = network(mode="isolated", nat="none")
    assert not graph.of_type("aws:ec2/internetGateway:InternetGateway", "aws:ec2/natGateway:NatGateway")
    interface = [node for node in graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint") if "securityGroupIds" in node.inputs]
    services = sorted(node.inputs["serviceName"] for node in interface)
    assert services == ["com.amazonaws.us-east-1.ecr.api", "com.amazonaws.us-east-1.sts"]
    assert all(node.inputs["privateDnsEnabled"] for node in interface)


@pytest.mark.parametrize("mode", ["public", "private", "isolated"])
def test_s3_and_dynamodb_are_reached_for_free_in_every_mode(mode: str) -> None:
    graph = network(mode=mode, nat="one" if mode == "private" else "none")
    gateways = [
        node for node in graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint") if node.inputs["vpcEndpointType"] == "Gateway"
    ]
    tables = {node.id for node in graph.of_type("aws:ec2/routeTable:RouteTable")}
    assert sorted(node.inputs["serviceName"].rsplit(".", 1)[1] for node in gateways) == ["dynamodb", "s3"]
    assert all(set(node.inputs["routeTableIds"]) == tables for node in gateways)


def test_a_public_network_gives_its_nodes_addresses_in_large_subnets() -> None:
    graph = network(mode="public", nat="none")
    subnets = graph.of_type("aws:ec2/subnet:Subnet")
    assert [node.inputs["cidrBlock"] for node in subnets] == ["10.0.0.0/19", "10.0.32.0/19"]
    assert all(node.inputs["mapPublicIpOnLaunch"] for node in subnets)


def test_the_default_security_group_lets_nobody_in_or_out() -> None:
    group = only(network(), "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])


def test_flow_logs_record_all_traffic_encrypted_and_for_a_while() -> None:
    graph = network(flow_log_days=40)
    assert only(graph, "aws:ec2/flowLog:FlowLog").inputs["trafficType"] == "ALL"
    group = only(graph, "aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["retentionInDays"] == 60
    assert group.inputs["kmsKeyId"].startswith("arn:aws:kms:")


def test_an_adopted_vpc_is_used_and_nothing_in_it_is_made() -> None:
    graph = network(existing=EXISTING)
    assert [node.type for node in graph if node.custom and node.package == "aws"] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"private_subnets": {SUBNETS[0]: "10.1.0.0/19"}}, "one subnet for each zone"),
        ({"private_subnets": {SUBNETS[0]: "10.1.0.0/19", SUBNETS[1]: "10.1.16.0/20"}}, "overlap"),
        (
            {"private_subnets": {SUBNETS[0]: "10.1.0.0/19", SUBNETS[1]: "10.2.0.0/19"}},
            "outside the VPC's block",
        ),
        ({"vpc_id": "my-vpc"}, "vpc_id"),
        ({"private_subnets": {"subnet-a": "10.1.0.0/19", SUBNETS[1]: "10.1.32.0/19"}}, "the id of a subnet"),
        ({"private_subnets": {SUBNETS[0]: "10.1.0.0/29", SUBNETS[1]: "10.1.32.0/19"}}, "smaller than /28"),
        ({"public_subnets": {SUBNETS[0]: "10.1.64.0/24"}}, "as a private and as a public subnet"),
        ({"cidr": "10.0.0.0/8"}, "between /16 and /28"),
        ({"cidr": "10.1.0.1/16"}, "not an IPv4 network"),
        ({"zone_names": ["us-east-1a", "us-east-1a"]}, "listed twice"),
        ({"zone_names": ["use1-az1", "use1-az2"]}, "not its id"),
    ],
)
def test_a_vpc_that_cannot_be_adopted_is_refused(change: dict[str, Any], says: str) -> None:
    assert says in refused(existing={**EXISTING, **change})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cidr": "10.0.0.0/22", "zones": 3}, "too small for 3 zones"),
        ({"cidr": "8.8.0.0/16"}, "outside the private ranges"),
        ({"zones": 7}, "less than or equal to 6"),
        ({"zones": 2, "zone_names": ["us-east-1a"]}, "make them agree"),
        ({"mode": "private", "nat": "none"}, "nodes could not pull images"),
        ({"mode": "isolated", "nat": "one"}, "uses no NAT gateway"),
    ],
)
def test_a_layout_that_cannot_work_is_refused_with_the_reason(settings: dict[str, Any], says: str) -> None:
    assert says in refused(**settings)


def test_protecting_the_network_protects_the_vpc_itself() -> None:
    protect: Callable[[bool], bool] = lambda wanted: only(network(protect=wanted), "aws:ec2/vpc:Vpc").protect  # noqa: E731
    assert (protect(True), protect(False)) == (True, False)
