"""SageMaker training jobs."""

import json
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.training.sagemaker import SageMakerTrainingConfig
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

SCHEDULE = "aws:scheduler/schedule:Schedule"
PRIVATE = {"network": {"mode": "private"}}
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:team/keys-AbCdEf"  # pragma: allowlist secret
JOB: dict[str, Any] = {
    "name": "ranker",
    "image": "pipelines:1.0.0",
    "arguments": ["--epochs", "3"],
    "machine": "ml.g5.xlarge",
    "machines": 2,
    "channels": {"train": "features/daily"},
    "hyperparameters": {"lr": "0.01"},
    "schedule": "0 2 * * SUN",
    "secrets": {"HUB_KEY": {"arn": SECRET}},
    "keep_days": 60,
}
FACTS = StackFacts(region=REGION, zones=2, gpus=False, repositories=frozenset({"pipelines"}))


@cache
def stack(tier: str = "dev") -> Graph:
    plain = {**JOB, "name": "small", "machine": "ml.m5.xlarge", "machines": 1, "spot": False}
    return platform(tier, {**PRIVATE, "training": {"kind": "sagemaker", "jobs": [JOB, plain]}})


def request(name: str = "ranker") -> dict[str, Any]:
    """What the schedule asks SageMaker for."""
    found: dict[str, Any] = json.loads(only(stack(), SCHEDULE, f"training-{name}-schedule").inputs["target"]["input"])
    return found


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize("name", ["ranker", "small"])
def test_what_the_schedule_asks_for_is_what_the_api_takes(name: str) -> None:
    # EventBridge puts the number of its call there.
    asked = {**request(name), "TrainingJobName": "mlops-test-ranker-d32c5kddcf5bb8c3"}
    assert aws_api.refusals("sagemaker", "CreateTrainingJob", asked, {}) == []
    assert aws_api.refusals("sagemaker", "CreateTrainingJob", {**asked, "RoleArn": "ranker"}, {})


def test_every_run_has_a_name_of_its_own_which_its_starter_may_give_and_no_other() -> None:
    assert request()["TrainingJobName"] == "mlops-test-ranker-<aws.scheduler.execution-id>"
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "training-ranker-scheduler-policy").inputs["policy"]
    (row,) = [row for row in statements(policy) if "sagemaker:CreateTrainingJob" in row["Action"]]
    assert [arn.rpartition("/")[2] for arn in row["Resource"]] == ["mlops-test-ranker-*"]
    (handed,) = [row for row in statements(policy) if row["Action"] == ["iam:PassRole"]]
    assert handed["Resource"] == [only(stack(), "aws:iam/role:Role", "training-ranker-run-role").outputs["arn"]]


def test_a_run_on_spot_goes_on_from_its_checkpoints_in_the_lake() -> None:
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    asked = request()
    assert asked["EnableManagedSpotTraining"] is True
    assert asked["CheckpointConfig"] == {"S3Uri": f"s3://{bucket}/training/ranker/checkpoints"}
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 14_400, "MaxWaitTimeInSeconds": 28_800}
    assert request("small")["StoppingCondition"] == {"MaxRuntimeInSeconds": 14_400}


def test_volumes_are_encrypted_with_the_platforms_key_where_machines_have_no_disks_of_their_own() -> None:
    assert "VolumeKmsKeyId" not in request()["ResourceConfig"]
    assert request("small")["ResourceConfig"]["VolumeKmsKeyId"].startswith("arn:aws:kms:")


def test_machines_of_one_run_reach_one_another_encrypted_and_a_single_one_needs_nothing() -> None:
    assert request()["EnableInterContainerTrafficEncryption"] is True
    rules = [node.name for node in stack().of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    assert "training-ranker-from-members" in rules
    assert "training-small-from-members" not in rules


def test_a_job_reads_its_channels_and_writes_into_its_own_folder_which_empties_by_itself() -> None:
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "training-ranker-run-policy").inputs["policy"]
    arns = {
        zone: only(stack(), "aws:s3/bucket:Bucket", f"storage-{zone}").outputs["arn"]
        for zone in ("artifacts", "features")
    }
    written = {arn for row in statements(policy) if "s3:PutObject" in row["Action"] for arn in row["Resource"]}
    assert written == {f"{arns['artifacts']}/training/ranker/*"}
    read = {arn for row in statements(policy) if row["Action"] == ["s3:GetObject"] for arn in row["Resource"]}
    assert read == {f"{arns['features']}/daily/*"}
    rules = only(
        stack(), "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "storage-artifacts-lifecycle"
    ).inputs["rules"]
    kept = {rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in rules if "expiration" in rule}
    assert kept["training/ranker/"] == 60
    assert request()["Environment"]["HUB_KEY_SECRET_ARN"] == f"{SECRET}#"


def test_what_is_paid_are_the_hours_of_training() -> None:
    found = estimate(stack(), BY_TIER["dev"], load())
    hours = BY_TIER["dev"].compute.training_hours
    lines = {line.label: float(line.quantity) for line in found.lines if line.module == "training"}
    assert lines == {"training on ml.g5.xlarge": hours / 2, "training on ml.m5.xlarge": hours / 2}


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), stack(tier))
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"machine": "g5.xlarge"}, "the name of a SageMaker instance type"),
        ({"channels": {"train": "lake/daily"}}, "a zone of the lake or a folder of it"),
        ({"hyperparameters": {"api_key": "x"}}, "sounds like a secret"),
        ({"run_minutes": 0}, "greater than or equal to 1"),
    ],
)
def test_a_job_that_sagemaker_would_refuse_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SageMakerTrainingConfig.model_validate({"jobs": [{**JOB, **wrong}]})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"machine": "ml.g99.xlarge"}, "job ranker: "),
        ({"image": "pytorch/pytorch:2.9.0"}, "job ranker runs an image of the repository pytorch/pytorch"),
        (
            {"image": "docker.io/pytorch/pytorch:2.9.0"},
            "job ranker runs docker.io/pytorch/pytorch:2.9.0, and SageMaker",
        ),
        ({"grants": ["track"]}, "job ranker is to track, and this stack has no ml_platform"),
    ],
)
def test_what_does_not_fit_the_stack_is_one_sentence(wrong: dict[str, Any], said: str) -> None:
    problems = SageMakerTrainingConfig.model_validate({"jobs": [{**JOB, **wrong}]}).conflicts(FACTS)
    assert any(one.startswith(said) for one in problems), problems
