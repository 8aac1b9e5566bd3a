"""Amazon Kinesis Data Streams, with every raw event delivered beside the lake by Firehose.

The delivery belongs to the stream because the stream forgets. What is delivered is as it came: not masked, and nobody
was asked for consent. So it is no part of the lake: it waits under a prefix of its own for the loop, which takes it in
as it does everything else and removes it, and the bucket's lifecycle removes it where no loop does.
"""

import json
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Statement, policy_document
from components.base.logs import log_group
from components.base.watched import Watched
from components.data_pipeline import DataPipelineConfig, DataPipelineOutputs
from components.foundation import Foundation
from components.network.endpoints import of_actions
from components.storage import DELIVERED, UNDELIVERED
from mlops.core.config import Card, Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import LogDays

PRODUCE = ("kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecord", "kinesis:PutRecords")
CONSUME = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)

ShardMetric = Literal[
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
]


class OnDemandCapacity(Config):
    """Capacity follows load, from 4 MB/s in, to twice the peak of the last 30 days. Paid by stream and volume."""

    kind: Literal["on-demand"] = "on-demand"


class ProvisionedCapacity(Config):
    """A fixed number of shards: cheaper where load is steady and known."""

    kind: Literal["provisioned"] = "provisioned"
    shards: int = Field(default=1, ge=1, le=20000)
    """Shards: 1 MB/s or 1,000 records a second in, 2 MB/s out, each."""


class DeliveryConfig(Config):
    """How raw events reach the lake."""

    buffer_seconds: int = Field(default=300, ge=0, le=900)
    """Longest wait until an object is written; short waits make many small objects."""
    buffer_mb: int = Field(default=64, ge=1, le=128)
    """Size at which an object is written, MB before compression."""
    compression: Literal["GZIP", "UNCOMPRESSED"] = "GZIP"
    """Compression of the objects: what the loop reads."""
    log_retention_days: LogDays = 30
    """Days for which delivery errors are kept in CloudWatch Logs."""


