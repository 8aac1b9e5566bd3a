"""Jobs by the clock: Great Expectations' checkpoints and Evidently's reports."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Graph
from mlops.plan.workloads import workloads
from tests.components.test_containers import refused
from tests.platforms import platform
from tests.support import only, statements

CRON = "kubernetes:batch/v1:CronJob"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ORDERS = {
    "name": "orders",
    "zone": "curated",
    "folder": "orders",
    "file": None,
    "within_hours": 24,
    "suite": "expectations/orders.json",
    "least_percent": 99,
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    checks = {"kind": "great_expectations", "checkpoints": [ORDERS], "every_hours": 6}
    return platform("dev", {"data_quality": checks, "model_monitoring": {"kind": "evidently", "keep_days": 30}})


def container(graph: Graph, name: str) -> dict[str, Any]:
    spec = only(graph, CRON, name).inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def told(graph: Graph, name: str) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container(graph, name)["env"]}


def rights(graph: Graph, name: str) -> dict[str, list[str]]:
    rows = statements(only(graph, POLICY, f"{name}-identity-policy").inputs["policy"])
    return {action: row["Resource"] for row in rows for action in row["Action"]}


def test_what_is_checked_is_what_the_settings_say(graph: Graph) -> None:
    assert json.loads(told(graph, "data-quality-checkpoints")["MLOPS_CHECKPOINTS"]) == [ORDERS]
    assert container(graph, "data-quality-checkpoints")["args"] == ["checkpoint"]
    assert only(graph, CRON, "data-quality-checkpoints").inputs["spec"]["schedule"] == "20 */6 * * *"


def test_a_check_reads_its_zone_and_suites_and_writes_reports_alone(graph: Graph) -> None:
    found = rights(graph, "data-quality-checkpoints")
    (written,) = found["s3:PutObject"]
    assert "-curated-" in written
    assert written.endswith("/quality/checkpoints/*")
    assert {one.partition("/")[2] for one in found["s3:GetObject"]} == {"*", "expectations/*"}
    assert "s3:DeleteObject" not in found


def test_a_report_says_how_long_it_is_kept_and_is_about_the_model_that_the_registry_names(graph: Graph) -> None:
    assert container(graph, "model-monitoring-reports")["args"] == ["report", "--keep-days", "30"]
    assert told(graph, "model-monitoring-reports")["MLFLOW_TRACKING_URI"] == graph.stack_outputs["trackingUrl"]
    written = rights(graph, "model-monitoring-reports")["s3:PutObject"]
    assert [one.partition("/")[2] for one in written] == ["monitoring/*"]


def test_what_may_reach_the_registry_is_labelled_so(graph: Graph) -> None:
    labels = only(graph, "kubernetes:core/v1:Namespace", "model-monitoring-namespace").inputs["metadata"]["labels"]
    assert labels["mlops.platform/tracking"] == "allowed"


def test_jobs_are_listed_with_their_role_and_when_they_run(graph: Graph) -> None:
    found = {one.name: one for one in workloads(graph) if one.kind == "CronJob"}
    assert found["great-expectations"].replicas == "20 */6 * * *"
    assert found["evidently"].role == "model-monitoring-reports-identity-role"


def test_bad_tables_and_moved_events_raise_alarms() -> None:
    modules = {"data_quality": {"kind": "great_expectations"}, "model_monitoring": {"kind": "evidently"}}
    alarms = platform("dev", {**modules, "monitoring": {"kind": "cloudwatch"}})
    found = {node.name: node.inputs for node in alarms.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    quality = found["monitoring-watch-checkpoint-user-features-quality-percent"]
    assert (quality["threshold"], quality["comparisonOperator"]) == (95, "LessThanThreshold")
    assert quality["dimensions"] == {"Stack": "mlops-test", "Checkpoint": "user-features"}
    assert found["monitoring-watch-reports-drift-percent"]["namespace"] == "MLOps/Models"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data_quality": {"kind": "great_expectations", "checkpoints": []}}, "data_quality.checkpoints"),
        ({"data_quality": {"kind": "great_expectations", "checkpoints": [ORDERS, ORDERS]}}, "orders"),
        (
            {"data_quality": {"kind": "great_expectations", "checkpoints": [{**ORDERS, "suite": "/etc/passwd"}]}},
            "a suite in the zone of artifacts, below expectations/",
        ),
        (
            {"data_quality": {"kind": "great_expectations", "checkpoints": [{**ORDERS, "file": "orders.xlsx"}]}},
            "a file of Parquet or CSV",
        ),
        (
            {"data_quality": {"kind": "great_expectations", "job": {"node_group": "gold"}}},
            "the job of Great Expectations goes to node group gold",
        ),
        (
            {"model_monitoring": {"kind": "evidently"}, "ml_platform": None},
            "which works with a module for ml_platform, and ml_platform is empty",
        ),
        ({"model_monitoring": {"kind": "evidently", "every_hours": 0}}, "model_monitoring.every_hours is 0"),
        (
            {
                "model_monitoring": {"kind": "evidently"},
                "cluster": None,
                "ml_platform": {"kind": "sagemaker"},
                "serving": None,
                "database": None,
                "workloads": {"recommender": None},
            },
            "model_monitoring is evidently, which runs on a cluster, and this stack has none",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert words in refused(settings)
