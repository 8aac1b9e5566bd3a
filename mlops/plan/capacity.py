"""What a stack takes from the quotas of an AWS account, counted in its graph.

Quota codes are the same in every account and region; `aws service-quotas list-service-quotas` lists them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlops.plan.graph import Graph, Node

AWS_PROVIDER = "pulumi:providers:aws"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One limit of an account in a region."""

    service: str
    code: str
    name: str
    """As the Service Quotas console shows it."""


@dataclass(frozen=True, kw_only=True)
class Need:
    quota: Quota
    amount: int


_COUNTED = {
    "aws:ec2/vpc:Vpc": Quota(service="vpc", code="L-F678F1CE", name="VPCs per Region"),
    "aws:ec2/internetGateway:InternetGateway": Quota(
        service="vpc", code="L-A4707A72", name="Internet gateways per Region"
    ),
    "aws:ec2/eip:Eip": Quota(service="ec2", code="L-0263D0A3", name="EC2-VPC Elastic IPs"),
    "aws:eks/cluster:Cluster": Quota(service="eks", code="L-1194D53C", name="Clusters"),
    "aws:rds/instance:Instance": Quota(service="rds", code="L-7B6409FD", name="DB instances"),
}
_NAT = Quota(service="vpc", code="L-FE5A380F", name="NAT gateways per Availability Zone")
_VCPUS = {
    ("standard", "ON_DEMAND"): Quota(
        service="ec2", code="L-1216C47A", name="Running On-Demand Standard instances (vCPU)"
    ),
    ("standard", "SPOT"): Quota(service="ec2", code="L-34B43A08", name="All Standard Spot Instance Requests (vCPU)"),
    ("gpu", "ON_DEMAND"): Quota(service="ec2", code="L-DB2E81BA", name="Running On-Demand G and VT instances (vCPU)"),
    ("gpu", "SPOT"): Quota(service="ec2", code="L-3819A6DF", name="All G and VT Spot Instance Requests (vCPU)"),
}
_SIZE = re.compile(r"^([a-z]+)[0-9a-z-]*\.(\d*)(nano|micro|small|medium|large|xlarge|metal)")


def needs(graph: Graph) -> tuple[Need, ...]:
    """What the stack takes of each quota, node groups at their largest. Quotas that it does not touch are left out."""
    amounts: Counter[Quota] = Counter()
    for node in graph:
        if quota := _COUNTED.get(node.type):
            amounts[quota] += 1
    subnets = Counter(str(node.inputs.get("subnetId")) for node in graph.of_type(NAT_GATEWAY))
    if subnets:
        amounts[_NAT] = max(subnets.values())
    for quota, vcpus in _node_vcpus(graph):
        amounts[quota] += vcpus
    return tuple(Need(quota=quota, amount=amount) for quota, amount in amounts.items() if amount)


def region(graph: Graph) -> str | None:
    """Region of the stack's AWS provider."""
    return _of_provider(graph, lambda node: node.inputs.get("region"))


def profile(graph: Graph) -> str | None:
    """Profile of the AWS configuration that the stack's provider uses; None for the environment's."""
    return _of_provider(graph, lambda node: node.inputs.get("profile"))


def vcpus(instance_type: str) -> int:
    """vCPUs of an instance type by its size, as most families have them: xlarge 4, Nxlarge 4N, smaller ones 2."""
    found = _SIZE.match(instance_type)
    if not found or found[3] != "xlarge":
        return 2
    return 4 * int(found[2] or 1)


def _node_vcpus(graph: Graph) -> Iterator[tuple[Quota, int]]:
    for group in graph.of_type(NODE_GROUP):
        types = group.at("instanceTypes").texts() or ("m7g.large",)
        largest = group.at("scalingConfig.maxSize").whole()
        family = "gpu" if types[0].startswith(("g4", "g5", "g6", "g7")) else "standard"
        capacity = group.at("capacityType").text("ON_DEMAND")
        if quota := _VCPUS.get((family, capacity)):
            yield quota, largest * max(vcpus(one) for one in types)


def _of_provider(graph: Graph, read: Callable[[Node], object]) -> str | None:
    return next((str(value) for node in graph.of_type(AWS_PROVIDER) if (value := read(node))), None)