class KinesisConfig(DataPipelineConfig):
    """Amazon Kinesis Data Streams."""

    card: ClassVar[Card] = Card(
        title="Amazon Kinesis Data Streams",
        best_for="Teams that want events in the lake today, and no brokers",
        not_for="Kafka clients and connectors, topics by the hundred, events kept for more than a year",
        complexity="low",
        trade_offs="Nothing to run and little to size, for AWS's own API and a price by volume",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions((*PRODUCE, *CONSUME))

    kind: Literal["kinesis"] = "kinesis"
    capacity: Annotated[OnDemandCapacity | ProvisionedCapacity, Field(discriminator="kind")] = OnDemandCapacity()
    """Who sizes the stream. Can be switched in place, twice a day."""
    retention_hours: int = Field(default=24, ge=24, le=8760)
    """Hours for which events can be read again, 24 to 8,760 (a year); beyond 24 each hour is paid for."""
    metrics: Annotated[tuple[ShardMetric, ...], Unique(most=7)] = ()
    """Metrics kept for each shard besides those of the stream; paid for by shard."""
    delivery: DeliveryConfig | None = DeliveryConfig()
    """Delivery of raw events to the lake; null leaves it to consumers."""
    protect: bool = True
    """Refuse to delete the stream."""

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[DataPipelineOutputs]:
        """Make the stream."""
        return Kinesis(name, self, foundation, opts)


class Kinesis(Component[DataPipelineOutputs]):
    """An encrypted stream and its way into the lake."""

    token = "mlops:index:Kinesis"

    def __init__(
        self, name: str, config: KinesisConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._foundation = foundation
        provisioned = config.capacity if isinstance(config.capacity, ProvisionedCapacity) else None
        stream = aws.kinesis.Stream(
            f"{name}-stream",
            stream_mode_details=aws.kinesis.StreamStreamModeDetailsArgs(
                stream_mode="PROVISIONED" if provisioned else "ON_DEMAND"
            ),
            shard_count=provisioned.shards if provisioned else None,
            retention_period=config.retention_hours,
            shard_level_metrics=list(config.metrics),
            encryption_type="KMS",
            kms_key_id=foundation.keys.data,
            # A consumer that registered itself is in no graph, and would keep the stream from being deleted.
            enforce_consumer_deletion=True,
            opts=self.child_with(protect=config.protect),
        )
        outputs = DataPipelineOutputs(
            protocol="kinesis",
            topic=stream.name,
            stream=stream.name,
            endpoint=pulumi.Output.from_input(f"https://kinesis.{foundation.region}.amazonaws.com"),
            produce_statements=produce(stream.arn, foundation.keys.data),
            consume_statements=consume(stream.arn, foundation.keys.data),
            watched=(Watched(what="stream", namespace="AWS/Kinesis", dimensions={"StreamName": stream.name}),),
        )
        if config.delivery:
            delivery = self._delivery(config.delivery, stream, outputs)
            dimensions = {"DeliveryStreamName": delivery.name}
            watched = Watched(what="delivery", namespace="AWS/Firehose", dimensions=dimensions)
            outputs = replace(outputs, watched=(*outputs.watched, watched))
        self.publish(outputs)

    def _delivery(
        self, config: DeliveryConfig, stream: "aws.kinesis.Stream", outputs: DataPipelineOutputs
    ) -> "aws.kinesis.FirehoseDeliveryStream":
        logs = log_group(
            f"{self.name}-delivery-logs",
            days=config.log_retention_days,
            key_arn=self._foundation.keys.logs,
            opts=self.child,
        )
        errors = aws.cloudwatch.LogStream(
            f"{self.name}-delivery-errors", log_group_name=logs.name, name="errors", opts=self.child
        )
        role_arn = self._delivery_role(stream, errors, outputs)
        return aws.kinesis.FirehoseDeliveryStream(
            f"{self.name}-delivery",
            destination="extended_s3",
            kinesis_source_configuration=aws.kinesis.FirehoseDeliveryStreamKinesisSourceConfigurationArgs(
                kinesis_stream_arn=stream.arn, role_arn=role_arn
            ),
            extended_s3_configuration=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationArgs(
                bucket_arn=self._foundation.storage.bucket_arns["raw"],
                role_arn=role_arn,
                kms_key_arn=self._foundation.storage.key_arn,
                prefix=f"{DELIVERED}dt=!{{timestamp:yyyy-MM-dd}}/",
                error_output_prefix=f"{UNDELIVERED}!{{firehose:error-output-type}}/dt=!{{timestamp:yyyy-MM-dd}}/",
                buffering_interval=config.buffer_seconds,
                buffering_size=config.buffer_mb,
                compression_format=config.compression,
                processing_configuration=one_record_a_line(),
                cloudwatch_logging_options=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptionsArgs(
                    enabled=True, log_group_name=logs.name, log_stream_name=errors.name
                ),
            ),
            opts=self.child,
        )

    def _delivery_role(
        self, stream: "aws.kinesis.Stream", errors: "aws.cloudwatch.LogStream", outputs: DataPipelineOutputs
    ) -> pulumi.Output[str]:
        """ARN of Firehose's role, known once it has its rights: Firehose tries them when it is made."""
        storage = self._foundation.storage
        grants = (storage.write("raw", DELIVERED), storage.write("raw", UNDELIVERED), outputs.consume())
        role = aws.iam.Role(
            f"{self.name}-delivery-role",
            description="Delivery of raw events to the lake of the MLOps platform",
            assume_role_policy=stream.arn.apply(lambda arn: json.dumps(firehose_trust(arn.split(":")[4]))),
            opts=self.child,
        )
        policy = aws.iam.RolePolicy(
            f"{self.name}-delivery-policy",
            role=role.name,
            policy=policy_document(
                [
                    *(statement for grant in grants for statement in grant.statements),
                    Statement(actions=("s3:ListBucketMultipartUploads",), resources=(storage.bucket_arns["raw"],)),
                    Statement(actions=("logs:PutLogEvents",), resources=(errors.arn,)),
                ]
            ),
            opts=self.child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))


def produce(stream_arn: pulumi.Output[str], key_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Write to the stream, which encrypts each record."""
    return (
        Statement(actions=PRODUCE, resources=(stream_arn,)),
        Statement(actions=("kms:GenerateDataKey",), resources=(key_arn,)),
    )


def consume(stream_arn: pulumi.Output[str], key_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Read the stream."""
    return (
        Statement(actions=CONSUME, resources=(stream_arn,)),
        Statement(actions=("kms:Decrypt",), resources=(key_arn,)),
    )


def firehose_trust(account: str) -> dict[str, object]:
    """Let Firehose take the role for this account's delivery streams only.

    Source: Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "firehose.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": account}},
            }
        ],
    }


def one_record_a_line() -> "aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationArgs":
    """End each record with a line break: Firehose puts records behind one another without any, and a file of
    JSON documents in one line is one that no reader splits."""
    return aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationArgs(
        enabled=True,
        processors=[
            aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationProcessorArgs(
                type="AppendDelimiterToRecord",
                parameters=[
                    aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationProcessorParameterArgs(
                        parameter_name="Delimiter", parameter_value="\\n"
                    )
                ],
            )
        ],
    )
