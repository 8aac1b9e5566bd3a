"""Schemas of events, and what processes streams of them."""

from collections.abc import Mapping
from typing import Any

from localcloud.catalogue.kind import Kind, Name

REGISTRY = "aws:glue/registry:Registry"
SCHEMA = "aws:glue/schema:Schema"
FLINK = "aws:kinesisanalyticsv2/application:Application"


def _schema(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema's ARN has the name of its registry."""
    start, _, registry = str(fields["registryArn"]).partition(":registry/")
    return {"arn": f"{start}:schema/{registry}/{fields['schemaName']}", "registryName": registry}


KINDS = {
    REGISTRY: Kind(
        id="{arn}",
        arn="arn:aws:glue:{region}:{account}:registry/{registryName}",
        name=Name(property="registryName", longest=255, pattern=r"[a-zA-Z0-9\-_$#.]+"),
        unique=("registryName",),
        kept_by=(SCHEMA,),
    ),
    SCHEMA: Kind(
        id="{registryArn}/{schemaName}",
        outputs={"latestSchemaVersion": 1, "schemaCheckpoint": 1},
        derive=_schema,
        name=Name(property="schemaName", longest=255, pattern=r"[a-zA-Z0-9\-_$#.]+"),
    ),
    FLINK: Kind(
        id="{arn}",
        arn="arn:aws:kinesisanalytics:{region}:{account}:application/{name}",
        outputs={"name": "{name}", "status": "READY", "versionId": 1, "createTimestamp": "2026-01-01T00:00:00Z"},
        name=Name(longest=128, pattern=r"[a-zA-Z0-9_.\-]+"),
        trust={"serviceExecutionRole": "kinesisanalytics.amazonaws.com"},
    ),
}
