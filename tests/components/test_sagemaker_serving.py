"""SageMaker endpoints: what each mode makes, held against the API's own model, and what none can do."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.serving.sagemaker import SageMakerServingConfig
from components.serving.sagemaker.modes import takes_a_key
from localcloud.fakes import ACCOUNT
from mlops.core import offerings
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from policies.engine import judge
from tests import aws_api
from tests.platforms import platform
from tests.support import only, statements

MODEL = "aws:sagemaker/model:Model"
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
FRAUD = {"name": "fraud", "storage_uri": "artifacts/mlflow/fraud/3"}
REGISTRY = {"repositories": ["recommender", "pipelines", "mlflow-pyfunc"]}
ALONE = {
    "cluster": None,
    "database": None,
    "ml_platform": None,
    "registry": REGISTRY,
    "workloads": {"recommender": None},
}
SERVING = {
    "kind": "sagemaker",
    "models": [
        {
            **FRAUD,
            "min_replicas": 2,
            "max_replicas": 6,
            "release": {"strategy": "canary", "steps": [{"percent": 10}]},
            "candidate_uri": "artifacts/mlflow/fraud/4",
        },
        {
            "name": "churn",
            "storage_uri": "s3://team-models/churn/1",
            "max_replicas": 1,
            "release": {"strategy": "shadow", "steps": [{"percent": 50}]},
            "candidate_uri": "artifacts/churn/2",
        },
        {"name": "prices", "storage_uri": "artifacts/prices/1"},
        {"name": "images", "storage_uri": "artifacts/images/1", "min_replicas": 0, "max_replicas": 2, "gpus": 1},
        {"name": "x" * 40, "storage_uri": "artifacts/long/1", "max_replicas": 1},
    ],
    "modes": {
        "fraud": {"kind": "real-time", "capture_percent": 20},
        "prices": {"kind": "serverless", "memory_mb": 4096, "provisioned_concurrency": 2},
        "images": {"kind": "asynchronous", "instance_type": "ml.g5.xlarge"},
    },
}


@cache
def stack() -> Graph:
    return platform("dev", {**ALONE, "serving": SERVING})


def configuration(model: str) -> Mapping[str, Any]:
    return only(stack(), CONFIGURATION, f"serving-{model}-config").inputs


def variants(model: str) -> dict[str, Any]:
    return {row["variantName"]: row for row in configuration(model)["productionVariants"]}


def allowed() -> list[dict[str, Any]]:
    return statements(only(stack(), "aws:iam/rolePolicy:RolePolicy", "serving-policy").inputs["policy"])


def refused(override: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        SageMakerServingConfig.model_validate({"models": [FRAUD], **override})
    return str(error.value)


def refused_on_stack(override: Mapping[str, Any], **around: Any) -> str:
    with pytest.raises(Exception) as error:  # noqa: PT011 - the program's own message is looked at
        platform("dev", {**ALONE, **around, "serving": {"kind": "sagemaker", "models": [FRAUD], **override}})
    return str(error.value)


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
@pytest.mark.parametrize(
    ("type_", "operation", "renamed"),
    [
        (MODEL, "CreateModel", {"s3DataSources": "s3DataSource", "modelDataSource": None}),
        (
            CONFIGURATION,
            "CreateEndpointConfig",
            {"kmsKeyArn": "kmsKeyId", "provisionedConcurrency": "provisionedConcurrency"},
        ),
        (ENDPOINT, "CreateEndpoint", {}),
    ],
)
def test_the_api_takes_every_resource(type_: str, operation: str, renamed: Mapping[str, str | None]) -> None:
    found = stack().of_type(type_)
    assert len(found) >= 5
    physical = {MODEL: "modelName", CONFIGURATION: "endpointConfigName", ENDPOINT: "endpointName"}[type_]
    for node in found:
        inputs = {key: value for key, value in node.inputs.items() if key != "name"}
        given = {**inputs, physical: node.outputs["name"]}
        # Ours to write is one source; the API has it as a structure and not as a list.
        assert aws_api.refusals("sagemaker", operation, given, renamed) == [], node.name


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_the_api_takes_where_a_model_lies() -> None:
    shapes = aws_api.model("sagemaker")["shapes"]
    for node in stack().of_type(MODEL):
        [source] = node.inputs["primaryContainer"]["modelDataSource"]["s3DataSources"]
        assert list(aws_api._refused(shapes, "S3ModelDataSource", source, "", {})) == []


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_every_instance_type_that_a_region_offers_is_one_of_the_api() -> None:
    enum = set(aws_api.model("sagemaker")["shapes"]["ProductionVariantInstanceType"]["enum"])
    offered = offerings._regions_of("sagemaker_endpoints")
    assert len(offered) > 100
    assert set(offered) - enum == set()


def test_a_canary_has_its_share_of_the_requests() -> None:
    found = variants("fraud")
    assert {name: row["initialVariantWeight"] for name, row in found.items()} == {"stable": 90, "canary": 10}
    assert found["stable"]["initialInstanceCount"] == 2
    models = {name: only(stack(), MODEL, f"serving-fraud-{name}") for name in found}
    assert {name: row["modelName"] for name, row in found.items()} == {
        name: node.outputs["name"] for name, node in models.items()
    }


def test_a_shadow_is_asked_beside_the_model_and_never_answers() -> None:
    [shadow] = configuration("churn")["shadowProductionVariants"]
    assert shadow["initialVariantWeight"] == 50
    assert set(variants("churn")) == {"stable"}
    assert variants("churn")["stable"]["initialVariantWeight"] == 100


def test_captured_requests_are_encrypted_and_lie_apart_in_the_raw_zone() -> None:
    capture = configuration("fraud")["dataCaptureConfig"]
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-raw").outputs["bucket"]
    assert capture["destinationS3Uri"] == f"s3://{bucket}/captured/fraud"
    assert capture["kmsKeyId"] == only(stack(), "aws:kms/key:Key", "keys-data").outputs["arn"]
    assert "dataCaptureConfig" not in configuration("churn")


def test_a_serverless_endpoint_has_neither_instances_nor_a_network() -> None:
    [row] = configuration("prices")["productionVariants"]
    assert row["serverlessConfig"] == {"memorySizeInMb": 4096, "maxConcurrency": 20, "provisionedConcurrency": 2}
    assert "instanceType" not in row
    model = only(stack(), MODEL, "serving-prices-stable").inputs
    assert "vpcConfig" not in model
    assert not model["enableNetworkIsolation"]


@pytest.mark.parametrize("name", ["serving-fraud-stable", "serving-fraud-canary", "serving-churn-shadow"])
def test_whatever_has_instances_runs_closed_in_the_network(name: str) -> None:
    model = only(stack(), MODEL, name).inputs
    assert model["enableNetworkIsolation"]
    assert len(model["vpcConfig"]["subnets"]) == 2


def test_answers_of_a_queue_lie_in_the_lake_and_nothing_waits_for_them() -> None:
    queue = configuration("images")["asyncInferenceConfig"]
    assert queue["outputConfig"]["s3OutputPath"].endswith("/answers/images")
    assert queue["clientConfig"] == {"maxConcurrentInvocationsPerInstance": 4}
    policies = {node.name: node.inputs for node in stack().of_type(POLICY) if "images" in node.name}
    assert policies["serving-images-stable-wake"]["policyType"] == "StepScaling"
    alarm = only(stack(), "aws:cloudwatch/metricAlarm:MetricAlarm", "serving-images-stable-waiting")
    assert alarm.inputs["metricName"] == "HasBacklogWithoutCapacity"
    assert alarm.inputs["alarmActions"] == [only(stack(), POLICY, "serving-images-stable-wake").outputs["arn"]]


def test_instances_follow_the_load_within_the_replicas() -> None:
    targets = {node.name: node.inputs for node in stack().of_type(TARGET)}
    assert set(targets) == {
        "serving-fraud-stable-target",
        "serving-fraud-canary-target",
        "serving-images-stable-target",
    }
    fraud = targets["serving-fraud-stable-target"]
    assert (fraud["minCapacity"], fraud["maxCapacity"]) == (2, 6)
    assert fraud["resourceId"] == "endpoint/mlops-test-fraud/variant/stable"
    assert targets["serving-images-stable-target"]["minCapacity"] == 0


def test_models_are_read_where_they_lie_and_nowhere_else() -> None:
    readable = {where for row in allowed() if "s3:GetObject" in row["Action"] for where in row["Resource"]}
    artifacts = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    assert f"{artifacts}/mlflow/fraud/3/*" in readable
    assert f"{artifacts}/mlflow/fraud/4/*" in readable
    assert f"{artifacts}/churn/2/*" in readable
    assert "arn:aws:s3:::team-models/churn/1/*" in readable
    assert f"{artifacts}/*" not in readable


def test_a_role_that_models_have_takes_sagemaker_for_this_account_only() -> None:
    [trust] = statements(only(stack(), "aws:iam/role:Role", "serving-role").inputs["assumeRolePolicy"])
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_where_models_answer_is_exported_by_name() -> None:
    urls = stack().stack_outputs["modelUrls"]
    base = "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints"
    assert urls["fraud"] == f"{base}/mlops-test-fraud/invocations"
    assert urls["images"] == f"{base}/mlops-test-images/async-invocations"


def test_disks_of_an_instance_s_own_take_no_key() -> None:
    assert "kmsKeyArn" in configuration("fraud")
    assert "kmsKeyArn" not in configuration("images")
    assert [
        name for name in ("ml.m5.large", "ml.m5d.large", "ml.g4dn.xlarge", "ml.c7gd.large") if takes_a_key(name)
    ] == ["ml.m5.large"]


def test_no_kubernetes_is_made_for_it() -> None:
    assert not [node for node in stack() if node.type.startswith(("kubernetes:", "aws:eks", "eks:"))]


def test_no_rule_that_every_tier_must_keep_is_broken() -> None:
    assert [(one.rule.id, one.name) for one in judge(stack(), "dev").blocking] == []


def test_it_is_priced_by_instance_and_by_use() -> None:
    found = estimate(stack(), BY_TIER["dev"], load())
    labels = {line.label for line in found.lines}
    assert "endpoint, 2 × ml.m5.large" in labels
    assert "endpoint, 1 × ml.g5.xlarge" in labels
    assert "serverless inference" in labels
    # The model and its shadow.
    assert sum(line.label == "endpoint, 1 × ml.m5.large" for line in found.lines if "churn" in line.resource) == 2
    assert list(found.unpriced) == []


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"mode": {"kind": "serverless", "memory_mb": 1500}}, "1024, 2048, 3072, 4096, 5120 or 6144"),
        ({"mode": {"kind": "serverless", "provisioned_concurrency": 50}}, "set max_concurrency to 50 or more"),
        (
            {"mode": {"kind": "serverless"}, "models": [{**FRAUD, "gpus": 1}]},
            "asks for 1 GPUs, and a serverless endpoint has none; set its mode to real-time",
        ),
        ({"models": [{**FRAUD, "gpus": 1}]}, "ml.m5.large has none; set its instance_type to one of the series ml.g"),
        ({"models": [{**FRAUD, "min_replicas": 0}]}, "Set min_replicas to 1 or more, or its mode to serverless"),
        ({"models": [{**FRAUD, "format": "sklearn"}]}, "no server takes; allowed: mlflow"),
        ({"modes": {"other": {"kind": "serverless"}}}, "modes names other, which is no model; allowed: fraud"),
        (
            {
                "mode": {"kind": "asynchronous"},
                "models": [{**FRAUD, "release": {"strategy": "canary"}, "candidate_uri": "artifacts/b"}],
            },
            "has a canary, and an endpoint that is asynchronous has one variant alone; set its mode to real-time",
        ),
        (
            {
                "mode": {"kind": "serverless"},
                "models": [{**FRAUD, "release": {"strategy": "shadow"}, "candidate_uri": "artifacts/b"}],
            },
            "has a shadow",
        ),
        ({"mode": {"kind": "real-time", "instance_type": "m5.large"}}, "an instance type of SageMaker"),
        ({"servers": {"mlflow": "no-tag"}}, "a repository of the platform's registry and a tag"),
    ],
)
def test_what_sagemaker_cannot_do_is_refused(override: Mapping[str, Any], says: str) -> None:
    assert says in refused(override)


def test_an_instance_type_that_is_not_in_the_region_is_refused_with_what_is() -> None:
    message = refused_on_stack({"mode": {"kind": "real-time", "instance_type": "ml.p5.48xlarge"}}, region="eu-west-3")
    assert "model fraud runs on instance_type ml.p5.48xlarge" in message
    assert "SageMaker's endpoints in eu-west-3" in message


def test_an_image_without_a_repository_is_refused() -> None:
    message = refused_on_stack({}, registry={"repositories": ["recommender", "pipelines"]})
    assert "registry.repositories lacks it; add mlflow-pyfunc there" in message


def test_containers_are_refused_with_the_kinds_that_run_them() -> None:
    message = refused_on_stack({}, workloads={"recommender": {}}, ml_platform={"kind": "sagemaker"})
    assert "sagemaker" in message
    assert "kubernetes" in message
    assert json.dumps(message)


def test_names_of_the_longest_models_fit() -> None:
    long: list[Node] = [node for node in stack() if "x" * 40 in node.name and node.type == ENDPOINT]
    assert len(long) == 1
    assert len(long[0].inputs["name"]) <= 63
