"""The way from a topic to the lake: Data Firehose reads it through MSK's private connectivity, with its own role."""

import json
from collections.abc import Callable, Sequence

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from components.base.watched import Watched
from components.foundation import Foundation
from components.streams.delivery import DeliveryConfig, Source, delivery


def topic_delivery(
    name: str,
    config: DeliveryConfig,
    foundation: Foundation,
    cluster_arn: pulumi.Output[str],
    topic: str,
    statements: Sequence[Statement],
    opts: pulumi.ResourceOptions,
) -> Watched:
    """Deliver every event of a topic; returns what there is to watch of it.

    Source: Firehose developer guide, "Grant access to your Amazon MSK cluster".
    """
    policy = aws.msk.ClusterPolicy(
        f"{name}-delivery-cluster-policy",
        cluster_arn=cluster_arn,
        policy=cluster_arn.apply(lambda arn: json.dumps(let_firehose_connect(arn))),
        opts=opts,
    )
    describe = ("kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers")
    # Firehose tries to connect when it is made: the cluster must let it by then.
    open_arn = pulumi.Output.all(cluster_arn, policy.id).apply(lambda values: str(values[0]))
    source = Source(
        arn=cluster_arn,
        statements=(*statements, Statement(actions=describe, resources=(cluster_arn,))),
        arguments=_reading(open_arn, topic),
    )
    return delivery(name, config, foundation, source, opts)


def _reading(cluster_arn: pulumi.Output[str], topic: str) -> Callable[[pulumi.Output[str]], dict[str, object]]:
    def arguments(role_arn: pulumi.Output[str]) -> dict[str, object]:
        authentication = aws.kinesis.FirehoseDeliveryStreamMskSourceConfigurationAuthenticationConfigurationArgs(
            connectivity="PRIVATE", role_arn=role_arn
        )
        source = aws.kinesis.FirehoseDeliveryStreamMskSourceConfigurationArgs(
            authentication_configuration=authentication, msk_cluster_arn=cluster_arn, topic_name=topic
        )
        return {"msk_source_configuration": source}

    return arguments


def let_firehose_connect(cluster_arn: str) -> dict[str, object]:
    """Policy of the cluster: Firehose may make the connection, on behalf of this account alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "firehose.amazonaws.com"},
                "Action": "kafka:CreateVpcConnection",
                "Resource": cluster_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": cluster_arn.split(":")[4]}},
            }
        ],
    }
