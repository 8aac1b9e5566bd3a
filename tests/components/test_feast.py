"""Feast on the cluster: registry, tables or the cache, the job, the server, and who may ask it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.features import FILE, MOMENT, views
from mlops.plan.graph import Graph
from tests.components.test_containers import refused
from tests.platforms import ROOT, platform
from tests.support import only, statements

TABLE = "aws:dynamodb/table:Table"
DEPLOYMENT, CRON = "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:CronJob"
NAMESPACE, NETWORK = "kubernetes:core/v1:Namespace", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
FEAST = {"kind": "feast"}
ASKS = {"name": "fraud", "image": "fraud:1.0.0", "grants": ["read features"]}
REGISTRY = {"repositories": ["recommender", "pipelines", "fraud"]}


@cache
def stack(online: str = "dynamodb") -> Graph:
    given: dict[str, Any] = {"registry": REGISTRY, "workloads": {"containers": [ASKS]}}
    given["feature_store"] = {"kind": "feast", "online": online, "min_replicas": 2, "protect": True}
    return platform("dev", {**given, "cache": {"kind": "valkey"}} if online == "valkey" else given)


def pod(graph: Graph, name: str) -> dict[str, Any]:
    """The pod of the server, or of the job."""
    if name == "server":
        found = only(graph, DEPLOYMENT, "feature-store-server").inputs["spec"]["template"]
    else:
        found = only(graph, CRON, "feature-store-materialize").inputs["spec"]["jobTemplate"]["spec"]["template"]
    made: dict[str, Any] = found["spec"]
    return made


def variables(graph: Graph, name: str) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod(graph, name)["containers"][0]["env"]}


def rights(graph: Graph, name: str) -> dict[str, list[str]]:
    """Action -> the resources that the role of the server or the job may use it on."""
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", f"feature-store-{name}-identity-policy")
    rows = statements(policy.inputs["policy"])
    return {action: row["Resource"] for row in rows for action in row["Action"]}


def test_a_table_is_made_for_each_view_that_the_loop_computes_and_is_encrypted() -> None:
    tables = {node.inputs["name"]: node for node in stack().of_type(TABLE)}
    assert tables.keys() == {f"mlops-test-{view.name}" for view in views()}
    for node in tables.values():
        assert (node.inputs["hashKey"], node.inputs["ttl"]["attributeName"]) == ("entity_id", "expires")
        assert node.inputs["serverSideEncryption"]["kmsKeyArn"]
        assert node.protect
    assert not stack("valkey").of_type(TABLE)


def test_the_definition_is_the_loops_own_file() -> None:
    assert FILE.relative_to(ROOT) == Path("services/pipelines/feature_views.json")
    assert [view.name for view in views()] == [row["name"] for row in json.loads(FILE.read_text())["views"]]
    assert list(views()[0].columns) == ["user_id", MOMENT, "events", "purchases", "favourite_category", "age_band"]


@pytest.mark.parametrize("name", ["server", "materialize"])
def test_the_registrys_address_comes_from_a_secret_of_the_namespace(name: str) -> None:
    held = variables(stack(), name)["MLOPS_FEATURES_REGISTRY"]
    assert held["secretKeyRef"] == {"name": "feast-database", "key": "uri"}


def test_the_server_reads_and_the_job_writes_and_neither_does_more() -> None:
    tables = {node.outputs["arn"] for node in stack().of_type(TABLE)}
    server, job = rights(stack(), "server"), rights(stack(), "materialize")
    assert set(server["dynamodb:BatchGetItem"]) == set(job["dynamodb:BatchWriteItem"]) == tables
    assert "dynamodb:BatchWriteItem" not in server
    assert not [action for action in server if action.startswith(("s3:", "cloudwatch:"))]
    assert not [action for action in job if action in ("s3:PutObject", "s3:DeleteObject", "dynamodb:BatchGetItem")]
    assert all("-features" in resource for resource in job["s3:GetObject"])


def test_in_the_cache_both_log_in_by_their_role_over_tls() -> None:
    graph = stack("valkey")
    user = only(graph, "aws:elasticache/user:User").inputs["userName"]
    for name in ("server", "materialize"):
        told = variables(graph, name)
        assert told["MLOPS_CACHE_URL"].startswith("rediss://")
        assert told["MLOPS_CACHE_USER"] == user
        assert told["MLOPS_CACHE"] == only(graph, "aws:elasticache/serverlessCache:ServerlessCache").inputs["name"]
        assert "elasticache:Connect" in rights(graph, name)


def test_the_job_runs_by_the_clock_never_beside_itself_and_comes_to_an_end() -> None:
    spec = only(stack(), CRON, "feature-store-materialize").inputs["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/15 * * * *", "Forbid")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1800
    template = pod(stack(), "materialize")
    assert template["restartPolicy"] == "Never"
    assert template["containers"][0]["args"] == ["materialize"]
    assert "ports" not in template["containers"][0]


def test_its_figures_go_where_alarms_look_and_nowhere_else() -> None:
    told = variables(stack(), "materialize")
    assert (told["MLOPS_METRICS_NAMESPACE"], told["MLOPS_METRICS_STACK"]) == ("MLOps/Features", "mlops-test")
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "feature-store-materialize-identity-policy")
    (row,) = (row for row in statements(policy.inputs["policy"]) if "cloudwatch:PutMetricData" in row["Action"])
    assert row["Condition"] == {"StringEquals": {"cloudwatch:namespace": "MLOps/Features"}}


def test_features_that_are_an_hour_old_raise_an_alarm() -> None:
    graph = platform("dev", {"feature_store": {"kind": "feast"}, "monitoring": {"kind": "cloudwatch"}})
    alarm = only(graph, "aws:cloudwatch/metricAlarm:MetricAlarm", "monitoring-watch-features-feature-age-seconds")
    assert (alarm.inputs["threshold"], alarm.inputs["comparisonOperator"]) == (3600, "GreaterThanThreshold")
    assert alarm.inputs["dimensions"] == {"Stack": "mlops-test"}


def test_who_may_read_features_is_told_where_and_let_in() -> None:
    graph = stack()
    spec = only(graph, DEPLOYMENT, "serving-fraud-service").inputs["spec"]["template"]["spec"]
    told = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
    assert told["MLOPS_FEATURES_URL"] == "http://feast.feast.svc.cluster.local:6566"
    assert told["MLOPS_FEATURES_URL"] == graph.stack_outputs["featureStore"]
    label = {"mlops.platform/features": "allowed"}
    room = only(graph, NAMESPACE, "serving-fraud-namespace").inputs["metadata"]
    assert label.items() <= room["labels"].items()
    ingress = only(graph, NETWORK, "feature-store-server-network-policy").inputs["spec"]["ingress"]
    peers = [peer.get("namespaceSelector", {}) for rule in ingress for peer in rule["from"]]
    assert {"matchLabels": label} in peers
    egress = only(graph, NETWORK, "serving-fraud-service-network-policy").inputs["spec"]["egress"]
    assert [6566] in [[port["port"] for port in rule["ports"]] for rule in egress]


def test_others_are_not_let_in() -> None:
    room = only(stack(), NAMESPACE, "serving-workload-namespace").inputs["metadata"]
    assert "mlops.platform/features" not in room["labels"]


def test_servers_are_spread_drained_one_by_one_and_asked_whether_they_are_ready() -> None:
    server = pod(stack(), "server")
    assert {one["topologyKey"] for one in server["topologySpreadConstraints"]} >= {"topology.kubernetes.io/zone"}
    assert stack().of_type("kubernetes:policy/v1:PodDisruptionBudget")
    container = server["containers"][0]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": 6566}
    template = only(stack(), DEPLOYMENT, "feature-store-server").inputs["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "8000"


OUTSIDE = {"serving": {"kind": "ecs"}, "registry": REGISTRY, "workloads": {"containers": [ASKS]}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"feature_store": {**FEAST, "online": "valkey"}}, "this stack has no cache; add `cache: {kind: valkey}`"),
        (
            {
                "feature_store": FEAST,
                "serving": {"kind": "ecs"},
                "registry": REGISTRY,
                "workloads": {"containers": [ASKS]},
            },
            "feature_store is feast, which is reached from the cluster alone, while the container runs outside",
        ),
        (
            {"feature_store": FEAST, "registry": {"repositories": ["recommender"]}, "workloads": {"recommender": None}},
            "registry.repositories lacks pipelines",
        ),
        ({"feature_store": {**FEAST, "node_group": "gold"}}, "Feast's server goes to node group gold"),
        ({"feature_store": {**FEAST, "job": {"node_group": "gold"}}}, "the job of Feast goes to node group gold"),
        ({"feature_store": {**FEAST, "materialize_minutes": 45}}, "feature_store.materialize_minutes is 45"),
        ({"feature_store": {**FEAST, "min_replicas": 4}}, "max_replicas"),
        ({"feature_store": FEAST, "database": None, "ml_platform": None}, "runs on a database"),
        (
            {"registry": REGISTRY, "workloads": {"containers": [ASKS]}},
            "fraud is to read features, and this stack has no feature_store",
        ),
        (
            {
                "feature_store": FEAST,
                "registry": REGISTRY,
                "workloads": {"containers": [{**ASKS, "grants": ["write features"]}]},
            },
            "fraud is to write features, and feature_store is feast, which grants containers read features",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert words in refused(settings)
