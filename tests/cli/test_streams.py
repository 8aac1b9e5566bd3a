"""A stream, or a job on it, that cannot be: one message, exit code 2, before anything is touched."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, stack_file
from tests.cli.test_bad_input import refused

_SCRAM = {
    "kind": "scram",
    "secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_events-AbCdEf",
    "key_arn": "arn:aws:kms:us-east-1:123456789012:key/0f0e0d0c-0b0a-0908-0706-050403020100",
}
_OTHER = {**_SCRAM, "secret_arn": _SCRAM["secret_arn"].replace("Amazon", "")}
_FLINK = {"kind": "flink", "jobs": [{"name": "enrich", "image": "flink:1.20.3"}]}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a password on serverless": (
        {"data_pipeline": {"kind": "kafka", "brokers": {"kind": "serverless"}, "access": _SCRAM}},
        "which knows clients by their role alone; set access.kind to iam",
    ),
    "a secret that MSK does not take": (
        {
            "data_pipeline": {
                "kind": "kafka",
                "access": {**_SCRAM, "secret_arn": _SCRAM["secret_arn"].replace("Amazon", "")},
            }
        },
        "does not begin with AmazonMSK_",
    ),
    "a password that is written down": (
        {"data_pipeline": {"kind": "kafka", "access": {"kind": "scram", "password": "x"}}},
        "data_pipeline.access.password",
    ),
    "tiered storage that brokers lack": (
        {
            "data_pipeline": {
                "kind": "kafka",
                "brokers": {"kind": "standard", "topics": {"clicks": {"local_hours": 24}}},
            }
        },
        "set storage_mode to TIERED, or local_hours to null",
    ),
    "more partitions than MSK has": (
        {"data_pipeline": {"kind": "kafka", "brokers": {"kind": "serverless", "partitions": 5000}}},
        "data_pipeline.brokers.partitions is 5000",
    ),
    "a delivery that would be killed": (
        {"data_pipeline": {"kind": "pulsar", "delivery": {"buffer_mb": 128}}},
        "set memory to 1280Mi or more, or buffer_mb lower",
    ),
    "Pulsar on nodes too few": (
        {"data_pipeline": {"kind": "pulsar", "node_group": "system"}, "cluster": {"system": {"max_size": 2}}},
        "node group system grows to 2 nodes; set its max_size to 3 or more",
    ),
    "a registry with a mode that Glue lacks": (
        {"data_pipeline": {"schema_registry": {"compatibility": "SIDEWAYS"}}},
        'data_pipeline.schema_registry.compatibility is "SIDEWAYS"',
    ),
    "a savepoint that is none": (
        {"stream_processing": {**_FLINK, "jobs": [{**_FLINK["jobs"][0], "restore_from": "latest"}]}},  # type: ignore[dict-item]
        "a savepoint by its folder",
    ),
    "two jobs of one name": (
        {"stream_processing": {**_FLINK, "jobs": [*_FLINK["jobs"], *_FLINK["jobs"]]}},
        "enrich",
    ),
    "a job on nodes that are not there": (
        {"stream_processing": {**_FLINK, "jobs": [{**_FLINK["jobs"][0], "node_group": "nowhere"}]}},  # type: ignore[dict-item]
        "job enrich goes to node group nowhere",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_is_refused_in_one_message(mlops: Run, project: Path, wrong: str) -> None:
    settings, words = WRONG[wrong]
    stack_file(project, f"config:\n  mlops:tier: dev\n  mlops:platform: {json.dumps(settings)}\n")
    assert words in " ".join(refused(mlops("validate", "-s", "qa")).split())
