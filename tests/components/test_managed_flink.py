"""Amazon Managed Service for Apache Flink."""

from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.stream_processing.managed_flink import ManagedFlinkConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

APPLICATION = "aws:kinesisanalyticsv2/application:Application"
JOB = {
    "name": "enrich", "code": "enrich/job.jar", "parallelism": 6, "parallelism_per_kpu": 4, "zones": ["curated"],
    "properties": {"window": "60"},
}  # fmt: skip
PRIVATE = {"network": {"mode": "private"}}
FACTS = StackFacts(region=REGION, zones=2, gpus=False)


@cache
def stack(tier: str = "dev", pipeline: str = "kinesis") -> Graph:
    days = 30 if tier == "dev" else 365
    module = {"stream_processing": {"kind": "managed_flink", "jobs": [JOB], "log_retention_days": days}}
    return platform(tier, {**PRIVATE, "data_pipeline": {"kind": pipeline}, **module})


def configuration(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = only(graph, APPLICATION).inputs["applicationConfiguration"]
    return found


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_an_application_is_what_the_api_takes() -> None:
    inputs = dict(only(stack(), APPLICATION).inputs)
    told = dict(inputs["applicationConfiguration"])
    # What the provider calls by other names, starts with, or sends with a call of its own.
    told["vpcConfigurations"] = [told.pop("vpcConfiguration")]
    told.pop("runConfiguration")
    logs = inputs.pop("cloudwatchLoggingOptions")
    inputs["cloudWatchLoggingOptions"] = [{"logStreamARN": logs["logStreamArn"]}]
    request = {**inputs, "applicationConfiguration": told, "applicationName": "enrich"}
    renamed = {"description": "ApplicationDescription", "startApplication": None, "tagsAll": None}
    assert aws_api.refusals("kinesisanalyticsv2", "CreateApplication", request, renamed) == []
    worse = {**request, "runtimeEnvironment": "FLINK-9_9"}
    assert aws_api.refusals("kinesisanalyticsv2", "CreateApplication", worse, renamed)


def test_a_stop_takes_a_snapshot_and_a_start_goes_on_from_it() -> None:
    told = configuration(stack())
    assert told["applicationSnapshotConfiguration"] == {"snapshotsEnabled": True}
    restore = told["runConfiguration"]["applicationRestoreConfiguration"]
    assert restore == {"applicationRestoreType": "RESTORE_FROM_LATEST_SNAPSHOT"}


def test_it_is_told_where_the_stream_is_and_what_the_team_says() -> None:
    groups = {
        group["propertyGroupId"]: group["propertyMap"]
        for group in configuration(stack())["environmentProperties"]["propertyGroups"]
    }
    assert groups["job"] == {"window": "60"}
    assert groups["stream"]["MLOPS_STREAM_PROTOCOL"] == "kinesis"
    assert groups["stream"]["MLOPS_STREAM"] == only(stack(), "aws:kinesis/stream:Stream").outputs["name"]


def test_it_reads_its_code_and_writes_where_it_may_and_is_trusted_for_this_account_alone() -> None:
    graph = stack()
    rows = statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-processing-enrich-policy").inputs["policy"])
    artifacts = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    curated = only(graph, "aws:s3/bucket:Bucket", "storage-curated").outputs["arn"]
    written = {arn for row in rows if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{artifacts}/flink/enrich/*", f"{curated}/*"}
    read = {arn for row in rows if row["Action"] == ["s3:GetObject"] for arn in row["Resource"]}
    assert read == {f"{artifacts}/flink/enrich/job.jar*"}
    starred = {action for row in rows if row["Resource"] == ["*"] for action in row["Action"]}
    assert all(action.startswith("ec2:Describe") for action in starred)
    role = only(graph, "aws:iam/role:Role", "stream-processing-enrich-role")
    (trusted,) = statements(role.inputs["assumeRolePolicy"])
    assert trusted["Condition"]["StringEquals"]["aws:SourceAccount"].isdigit()


def test_nobody_comes_in_and_it_goes_out_to_the_network_and_to_aws() -> None:
    graph = stack()
    rules = [node for node in graph if node.name.startswith("stream-processing-to-")]
    assert {(rule.inputs["cidrIpv4"], rule.inputs.get("toPort")) for rule in rules} == {
        ("10.0.0.0/16", None),
        ("0.0.0.0/0", 443),
    }
    incoming = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [node.name for node in incoming if node.name.startswith("stream-processing")] == []


def test_a_kpu_is_paid_for_every_four_copies_and_one_to_lead_them() -> None:
    found = estimate(stack(), BY_TIER["dev"], load())
    lines = {line.label: line.quantity for line in found.lines if line.module == "stream-processing"}
    assert lines["2 KPUs"] == 2 * lines["KPU for orchestration"]
    assert lines["running storage, 100 GB"] == 100


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking}
        for graph in (tier_graph(tier), stack(tier, "kinesis" if tier == "dev" else "kafka"))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"code": "s3://bucket/job.jar"}, "a path below the folder of jobs"),
        ({"code": "/job.jar"}, "a path below the folder of jobs"),
        ({"runtime": "FLINK-2_0"}, "FLINK-1_20"),
        ({"parallelism_per_kpu": 9}, "less than or equal to 8"),
        ({"properties": {"a b": "c"}}, "the name of a property"),
    ],
)
def test_an_application_that_aws_would_refuse_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ManagedFlinkConfig.model_validate({"jobs": [{**JOB, **wrong}]})


def test_without_a_job_there_is_nothing_to_manage() -> None:
    with pytest.raises(ValidationError, match="jobs"):
        ManagedFlinkConfig.model_validate({})


def test_more_kpus_than_an_application_has_are_refused_in_one_sentence() -> None:
    large = ManagedFlinkConfig.model_validate({"jobs": [{**JOB, "parallelism": 300}]})
    (problem,) = large.conflicts(FACTS)
    assert "takes 75 KPUs, and an application has at most 64; lower parallelism" in problem
    (public,) = ManagedFlinkConfig.model_validate({"jobs": [JOB]}).conflicts(
        StackFacts(region=REGION, zones=2, gpus=False, private_subnets=False)
    )
    assert "network.mode is public" in public
