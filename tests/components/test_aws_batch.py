"""AWS Batch."""

import json
from functools import cache
from typing import Any

import pytest

from components.compute.aws_batch import AwsBatchConfig
from mlops.core.fields.schedules import of_eventbridge
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
QUEUE = "aws:batch/jobQueue:JobQueue"
DEFINITION = "aws:batch/jobDefinition:JobDefinition"
SCHEDULE = "aws:scheduler/schedule:Schedule"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
LOGIN = {"kind": "mlflow", "auth": {"kind": "basic", "workloads": {"arn": SECRET}}}
JOB: dict[str, Any] = {
    "name": "forecast",
    "image": "pipelines:1.0.0",
    "arguments": ["--days", "30"],
    "schedule": "30 6 * * MON-FRI",
    "grants": ["read storage/curated", "track"],
    "keep_days": 30,
    "environment": {"HORIZON": "30"},
    "secrets": {"WEATHER_KEY": {"arn": SECRET, "key": "weather"}},
}
MACHINES = {"capacity": "spot", "instance_types": ["g6.xlarge"]}
GPU_JOB = {**JOB, "size": {"cpu": "4", "memory": "14Gi", "gpus": 1}}
FACTS = StackFacts(
    region=REGION,
    zones=2,
    gpus=False,
    repositories=frozenset({"pipelines"}),
    filled={"ml_platform": "mlflow", "serving": "ecs"},
)


@cache
def stack(tier: str = "dev") -> Graph:
    return platform(tier, {"ml_platform": LOGIN, "compute": {"kind": "aws_batch", "scoring": {}, "jobs": [JOB]}})


@cache
def machines() -> Graph:
    return platform("dev", {"compute": {"kind": "aws_batch", "jobs": [GPU_JOB], **MACHINES}})


