"""Slot: how events enter the platform. A variant is a stream that producers write to and consumers read."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.secret import SecretValue
from components.base.watched import Watched
from components.foundation import Foundation
from components.network.endpoints import of_actions
from components.streams.schema_registry import READ, SchemaRegistry, SchemaRegistryConfig
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
    more_variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, metadata=INTERNAL)
    """What else a client is told: the ARN of the schema of an event, where there is a registry."""

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
            **self.more_variables,
        }

    def produce(self) -> Grant:
        """Write events."""
        return Grant(resource="data_pipeline", access="produce", statements=self.produce_statements, egress=self.egress)

    def consume(self) -> Grant:
        """Read events."""
        return Grant(resource="data_pipeline", access="consume", statements=self.consume_statements, egress=self.egress)


class DataPipelineConfig(SlotConfig):
    """Where events enter."""

    schema_registry: SchemaRegistryConfig | None = None
    """A registry that holds the schema of an event, in AWS Glue; null has none."""

    @property
    def needed_endpoints(self) -> frozenset[str]:
        """Clients reach the registry where there is one."""
        return self.endpoints | (of_actions(READ) if self.schema_registry else frozenset())

    def registered(
        self, name: str, topic: str, foundation: Foundation, outputs: DataPipelineOutputs, opts: pulumi.ResourceOptions
    ) -> DataPipelineOutputs:
        """Make the registry, where there is to be one; the outputs with the rights on it."""
        if self.schema_registry is None:
            return outputs
        registry = SchemaRegistry(name, self.schema_registry, foundation.prefix, topic, opts)
        return replace(
            outputs,
            produce_statements=(*outputs.produce_statements, *registry.produce),
            consume_statements=(*outputs.consume_statements, *registry.consume),
            more_variables={**outputs.more_variables, **registry.variables},
        )

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[DataPipelineOutputs]:
        """Make the stream."""
