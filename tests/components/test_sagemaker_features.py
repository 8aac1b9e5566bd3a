"""SageMaker's feature groups and its Model Monitor, held against SageMaker's own service model."""

from typing import Any

import pytest

from components.features import views
from components.model_monitoring.sagemaker import every
from mlops.plan.graph import Graph
from tests import aws_api
from tests.components.test_containers import refused
from tests.platforms import platform
from tests.support import only, statements

GROUP = "aws:sagemaker/featureGroup:FeatureGroup"
DEFINITION = "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition"
SCHEDULE = "aws:sagemaker/monitoringSchedule:MonitoringSchedule"
POLICY = "aws:iam/rolePolicy:RolePolicy"
FRAUD = {"name": "fraud", "storage_uri": "artifacts/mlflow/fraud/3", "format": "mlflow"}
WITHOUT_A_CLUSTER: dict[str, Any] = {
    "cluster": None,
    "database": None,
    "ml_platform": {"kind": "sagemaker", "studio": None},
    "serving": {"kind": "sagemaker", "models": [FRAUD], "mode": {"kind": "real-time", "capture_percent": 20}},
    "registry": {"repositories": ["recommender", "pipelines", "mlflow-pyfunc"]},
    "workloads": {"recommender": None},
    "feature_store": {"kind": "sagemaker", "online_days": 3},
    "model_monitoring": {"kind": "sagemaker", "every_hours": 6},
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return platform("dev", WITHOUT_A_CLUSTER)


def test_a_group_is_made_for_each_view_that_the_loop_computes(graph: Graph) -> None:
    groups = {node.inputs["featureGroupName"]: node.inputs for node in graph.of_type(GROUP)}
    assert groups.keys() == {f"mlops-test-{view.name.replace('_', '-')}" for view in views()}
    for view in views():
        group = groups[f"mlops-test-{view.name.replace('_', '-')}"]
        assert [one["featureName"] for one in group["featureDefinitions"]] == list(view.columns)
        assert group["recordIdentifierFeatureName"] == view.key
        assert group["onlineStoreConfig"]["ttlDuration"] == {"unit": "Days", "value": 3}
        assert group["offlineStoreConfig"]["s3StorageConfig"]["s3Uri"].endswith(f"/sagemaker/{view.name}")


@pytest.mark.skipif(aws_api.DATA is None, reason=aws_api.MISSING)
def test_the_api_takes_every_group_and_every_look(graph: Graph) -> None:
    for node in graph.of_type(GROUP):
        assert aws_api.refusals("sagemaker", "CreateFeatureGroup", node.inputs) == [], node.name
    renamed = {"name": "jobDefinitionName"}
    for node in graph.of_type(DEFINITION):
        inputs = {**node.inputs, "jobDefinitionName": node.outputs["name"]}
        outputs = inputs["dataQualityJobOutputConfig"]
        # Ours to write is one output; the API has a list.
        inputs["dataQualityJobOutputConfig"] = {**outputs, "monitoringOutputs": [outputs["monitoringOutputs"]]}
        inputs.pop("name", None)
        assert aws_api.refusals("sagemaker", "CreateDataQualityJobDefinition", inputs, renamed) == [], node.name
    for node in graph.of_type(SCHEDULE):
        inputs = {**node.inputs, "monitoringScheduleName": node.outputs["name"]}
        inputs.pop("name", None)
        assert aws_api.refusals("sagemaker", "CreateMonitoringSchedule", inputs) == [], node.name


def test_without_a_cluster_pipelines_write_features_and_no_job_does(graph: Graph) -> None:
    rows = statements(only(graph, POLICY, "feature-store-jobs-policy").inputs["policy"])
    groups = {node.outputs["arn"] for node in graph.of_type(GROUP)}
    assert {one for row in rows if "sagemaker:PutRecord" in row["Action"] for one in row["Resource"]} == groups
    assert not graph.of_type("kubernetes:batch/v1:CronJob")


def test_with_a_cluster_a_job_brings_them_online() -> None:
    found = platform("dev", {"feature_store": {"kind": "sagemaker"}})
    job = only(found, "kubernetes:batch/v1:CronJob", "feature-store-materialize").inputs["spec"]
    container = job["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert (told["MLOPS_FEATURES_ONLINE"], told["MLOPS_FEATURES_PREFIX"]) == ("sagemaker", "mlops-test-")
    rows = statements(only(found, POLICY, "feature-store-materialize-identity-policy").inputs["policy"])
    actions = {action for row in rows for action in row["Action"]}
    assert "sagemaker:PutRecord" in actions
    assert "sagemaker:GetRecord" not in actions


def test_who_reads_features_may_not_write_them_and_the_other_way_round() -> None:
    containers = [
        {"name": "reader", "image": "fraud:1.0.0", "grants": ["read features"]},
        {"name": "writer", "image": "fraud:1.0.0", "grants": ["write features"]},
    ]
    given = {
        "registry": {"repositories": ["recommender", "pipelines", "fraud"]},
        "workloads": {"containers": containers},
    }
    found = platform("dev", {**given, "feature_store": {"kind": "sagemaker"}, "serving": {"kind": "ecs"}})
    actions = {
        name: {
            action
            for node in found.of_type(POLICY)
            if node.name.startswith(f"serving-{name}")
            for row in statements(node.inputs["policy"])
            for action in row["Action"]
            if action.startswith("sagemaker:")
        }
        for name in ("reader", "writer")
    }
    assert actions == {
        "reader": {"sagemaker:GetRecord", "sagemaker:BatchGetRecord"},
        "writer": {"sagemaker:PutRecord"},
    }


def test_a_look_is_at_the_endpoint_and_waits_for_it(graph: Graph) -> None:
    definition = only(graph, DEFINITION)
    endpoint = only(graph, "aws:sagemaker/endpoint:Endpoint")
    given = definition.inputs["dataQualityJobInput"]["endpointInput"]
    assert given["endpointName"] == endpoint.outputs["name"]
    assert endpoint.urn in definition.dependencies
    image = definition.inputs["dataQualityAppSpecification"]["imageUri"]
    assert image == "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
    schedule = only(graph, SCHEDULE).inputs["monitoringScheduleConfig"]
    assert schedule["monitoringJobDefinitionName"] == definition.outputs["name"]
    assert schedule["scheduleConfig"] == {"scheduleExpression": "cron(0 0/6 ? * * *)"}


@pytest.mark.parametrize(("hours", "cron"), [(1, "cron(0 * ? * * *)"), (24, "cron(0 3 ? * * *)")])
def test_looks_are_as_far_apart_as_is_asked_for(hours: int, cron: str) -> None:
    assert every(hours) == cron


def test_a_look_reads_what_was_captured_and_writes_reports_alone(graph: Graph) -> None:
    rows = statements(only(graph, POLICY, "model-monitoring-policy").inputs["policy"])
    paths = {
        action: {one.partition("/")[2] for row in rows if action in row["Action"] for one in row["Resource"]}
        for action in ("s3:GetObject", "s3:PutObject")
    }
    assert paths["s3:PutObject"] == {"monitoring/sagemaker/*"}
    assert {"captured/*", "baselines/*"} <= paths["s3:GetObject"]


MONITOR = WITHOUT_A_CLUSTER["model_monitoring"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"model_monitoring": MONITOR},
            "which works with serving of the kind sagemaker, and serving is kubernetes; choose one for serving",
        ),
        (
            {
                **WITHOUT_A_CLUSTER,
                "model_monitoring": {**MONITOR, "models": ["fraud"]},
                "serving": {**WITHOUT_A_CLUSTER["serving"], "mode": {"kind": "real-time"}},
            },
            "model fraud is to be looked at, and no endpoint captures its requests; captured are none",
        ),
        (
            {**WITHOUT_A_CLUSTER, "model_monitoring": {**MONITOR, "instance_type": "ml.wonder.large"}},
            "instance_type",
        ),
        (
            {**WITHOUT_A_CLUSTER, "feature_store": {"kind": "sagemaker", "online_days": 0}},
            "feature_store.online_days is 0",
        ),
        (
            {"feature_store": {"kind": "sagemaker", "job": {"image": "other:1.0.0"}}},
            "the job of the feature store runs the image other:1.0.0, and registry.repositories lacks other",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert words in refused(settings)
