"""The reference workload in the cloud: as whom its parts run, what they may do, and when they take requests."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.workloads.recommender import RecommenderConfig
from mlops.plan.graph import Graph
from mlops.plan.workloads import workloads
from tests.components.cluster_stack import waits_for
from tests.platforms import platform, tier_graph
from tests.support import only, statements

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POLICY = "aws:iam/rolePolicy:RolePolicy"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
PARTS = ("recommender", "pipelines")
NAME = "serving-workload"


def dev(**settings: Any) -> Graph:
    """The platform of tier dev with differences in the workload's settings."""
    return platform("dev", {"workloads": {"recommender": settings}}) if settings else tier_graph("dev")


def pod(graph: Graph, part: str) -> dict[str, Any]:
    spec: dict[str, Any] = only(graph, DEPLOYMENT, f"{NAME}-{part}").inputs["spec"]["template"]["spec"]
    return spec


def container(graph: Graph, part: str) -> dict[str, Any]:
    found: dict[str, Any] = pod(graph, part)["containers"][0]
    return found


def variables(graph: Graph, part: str) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(graph, part)["env"]}


def allowed(graph: Graph, part: str) -> set[tuple[str, str]]:
    """Action and resource of everything that a part's role may do."""
    document = only(graph, POLICY, f"{NAME}-{part}-identity-policy").inputs["policy"]
    return {(action, arn) for one in statements(document) for action in one["Action"] for arn in one["Resource"]}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_the_image_of_the_platforms_own_registry(part: str) -> None:
    url = tier_graph("dev").stack_outputs["registry"][part]
    assert container(dev(), part)["image"] == f"{url}:0.1.0"
    assert container(dev(image_tag="1.2.3"), part)["image"] == f"{url}:1.2.3"


def test_a_plan_says_where_each_part_runs_and_as_whom() -> None:
    rows = {f"{one.namespace}/{one.name}": one for one in workloads(tier_graph("dev"))}
    recommender, loop = rows["recommender/recommender"], rows["recommender/pipelines"]
    assert (recommender.kind, recommender.replicas, recommender.module) == ("Deployment", "1-3", "serving")
    assert recommender.role == f"{NAME}-recommender-identity-role"
    assert (loop.replicas, loop.role) == ("1", f"{NAME}-pipelines-identity-role")
    assert rows["mlflow/mlflow"].role == "ml-platform-identity-role"


def test_the_recommender_reads_models_and_rules_writes_events_leaves_what_it_showed_and_does_nothing_else() -> None:
    graph = dev()
    outputs = graph.stack_outputs
    granted = allowed(graph, "recommender")
    artifacts, raw = (f"arn:aws:s3:::{outputs['buckets'][zone]}" for zone in ("artifacts", "raw"))
    assert {(action, arn) for action, arn in granted if action.startswith("s3:")} == {
        ("s3:GetObject", f"{artifacts}/mlflow/*"),
        ("s3:GetObject", f"{artifacts}/serving/*"),
        ("s3:ListBucket", artifacts),
        ("s3:GetBucketLocation", artifacts),
        ("s3:PutObject", f"{raw}/delivered/recommender/*"),
        ("s3:AbortMultipartUpload", f"{raw}/delivered/recommender/*"),
    }
    assert "kms:GenerateDataKey" in {action for action, _ in granted}
    assert "kinesis:PutRecords" in {action for action, _ in granted}
    assert "kinesis:GetRecords" not in {action for action, _ in granted}
    assert variables(graph, "recommender")["MLOPS_BUCKET_RAW"] == outputs["buckets"]["raw"]
    assert variables(graph, "recommender")["MLOPS_BUCKET_ARTIFACTS"] == outputs["buckets"]["artifacts"]


def test_how_a_new_model_takes_over_reaches_both_parts_whole() -> None:
    graph = dev(release={"strategy": "canary", "significance": 0.01})
    for part in PARTS:
        told = json.loads(variables(graph, part)["MLOPS_RELEASE"])
        assert (told["strategy"], told["significance"]) == ("canary", 0.01)
    assert json.loads(variables(dev(), "pipelines")["MLOPS_RELEASE"])["strategy"] == "rolling"


def test_the_loop_reads_events_and_can_erase_a_person_from_every_zone_of_the_lake() -> None:
    graph = dev()
    granted = allowed(graph, "pipelines")
    for bucket in graph.stack_outputs["buckets"].values():
        assert ("s3:DeleteObjectVersion", f"arn:aws:s3:::{bucket}/*") in granted
        assert ("s3:ListBucketVersions", f"arn:aws:s3:::{bucket}") in granted
    assert "kinesis:GetRecords" in {action for action, _ in granted}
    assert "kinesis:PutRecords" not in {action for action, _ in granted}


def test_both_read_their_settings_from_the_platforms_outputs_and_secrets_by_reference() -> None:
    graph = dev()
    outputs = graph.stack_outputs
    for part in PARTS:
        found = variables(graph, part)
        assert found["MLFLOW_TRACKING_URI"] == outputs["trackingUrl"]
        assert found["MLOPS_STREAM"] == outputs["stream"]
        for key in ("MLOPS_ADMIN_TOKEN", "MLOPS_PII_SALT"):
            assert found[key] == {"secretKeyRef": {"name": "pipelines", "key": key}}
    loop = variables(graph, "pipelines")
    assert loop["MLOPS_SERVING_URL"] == outputs["recommenderUrl"]
    assert {zone: loop[f"MLOPS_BUCKET_{zone.upper()}"] for zone in outputs["buckets"]} == outputs["buckets"]


