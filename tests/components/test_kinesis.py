"""Kinesis, and what of it reaches the lake."""

from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.base.identity import Grant, policy_document
from components.data_pipeline import DataPipelineOutputs
from components.data_pipeline.kinesis import KinesisConfig
from mlops.core.merge import merge
from mlops.plan.graph import Graph, Node
from tests.foundations import foundation
from tests.support import REGION, names, only, recorded, statements

STREAM = "aws:kinesis/stream:Stream"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"


def kinesis(**settings: Any) -> tuple[Graph, DataPipelineOutputs]:
    made: list[DataPipelineOutputs] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        made.append(KinesisConfig.model_validate(settings).build("stream", base, opts).outputs)

    return recorded(build), made[0]


@cache
def plain() -> Graph:
    return kinesis()[0]


def delivery(graph: Graph) -> dict[str, Any]:
    inputs: dict[str, Any] = only(graph, FIREHOSE).inputs["extendedS3Configuration"]
    return inputs


def key(graph: Graph, purpose: str) -> str:
    return str(only(graph, "aws:kms/key:Key", f"keys-{purpose}").outputs["arn"])


def bucket(graph: Graph) -> Node:
    return only(graph, "aws:s3/bucket:Bucket", "storage-raw")


def rights(access: str) -> dict[str, set[str]]:
    found: list[dict[str, Any]] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        outputs = KinesisConfig().build("stream", foundation(opts, cluster=False, database=False), opts).outputs
        grant: Grant = getattr(outputs, access)()
        policy_document(list(grant.statements)).apply(lambda document: found.extend(statements(document)))

    recorded(build)
    return {row["Resource"][0]: set(row["Action"]) for row in found}


def test_events_are_encrypted_with_the_data_key() -> None:
    inputs = only(plain(), STREAM).inputs
    assert (inputs["encryptionType"], inputs["kmsKeyId"]) == ("KMS", key(plain(), "data"))


def test_capacity_follows_load_unless_somebody_counts_shards() -> None:
    on_demand = only(plain(), STREAM).inputs
    counted = only(kinesis(capacity={"kind": "provisioned", "shards": 4})[0], STREAM).inputs
    assert on_demand["streamModeDetails"] == {"streamMode": "ON_DEMAND"}
    assert "shardCount" not in on_demand
    assert (counted["streamModeDetails"], counted["shardCount"]) == ({"streamMode": "PROVISIONED"}, 4)


def test_a_stack_file_goes_back_to_on_demand_with_one_word() -> None:
    tier = KinesisConfig.model_validate({"capacity": {"kind": "provisioned", "shards": 4}}).model_dump(mode="json")
    assert KinesisConfig.model_validate(merge(tier, {"capacity": {"kind": "on-demand"}})) == KinesisConfig()


def test_events_stay_readable_for_as_long_as_asked_and_shards_report_what_is_asked() -> None:
    inputs = only(kinesis(retention_hours=168, metrics=["IteratorAgeMilliseconds"])[0], STREAM).inputs
    assert (inputs["retentionPeriod"], inputs["shardLevelMetrics"]) == (168, ["IteratorAgeMilliseconds"])


def test_every_raw_event_lands_in_the_lake_by_day_encrypted_and_one_a_line() -> None:
    graph = plain()
    into = delivery(graph)
    assert into["bucketArn"] == bucket(graph).outputs["arn"]
    assert into["kmsKeyArn"] == key(graph, "data")
    assert into["prefix"] == "delivered/dt=!{timestamp:yyyy-MM-dd}/"
    assert into["compressionFormat"] == "GZIP"
    (processor,) = into["processingConfiguration"]["processors"]
    assert processor["type"] == "AppendDelimiterToRecord"
    assert processor["parameters"] == [{"parameterName": "Delimiter", "parameterValue": "\\n"}]


def test_what_could_not_be_delivered_is_kept_apart_and_reported() -> None:
    graph = plain()
    into = delivery(graph)
    group = only(graph, "aws:cloudwatch/logGroup:LogGroup", "stream-delivery-logs")
    assert not into["errorOutputPrefix"].startswith("delivered/")
    assert "!{firehose:error-output-type}" in into["errorOutputPrefix"]
    assert into["cloudwatchLoggingOptions"]["logGroupName"] == group.outputs["name"]
    assert group.inputs["kmsKeyId"] == key(graph, "logs")


