"""A cluster in a network and with keys that need not be made."""

from typing import Any

import pulumi

from components.cluster import Cluster, ClusterArgs, ClusterConfig
from components.keys import KeysOutputs
from components.network import NetworkOutputs
from mlops.plan.graph import Graph, Node
from tests.support import REGION, recorded

NAME = "mlops-test"
CLUSTER_KEY = "arn:aws:kms:us-east-1:000000000000:key/cluster"
LOGS_KEY = "arn:aws:kms:us-east-1:000000000000:key/logs"
TAGS = {"CostCenter": "research", "Environment": "test"}

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
RELEASE = "kubernetes:helm.sh/v3:Release"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def cluster(profile: str | None = None, role_arn: str | None = None, **settings: Any) -> Graph:
    """The graph of a cluster alone, with the settings of a stack file."""
    config = ClusterConfig.model_validate(settings)
    given = pulumi.Output.from_input

    def build(opts: pulumi.ResourceOptions) -> None:
        network = NetworkOutputs(
            vpc_id=given("vpc-1"),
            vpc_cidr="10.0.0.0/16",
            private_subnet_ids=(given("subnet-1"), given("subnet-2")),
            public_subnet_ids=(),
            private_subnet_cidrs=("10.0.0.0/19", "10.0.32.0/19"),
            zones=("us-east-1a", "us-east-1b"),
        )
        keys = KeysOutputs(data=given("data"), cluster=given(CLUSTER_KEY), database=given("db"), logs=given(LOGS_KEY))
        args = ClusterArgs(
            name=NAME, network=network, keys=keys, region=REGION, tags=TAGS, profile=profile, role_arn=role_arn
        )
        Cluster("cluster", config, args, opts)

    return recorded(build)


def waits_for(graph: Graph, later: Node, earlier: Node) -> bool:
    """Whether one resource is made after another, and therefore deleted before it."""
    waiting, seen = [later], set[str]()
    while waiting:
        node = waiting.pop()
        for urn in {*node.dependencies, node.provider} - seen:
            seen.add(urn)
            if urn in graph:
                waiting.append(graph[urn])
    return earlier.urn in seen
