"""The schema of an event in AWS Glue's registry, for producers and consumers that a team writes itself.

A change of the schema that the registry's mode does not allow is refused there, before anybody sends such an event.
"""

import json
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from mlops.core.config import Config

Compatibility = Literal["NONE", "DISABLED", "BACKWARD", "BACKWARD_ALL", "FORWARD", "FORWARD_ALL", "FULL", "FULL_ALL"]

READ = ("glue:GetSchema", "glue:GetSchemaByDefinition", "glue:GetSchemaVersion", "glue:ListSchemaVersions")
WRITE = ("glue:PutSchemaVersionMetadata", "glue:RegisterSchemaVersion")
"""Source: Glue developer guide, "Setting up IAM examples for AWS Glue clients" of the schema registry."""

EVENT: dict[str, object] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Event",
    "type": "object",
    "properties": {
        "user_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "product_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "event_type": {"type": "string", "enum": ["view", "cart", "purchase"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "event_id": {"type": "string", "minLength": 1, "maxLength": 256},
    },
    "required": ["user_id", "product_id", "event_type", "timestamp"],
    "additionalProperties": False,
}
"""What the recommender of `services/` sends and the loop takes in (`recommender.schema.Event`), in the draft that Glue
reads."""


class SchemaRegistryConfig(Config):
    """A registry with the schema of an event. It is free of charge."""

    compatibility: Compatibility = "BACKWARD"
    """Which changes are taken. BACKWARD: a reader of the new schema reads what was written with the one before; FORWARD
    the other way round; FULL both; the modes with _ALL hold against every version; DISABLED takes none."""
    protect: bool = True
    """Refuse to delete the registry and the schema with its versions."""


class SchemaRegistry:
    """The registry, the schema, and the rights on them."""

    def __init__(
        self, name: str, config: SchemaRegistryConfig, prefix: str, topic: str, opts: pulumi.ResourceOptions
    ) -> None:
        kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=config.protect))
        registry = aws.glue.Registry(
            f"{name}-schema-registry",
            registry_name=f"{prefix}-events",
            description="Schemas of events of the MLOps platform",
            opts=kept,
        )
        schema = aws.glue.Schema(
            f"{name}-schema",
            schema_name=topic,
            registry_arn=registry.arn,
            data_format="JSON",
            compatibility=config.compatibility,
            schema_definition=json.dumps(EVENT, sort_keys=True),
            opts=kept,
        )
        resources = (registry.arn, schema.arn)
        self.variables: dict[str, pulumi.Input[str]] = {"MLOPS_STREAM_SCHEMA": schema.arn}
        self.consume = (Statement(actions=READ, resources=resources),)
        self.produce = (Statement(actions=(*READ, *WRITE), resources=resources),)
