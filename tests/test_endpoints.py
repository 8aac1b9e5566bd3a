"""An isolated network has a way to every AWS service that something in it may call, and pays for no other."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from components.data_pipeline.kinesis import KinesisConfig
from components.network.endpoints import ALWAYS, OF_MANAGED_POLICY, OF_SERVICE, WITHOUT
from mlops.plan.graph import Graph, Node
from tests.platforms import platform

ROLE = "aws:iam/role:Role"
ISOLATED = {"network": {"mode": "isolated", "nat": "none"}}
STACKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "kinesis and the loop": ("dev", {}),
    "kafka and shells on nodes": ("prod", {"cluster": {"session_manager": True}}),
    "serverless kafka": ("prod", {"data_pipeline": {"kind": "kafka", "brokers": {"kind": "serverless"}}}),
    "Knative and GPUs": ("experimental", {}),
    "nothing that scales": ("local", {}),
    "SageMaker and no cluster": (
        "dev",
        {"cluster": None, "database": None, "ml_platform": {"kind": "sagemaker"}, "serving": None},
    ),
    "Prometheus": ("dev", {"monitoring": {"kind": "prometheus"}}),
    "CloudWatch": ("dev", {"monitoring": {"kind": "cloudwatch"}}),
    "no cluster": ("dev", {"cluster": None, "database": None, "ml_platform": None, "serving": None}),
}
INSIDE = ("pods.eks.amazonaws.com", "ec2.amazonaws.com", "sagemaker.amazonaws.com", "oidc-provider")
"""Who takes a role from within the network: pods, nodes and Studio. Others are AWS's own, which need none of ours."""
each_stack = pytest.mark.parametrize("name", STACKS)


@cache
def isolated(name: str) -> Graph:
    """A stack in an isolated network."""
    tier, override = STACKS[name]
    return platform(tier, {**override, **ISOLATED})


def endpoints(graph: Graph) -> dict[str, str]:
    """Kind of each endpoint, by service."""
    prefix = "com.amazonaws.us-east-1."
    return {
        node.inputs["serviceName"].replace("aws.sagemaker.us-east-1", "sagemaker").removeprefix(prefix): node.inputs[
            "vpcEndpointType"
        ]
        for node in graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    }


def called(graph: Graph) -> dict[str, set[str]]:
    """Services that something in the network may call, each with the roles that may."""
    inside = {node.outputs["name"]: node for node in graph.of_type(ROLE) if _from_inside(node)}
    found: dict[str, set[str]] = {}
    for policy in graph.of_type("aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        if (role := inside.get(policy.inputs["role"])) is not None:
            for service in _services(policy):
                found.setdefault(service, set()).add(role.name)
    return found


def _from_inside(role: Node) -> bool:
    return any(who in role.inputs["assumeRolePolicy"] for who in INSIDE)


def _services(policy: Node) -> Iterator[str]:
    if "policyArn" in policy.inputs:
        yield from OF_MANAGED_POLICY[policy.inputs["policyArn"].rpartition("/")[2]]
        return
    for statement in json.loads(policy.inputs["policy"])["Statement"]:
        yield from (action.partition(":")[0] for action in statement["Action"])


@each_stack
def test_whatever_is_granted_can_be_reached(name: str) -> None:
    graph = isolated(name)
    ways = endpoints(graph).keys()
    for service, roles in called(graph).items():
        assert service in WITHOUT or set(OF_SERVICE[service]) <= ways, f"{service}, which {sorted(roles)} may call"


@each_stack
def test_no_endpoint_is_paid_for_that_nobody_may_use(name: str) -> None:
    graph = isolated(name)
    used = {endpoint for service in called(graph) for endpoint in OF_SERVICE.get(service, ())} | ALWAYS
    if graph.of_type("aws:kinesis/stream:Stream"):
        # A stream is there for clients that no stack holds.
        used |= KinesisConfig.endpoints
    assert {service for service, kind in endpoints(graph).items() if kind == "Interface"} == used


@each_stack
def test_images_of_the_platforms_own_registry_can_be_pulled(name: str) -> None:
    graph = isolated(name)
    if graph.of_type("aws:eks/nodeGroup:NodeGroup"):
        assert {"ecr.api", "ecr.dkr", "s3"} <= endpoints(graph).keys()


def test_the_autoscaler_reaches_the_groups_that_it_scales() -> None:
    assert "autoscaling" in endpoints(isolated("kinesis and the loop"))
    assert "autoscaling" not in endpoints(isolated("nothing that scales"))


def test_a_shell_on_a_node_has_its_three_endpoints() -> None:
    assert {"ssm", "ssmmessages", "ec2messages"} <= endpoints(isolated("kafka and shells on nodes")).keys()
    assert "ssm" not in endpoints(isolated("kinesis and the loop"))


def test_a_network_with_a_way_out_pays_for_no_interface_endpoint() -> None:
    assert set(endpoints(platform("dev")).values()) == {"Gateway"}