def container(graph: Graph, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(only(graph, DEFINITION, name).inputs["containerProperties"])
    return found


def definition(graph: Graph, name: str) -> dict[str, Any]:
    """A definition as the API takes it."""
    inputs = only(graph, DEFINITION, name).inputs
    return {
        "jobDefinitionName": name,
        "type": inputs["type"],
        "platformCapabilities": inputs["platformCapabilities"],
        "containerProperties": container(graph, name),
        "retryStrategy": inputs["retryStrategy"],
        "timeout": inputs["timeout"],
    }


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_definitions_are_what_the_api_takes() -> None:
    for graph, name in ((stack(), "compute-forecast"), (stack(), "compute-scoring"), (machines(), "compute-forecast")):
        asked = definition(graph, name)
        assert aws_api.refusals("batch", "RegisterJobDefinition", asked, {}) == []
        assert aws_api.refusals("batch", "RegisterJobDefinition", {**asked, "type": "pod"}, {})


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_environment_and_queue_are_what_the_api_takes() -> None:
    for graph in (stack(), machines()):
        inputs = only(graph, ENVIRONMENT).inputs
        asked = {
            "computeEnvironmentName": "batch",
            "type": inputs["type"],
            "state": inputs["state"],
            "computeResources": inputs["computeResources"],
        }
        assert aws_api.refusals("batch", "CreateComputeEnvironment", asked, {}) == []
    queue = only(stack(), QUEUE).inputs
    told = {
        "jobQueueName": "batch",
        "state": queue["state"],
        "priority": queue["priority"],
        "computeEnvironmentOrder": queue["computeEnvironmentOrders"],
        "jobStateTimeLimitActions": queue["jobStateTimeLimitActions"],
    }
    assert aws_api.refusals("batch", "CreateJobQueue", told, {}) == []


def test_the_queue_is_gone_before_its_environment() -> None:
    queue, environment = only(stack(), QUEUE), only(stack(), ENVIRONMENT)
    assert environment.urn in queue.property_dependencies["computeEnvironmentOrders"]
    assert queue.urn in only(stack(), SCHEDULE, "compute-forecast-schedule").property_dependencies["target"]


def test_scoring_is_the_loops_own_command_with_what_the_loop_is_told() -> None:
    told = container(stack(), "compute-scoring")
    assert told["command"] == ["batch-score", "--k", "10"]
    assert told["image"].endswith("/pipelines:0.1.0")
    variables = {one["name"]: one["value"] for one in told["environment"]}
    assert variables.keys() >= {"MLOPS_BUCKET_ARTIFACTS", "MLOPS_BUCKET_FEATURES", "MLFLOW_TRACKING_URI", "AWS_REGION"}
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-scoring-task-policy").inputs["policy"]
    artifacts = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{artifacts}/scores/*"}


def test_a_job_asks_what_runs_on_the_cluster_through_a_load_balancer_that_lets_its_group_in() -> None:
    variables = {one["name"]: one["value"] for one in container(stack(), "compute-forecast")["environment"]}
    assert ".elb." in variables["MLFLOW_TRACKING_URI"]
    assert variables["MLOPS_OUTPUT"].endswith("/predictions/forecast/")
    assert variables["HORIZON"] == "30"
    group = only(stack(), "aws:ec2/securityGroup:SecurityGroup", "compute-security-group").id
    rules = stack().of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert any(rule.inputs.get("referencedSecurityGroupId") == group for rule in rules)


def test_secrets_are_told_by_reference_to_whoever_starts_a_run() -> None:
    told = {one["name"]: one["valueFrom"] for one in container(stack(), "compute-forecast")["secrets"]}
    assert told.keys() == {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "WEATHER_KEY"}
    assert told["WEATHER_KEY"] == f"{SECRET}:weather::"
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-forecast-execution-policy").inputs["policy"]
    read = [row for row in statements(policy) if "secretsmanager:GetSecretValue" in row["Action"]]
    assert {arn for row in read for arn in row["Resource"]} == {SECRET}


def test_a_schedule_hands_the_job_to_the_queue_as_a_role_that_may_do_just_that() -> None:
    schedule = only(stack(), SCHEDULE, "compute-forecast-schedule").inputs
    assert schedule["scheduleExpression"] == "cron(30 6 ? * MON-FRI *)"
    assert (schedule["state"], schedule["target"]["arn"]) == ("ENABLED", "arn:aws:scheduler:::aws-sdk:batch:submitJob")
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "compute-forecast-scheduler-policy").inputs["policy"]
    (row,) = [row for row in statements(policy) if "batch:SubmitJob" in row["Action"]]
    made = [only(stack(), QUEUE), only(stack(), DEFINITION, "compute-forecast")]
    assert sorted(row["Resource"]) == sorted(node.outputs["arn"] for node in made)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 3 * * *", "cron(0 3 * * ? *)"),
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("0 6,18 1 1-6 *", "cron(0 6,18 1 1-6 ? *)"),
        ("30 6 * * MON-FRI", "cron(30 6 ? * MON-FRI *)"),
    ],
)
def test_a_schedule_means_the_same_to_eventbridge(cron: str, said: str) -> None:
    assert of_eventbridge(cron) == said


def test_a_failed_run_is_heard_of() -> None:
    watched = {"monitoring": {"kind": "cloudwatch"}, "compute": {"kind": "aws_batch", "jobs": [JOB]}}
    graph = platform("dev", watched)
    rule = only(graph, "aws:cloudwatch/eventRule:EventRule", "compute-failures")
    pattern = json.loads(rule.inputs["eventPattern"])
    assert pattern["detail"] == {"status": ["FAILED"], "jobQueue": [only(graph, QUEUE).outputs["arn"]]}
    alarms = [
        alarm.inputs["dimensions"]
        for alarm in graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
        if alarm.inputs.get("metricName") == "MatchedEvents"
    ]
    assert alarms == [{"RuleName": rule.outputs["name"]}]


def test_machines_are_encrypted_and_keep_their_credentials_to_themselves() -> None:
    template = only(machines(), "aws:ec2/launchTemplate:LaunchTemplate", "compute-machines-template").inputs
    assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
    assert template["metadataOptions"]["httpTokens"] == "required"
    resources = only(machines(), ENVIRONMENT).inputs["computeResources"]
    assert (resources["type"], resources["allocationStrategy"]) == ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED")
    told = container(machines(), "compute-forecast")["resourceRequirements"]
    assert {one["type"]: one["value"] for one in told} == {"VCPU": "4", "MEMORY": "14336", "GPU": "1"}


def bill(graph: Graph) -> dict[str, float]:
    found = estimate(graph, BY_TIER["enterprise"], load())
    return {line.label: round(float(line.monthly), 2) for line in found.lines if line.type == ENVIRONMENT}


def test_what_is_paid_are_the_hours_of_its_jobs() -> None:
    hours = BY_TIER["enterprise"].compute.batch_vcpu_hours
    assert bill(stack()) == {
        "batch jobs on Fargate Spot: vCPU": round(hours * 0.04048 * 0.3, 2),
        "batch jobs on Fargate Spot: memory": round(hours * 4 * 0.004445 * 0.3, 2),
    }
    assert list(bill(machines())) == ["machines of batch jobs, g6.xlarge"]


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jobs": [{**JOB, "size": {"cpu": "3"}}]}, "job forecast asks for cpu 3, and Fargate has tasks of 250m"),
        ({"jobs": [{**JOB, "size": {"memory": "500Mi"}}]}, "job forecast asks for memory 500Mi with cpu 1"),
        ({"jobs": [GPU_JOB]}, "job forecast asks for 1 GPUs, and Fargate has none"),
        ({"cpu_architecture": "arm64"}, "capacity is fargate-spot and cpu_architecture arm64"),
        (
            {"capacity": "ec2", "jobs": [GPU_JOB]},
            "job forecast asks for 1 GPUs, and m7i.xlarge, m6i.xlarge of instance",
        ),
        ({"capacity": "ec2", "jobs": [{**JOB, "size": {"cpu": "500m"}}]}, "job forecast asks for cpu 500m, and on EC2"),
        ({"capacity": "ec2", "instance_types": ["m7i.xlarge", "m7g.xlarge"]}, "instance_types mixes x86_64 and arm64"),
        ({"capacity": "ec2", "instance_types": ["m99i.xlarge"]}, "instance_types: "),
        ({"capacity": "ec2", "instance_types": []}, "capacity is ec2 and instance_types is empty"),
        ({"jobs": [{**JOB, "image": "forecast:1"}]}, "job forecast runs an image of the repository forecast"),
        ({"jobs": [{**JOB, "grants": ["produce"]}]}, "job forecast is to produce events"),
    ],
)
def test_what_batch_would_not_run_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    problems = AwsBatchConfig.model_validate(settings).conflicts(FACTS)
    assert any(one.startswith(said) for one in problems), problems


def test_machines_do_not_register_from_a_network_without_a_way_out() -> None:
    facts = StackFacts(region=REGION, zones=2, gpus=False, way_out=False)
    (problem,) = AwsBatchConfig.model_validate({"capacity": "spot"}).conflicts(facts)
    assert problem.startswith("capacity is spot, whose machines register with ECS, and network.mode is isolated")
    assert AwsBatchConfig().conflicts(facts) == ()
