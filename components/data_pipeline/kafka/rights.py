"""What clients of the brokers may do, as IAM says it. Source: MSK developer guide, "IAM access control"."""

from typing import Literal

import pulumi

from components.base.identity import Statement


def produce(cluster_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Write to any topic of the cluster."""
    return (
        _statement(cluster_arn, "cluster", ("Connect", "DescribeCluster", "WriteDataIdempotently")),
        _statement(cluster_arn, "topic", ("DescribeTopic", "DescribeTopicDynamicConfiguration", "WriteData")),
    )


def make(cluster_arn: pulumi.Output[str], topic: str | None) -> tuple[Statement, ...]:
    """Make the topic, and no other, where nothing else can make one."""
    if topic is None:
        return ()
    one = cluster_arn.apply(lambda arn: f"{resource_arn(arn, 'topic').removesuffix('*')}{topic}")
    return (Statement(actions=("kafka-cluster:CreateTopic",), resources=(one,)),)


def consume(cluster_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Read any topic of the cluster, as any consumer group."""
    return (
        _statement(cluster_arn, "cluster", ("Connect", "DescribeCluster")),
        _statement(cluster_arn, "topic", ("DescribeTopic", "DescribeTopicDynamicConfiguration", "ReadData")),
        _statement(cluster_arn, "group", ("AlterGroup", "DescribeGroup")),
    )


def _statement(
    cluster_arn: pulumi.Output[str], resource: Literal["cluster", "topic", "group"], actions: tuple[str, ...]
) -> Statement:
    return Statement(
        actions=tuple(f"kafka-cluster:{action}" for action in actions),
        resources=(cluster_arn.apply(lambda arn: resource_arn(arn, resource)),),
    )


def resource_arn(cluster_arn: str, resource: Literal["cluster", "topic", "group"]) -> str:
    """ARN pattern of what lies in the cluster: `…:cluster/name/uuid` gives `…:topic/name/uuid/*`.

    Source: MSK developer guide, "IAM access control", resource types.
    """
    return cluster_arn if resource == "cluster" else f"{cluster_arn.replace(':cluster/', f':{resource}/', 1)}/*"
