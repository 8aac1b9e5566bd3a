"""Amazon Kinesis Data Streams, with every raw event delivered beside the lake.

Nothing to run, and rights that are IAM's: the shortest way from an event to the lake.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Statement
from components.base.watched import Watched
from components.data_pipeline import DataPipelineConfig, DataPipelineOutputs
from components.foundation import Foundation
from components.network.endpoints import of_actions
from components.streams.delivery import DeliveryConfig, Source, delivery
from mlops.core.config import Card, Config
from mlops.core.fields import Unique

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


class KinesisConfig(DataPipelineConfig):
    """Amazon Kinesis Data Streams."""

    card: ClassVar[Card] = Card(
        title="Amazon Kinesis Data Streams",
        best_for="Teams that want events in the lake today, and no brokers",
        not_for="Kafka clients and connectors, topics by the hundred, events kept for more than a year",
        complexity="low",
        trade_offs="Nothing to run and little to size, for AWS's own API and a price by volume",
        state="events lie in the stream for as long as it keeps them and have no backup; what was delivered lies "
        "in the lake, zone raw, and is loaded anew from there",
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
            source = Source(arn=stream.arn, statements=outputs.consume_statements, arguments=reading(stream.arn))
            delivered = delivery(name, config.delivery, foundation, source, self.child)
            outputs = replace(outputs, watched=(*outputs.watched, delivered))
        self.publish(config.registered(name, "events", foundation, outputs, self.child))


def reading(stream_arn: pulumi.Output[str]) -> Callable[[pulumi.Output[str]], dict[str, object]]:
    """What tells Firehose to read the stream."""

    def arguments(role_arn: pulumi.Output[str]) -> dict[str, object]:
        source = aws.kinesis.FirehoseDeliveryStreamKinesisSourceConfigurationArgs(
            kinesis_stream_arn=stream_arn, role_arn=role_arn
        )
        return {"kinesis_source_configuration": source}

    return arguments


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
