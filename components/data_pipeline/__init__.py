"""Slot: how events enter the platform. A variant is a stream that producers write to and consumers read."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.secret import SecretValue
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig

Protocol = Literal["kinesis", "kafka", "pulsar"]
"""What a client speaks."""
Auth = Literal["iam", "scram", "token"]
"""How a client says who it is: by its role, by user and password, by a token. Always over TLS."""


@dataclass(frozen=True, kw_only=True)
class DataPipelineOutputs:
    """The stream, and all that a client of it is configured with."""

    protocol: Protocol
    topic: pulumi.Output[str]
    """What a client names: the stream of Kinesis, the topic of Kafka and Pulsar."""
    auth: Auth = "iam"
    secrets: Mapping[str, SecretValue] = field(default_factory=dict, metadata=INTERNAL)
    """Environment variables of a client whose values are secret."""

    stream: pulumi.Output[str]
    """Stream name, or the ARN of the Kafka cluster whose topics are the streams."""
    endpoint: pulumi.Output[str]
    """Kafka bootstrap brokers (host:port, comma-separated), or the service's API endpoint (URL)."""
    produce_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    consume_statements: tuple[Statement, ...] = field(metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def client_variables(self) -> dict[str, pulumi.Input[str]]:
        """Environment variables of a client, those that are no secrets; `secrets` are the others."""
        return {
            "MLOPS_STREAM": self.topic,
            "MLOPS_STREAM_AUTH": self.auth,
            "MLOPS_STREAM_ENDPOINT": self.endpoint,
            "MLOPS_STREAM_PROTOCOL": self.protocol,
        }

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
