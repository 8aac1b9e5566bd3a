"""Amazon EMR Serverless."""

import json
from functools import cache
from typing import Any

import pytest

from components.compute.emr_serverless import EmrServerlessConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

APPLICATION = "aws:emrserverless/application:Application"
SCHEDULE = "aws:scheduler/schedule:Schedule"
PRIVATE = {"network": {"mode": "private"}}
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
JOB: dict[str, Any] = {
    "name": "forecast",
    "program": "forecast/job.py",
    "packages": ["forecast/own.zip"],
    "arguments": ["--days", "30"],
    "grants": ["read storage/curated"],
    "environment": {"MODE": "full run"},
    "secrets": {"WEATHER_KEY": {"arn": SECRET, "key": "weather"}},
    "keep_days": 30,
}
FACTS = StackFacts(region=REGION, zones=2, gpus=False)


@cache
def stack(tier: str = "dev") -> Graph:
    return platform(tier, {**PRIVATE, "compute": {"kind": "emr_serverless", "jobs": [JOB]}})


def request() -> dict[str, Any]:
    """What the schedule asks EMR for."""
    target = only(stack(), SCHEDULE, "compute-forecast-schedule").inputs["target"]
    assert target["arn"] == "arn:aws:scheduler:::aws-sdk:emrserverless:startJobRun"
    found: dict[str, Any] = json.loads(target["input"])
    return found


def spelt(value: Any) -> Any:
    """Names as the API's model has them: EventBridge begins each with a capital."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: spelt(inner) for key, inner in value.items()}
    return value


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_what_the_schedule_asks_for_is_what_the_api_takes() -> None:
    asked = spelt(request())
    # The service itself puts the number of the call there.
    asked["clientToken"] = "d32c5kddcf5bb8c3"
    assert aws_api.refusals("emr-serverless", "StartJobRun", asked, {}) == []
    assert aws_api.refusals("emr-serverless", "StartJobRun", {**asked, "applicationId": ""}, {})


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_an_application_is_what_the_api_takes() -> None:
    inputs = dict(only(stack(), APPLICATION).inputs)
    assert (
        aws_api.refusals("emr-serverless", "CreateApplication", {**inputs, "clientToken": "a"}, {"tagsAll": None}) == []
    )


def test_a_run_finds_its_program_in_the_lake_and_its_secrets_by_reference() -> None:
    submitted = request()["JobDriver"]["SparkSubmit"]
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert submitted["EntryPoint"] == f"s3://{bucket}/emr/forecast/job.py"
    assert submitted["EntryPointArguments"] == ["--days", "30"]
    told = submitted["SparkSubmitParameters"]
    assert f"--conf spark.submit.pyFiles=s3://{bucket}/emr/forecast/own.zip" in told
    assert f"spark.emr-serverless.driverEnv.MLOPS_OUTPUT=s3://{bucket}/predictions/forecast/" in told
    assert '--conf spark.executorEnv.MODE="full run"' in told
    assert f"driverEnv.WEATHER_KEY_SECRET_ARN={SECRET}#weather" in told


def test_a_job_reads_its_own_program_and_writes_into_its_own_folder_alone() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-forecast-run-policy").inputs["policy"]
    arns = {
        zone: only(stack(), "aws:s3/bucket:Bucket", f"storage-{zone}").outputs["arn"]
        for zone in ("artifacts", "curated")
    }
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{arns['artifacts']}/predictions/forecast/*"}
    read = {arn for row in statements(policy) if row["Action"] == ["s3:GetObject"] for arn in row["Resource"]}
    assert read == {f"{arns['artifacts']}/emr/forecast/*", f"{arns['curated']}/*"}


def test_whoever_starts_a_run_hands_over_that_jobs_role_and_no_other() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-forecast-scheduler-policy").inputs["policy"]
    (row,) = [row for row in statements(policy) if row["Action"] == ["iam:PassRole"]]
    assert row["Resource"] == [only(stack(), "aws:iam/role:Role", "compute-forecast-run-role").outputs["arn"]]
    assert row["Condition"] == {"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}}


def test_nothing_runs_and_nothing_is_paid_between_two_runs() -> None:
    inputs = only(stack(), APPLICATION).inputs
    assert inputs["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 5}
    assert inputs["maximumCapacity"] == {"cpu": "64 vCPU", "memory": "256 GB"}
    assert "initialCapacities" not in inputs
    found = estimate(stack(), BY_TIER["enterprise"], load())
    paid = {line.label: round(float(line.monthly), 2) for line in found.lines if line.type == APPLICATION}
    hours = BY_TIER["enterprise"].compute.batch_vcpu_hours
    assert paid == {
        "EMR Serverless: vCPU": round(hours * 0.052624, 2),
        "EMR Serverless: memory": round(hours * 4 * 0.0057785, 2),
    }


def test_a_stack_whose_jobs_ask_nothing_of_the_cluster_needs_no_way_into_it() -> None:
    assert EmrServerlessConfig.model_validate({"jobs": [JOB]}).asks_from_outside is False
    assert EmrServerlessConfig.model_validate({"jobs": [{**JOB, "grants": ["track"]}]}).asks_from_outside is True


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"release": "emr-5.36.0"}, 'release is "emr-5.36.0"; allowed: emr-7.13.0'),
        ({"most_vcpus": 4, "jobs": [JOB]}, "job forecast begins with 6 vCPUs (driver and 2 executors of 2)"),
        ({"jobs": [{**JOB, "executors": 20}]}, "job forecast has most_executors 10 and executors 20"),
        ({"jobs": [{**JOB, "program": "forecast/job.jar"}]}, "job forecast runs forecast/job.jar with main_class null"),
        ({"jobs": [{**JOB, "main_class": "com.example.Job"}]}, "job forecast runs forecast/job.py with main_class com"),
        ({"jobs": [{**JOB, "grants": ["consume"]}]}, "job forecast is to consume events"),
    ],
)
def test_what_emr_would_not_run_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    problems = EmrServerlessConfig.model_validate(settings).conflicts(FACTS)
    assert any(one.startswith(said) for one in problems), problems


def test_workers_without_addresses_have_no_way_out_of_a_public_network() -> None:
    facts = StackFacts(region=REGION, zones=2, gpus=False, private_subnets=False)
    (problem,) = EmrServerlessConfig().conflicts(facts)
    assert problem.startswith("its workers have no public addresses, and network.mode is public")
