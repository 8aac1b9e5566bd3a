"""Slot: how events enter the platform. A variant is a stream that producers write to and consumers read."""

from abc import abstractmethod
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class DataPipelineOutputs:
    """The stream. `endpoint` is what a client is configured with; `stream` is what it names."""

    stream: pulumi.Output[str]
    """Stream name, or the ARN of the Kafka cluster whose topics are the streams."""
    endpoint: pulumi.Output[str]
    """Kafka bootstrap brokers (host:port, comma-separated), or the service's API endpoint (URL)."""
    produce_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    consume_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def produce(self) -> Grant:
        """Write events."""
        return Grant(resource="data_pipeline", access="produce", statements=self.produce_statements, egress=self.egress)

    def consume(self) -> Grant:
        """Read events."""
        return Grant(resource="data_pipeline", access="consume", statements=self.consume_statements, egress=self.egress)


class DataPipelineConfig(SlotConfig):
    """Where events enter."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[DataPipelineOutputs]:
        """Make the stream."""