def test_workflows_of_the_loop_find_the_settings_the_account_and_the_secret_that_they_name() -> None:
    graph = dev()
    settings = only(graph, "kubernetes:core/v1:ConfigMap", f"{NAME}-settings").inputs
    assert (settings["metadata"]["name"], settings["metadata"]["namespace"]) == ("pipelines", "recommender")
    assert {"MLOPS_BUCKET_RAW", "MLOPS_STREAM", "MLFLOW_TRACKING_URI", "AWS_REGION"} <= set(settings["data"])
    assert only(graph, "kubernetes:core/v1:ServiceAccount", f"{NAME}-pipelines-service-account")
    made = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", f"{NAME}-secret").inputs
    assert made["spec"]["target"]["name"] == "pipelines"


def test_the_first_up_waits_neither_for_an_image_nor_for_a_model() -> None:
    graph = dev()
    assert container(graph, "recommender")["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container(graph, "recommender")["livenessProbe"]["httpGet"]["path"] == "/health"
    for type_, name in (
        (DEPLOYMENT, "recommender"),
        (DEPLOYMENT, "pipelines"),
        ("kubernetes:core/v1:Service", "service"),
    ):
        assert only(graph, type_, f"{NAME}-{name}").inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


@pytest.mark.parametrize("part", PARTS)
def test_a_pod_is_closed_before_it_starts_and_has_its_rights(part: str) -> None:
    graph = dev()
    deployment = only(graph, DEPLOYMENT, f"{NAME}-{part}")
    assert waits_for(graph, deployment, only(graph, NETWORK_POLICY, f"{NAME}-{part}-network-policy"))
    assert waits_for(graph, deployment, only(graph, POLICY, f"{NAME}-{part}-identity-policy"))
    assert pod(graph, part)["automountServiceAccountToken"] is False
    assert container(graph, part)["securityContext"]["readOnlyRootFilesystem"] is True


def test_what_else_is_started_beside_them_reaches_no_more_than_aws() -> None:
    spec = only(dev(), NETWORK_POLICY, f"{NAME}-network-policy").inputs["spec"]
    assert spec["podSelector"] in ({}, {"matchLabels": {}})
    assert spec["ingress"] == []
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53, 80, 443}


def test_several_replicas_lie_apart_and_are_not_drained_together() -> None:
    graph = dev(min_replicas=2, max_replicas=2)
    assert only(graph, DEPLOYMENT, f"{NAME}-recommender").inputs["spec"]["replicas"] == 2
    assert pod(graph, "recommender")["topologySpreadConstraints"]
    assert only(graph, "kubernetes:policy/v1:PodDisruptionBudget", f"{NAME}-disruption-budget")
    assert not [node for node in graph if node.name == f"{NAME}-autoscaler"]


def test_without_a_stream_it_answers_and_takes_no_events() -> None:
    graph = platform("dev", {"data_pipeline": None})
    assert "MLOPS_STREAM" not in variables(graph, "recommender")
    assert not [node for node in graph if node.name.startswith(f"{NAME}-pipelines")]


def test_the_loop_reads_whatever_the_data_pipeline_is() -> None:
    graph = platform("dev", {"data_pipeline": {"kind": "kafka"}})
    loop = variables(graph, "pipelines")
    assert (loop["MLOPS_STREAM_PROTOCOL"], loop["MLOPS_STREAM"]) == ("kafka", "events")
    assert loop["MLOPS_STREAM_ENDPOINT"] == graph.stack_outputs["streamEndpoint"]
    assert "kafka-cluster:ReadData" in {action for action, _ in allowed(graph, "pipelines")}
    assert "kafka-cluster:ReadData" not in {action for action, _ in allowed(graph, "recommender")}
    ports = only(graph, NETWORK_POLICY, f"{NAME}-pipelines-network-policy").inputs["spec"]["egress"]
    assert 9098 in {port["port"] for rule in ports for port in rule["ports"]}


def test_a_stack_file_of_before_is_told_where_the_setting_has_gone() -> None:
    with pytest.raises(Exception, match=r"Move it, as it is, to workloads\.recommender"):
        platform("dev", {"serving": {"recommender": {"cpu": "1"}}})


def test_without_a_model_registry_or_on_request_there_is_none() -> None:
    for override in ({"ml_platform": None}, {"workloads": {"recommender": None}}):
        graph = platform("dev", override)
        assert not [node for node in graph if node.name.startswith(NAME)]
        assert "recommenderUrl" not in graph.stack_outputs


def test_a_registry_without_its_repositories_is_refused_with_what_to_do() -> None:
    with pytest.raises(Exception, match=r"registry\.repositories lacks pipelines; add it there, or set it to null"):
        platform("dev", {"registry": {"repositories": ["recommender"]}})


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(ValidationError, match="set max_replicas to 5 or more"):
        RecommenderConfig(min_replicas=5)