def test_the_delivery_reads_this_stream() -> None:
    graph = plain()
    source = only(graph, FIREHOSE).inputs["kinesisSourceConfiguration"]
    assert source["kinesisStreamArn"] == only(graph, STREAM).outputs["arn"]
    assert only(graph, FIREHOSE).inputs["destination"] == "extended_s3"


def test_firehose_may_read_the_stream_write_two_prefixes_and_report_and_nothing_else() -> None:
    graph = plain()
    raw, stream = bucket(graph).outputs["arn"], only(graph, STREAM).outputs["arn"]
    rows = statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-delivery-policy").inputs["policy"])
    allowed: dict[str, set[str]] = {}
    for row in rows:
        for resource in row["Resource"]:
            allowed.setdefault(resource, set()).update(row["Action"])
    log_stream = only(graph, "aws:cloudwatch/logStream:LogStream").outputs["arn"]
    assert allowed.keys() == {
        raw,
        f"{raw}/delivered/*",
        f"{raw}/delivered-failed/*",
        stream,
        key(graph, "data"),
        log_stream,
    }
    assert allowed[log_stream] == {"logs:PutLogEvents"}
    assert allowed[key(graph, "data")] == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert not {action for action in allowed[stream] if "Put" in action}
    assert not {action for actions in allowed.values() for action in actions if "*" in action}


def test_only_firehose_of_this_account_takes_the_role() -> None:
    role = only(plain(), "aws:iam/role:Role", "stream-delivery-role")
    (row,) = statements(role.inputs["assumeRolePolicy"])
    assert row["Principal"] == {"Service": "firehose.amazonaws.com"}
    assert row["Condition"] == {"StringEquals": {"sts:ExternalId": "000000000000"}}


def test_the_delivery_begins_when_its_role_has_its_rights() -> None:
    graph = plain()
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-delivery-policy")
    assert policy.urn in only(graph, FIREHOSE).dependencies


def test_without_delivery_there_is_a_stream_and_nothing_else() -> None:
    graph = kinesis(delivery=None)[0]
    assert [node.type for node in graph.children(only(graph, "mlops:index:Kinesis").urn)] == [STREAM]
    assert "stream-delivery-role" not in names(graph, "aws:iam/role:Role")


@pytest.mark.parametrize("protect", [True, False])
def test_protection_sits_on_the_stream_and_on_nothing_else(protect: bool) -> None:
    graph = kinesis(protect=protect)[0]
    protected = [node.name for node in graph if node.protect and node.name.startswith("stream")]
    assert protected == (["stream-stream"] if protect else [])


def test_consumers_that_registered_themselves_do_not_stop_a_destroy() -> None:
    assert only(plain(), STREAM).inputs["enforceConsumerDeletion"] is True


def test_producers_write_and_consumers_read_and_neither_does_the_others_part() -> None:
    produce, consume = rights("produce"), rights("consume")
    stream = next(arn for arn in produce if ":kinesis:" in arn)
    data_key = next(arn for arn in produce if ":kms:" in arn)
    assert {"kinesis:PutRecord", "kinesis:PutRecords"} <= produce[stream]
    assert "kinesis:GetRecords" not in produce[stream]
    assert "kinesis:GetRecords" in consume[stream]
    assert not {action for action in consume[stream] if "Put" in action}
    assert (produce[data_key], consume[data_key]) == ({"kms:GenerateDataKey"}, {"kms:Decrypt"})


def test_clients_get_the_regions_endpoint() -> None:
    found: list[str] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=False, database=False)
        KinesisConfig().build("stream", base, opts).outputs.endpoint.apply(found.append)

    recorded(build)
    assert found == [f"https://kinesis.{REGION}.amazonaws.com"]


def test_an_isolated_network_gets_the_endpoint_that_clients_call() -> None:
    assert KinesisConfig.endpoints == {"kinesis-streams"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"retention_hours": 12}, "retention_hours"),
        ({"retention_hours": 9000}, "retention_hours"),
        ({"capacity": {"kind": "on-demand", "shards": 2}}, "shards"),
        ({"capacity": {"kind": "provisioned", "shards": 0}}, "shards"),
        ({"capacity": {"kind": "elastic"}}, "elastic"),
        ({"metrics": ["Everything"]}, "metrics"),
        ({"delivery": {"buffer_mb": 500}}, "buffer_mb"),
        ({"delivery": {"compression": "zstd"}}, "compression"),
    ],
)
def test_what_kinesis_would_refuse_is_refused_beforehand(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        KinesisConfig.model_validate(settings)
