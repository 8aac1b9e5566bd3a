"""Seldon Core 2: what runs, what models share, and what its licence says to whoever chooses it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from components.serving.seldon import FORMATS, SeldonServingConfig
from components.serving.seldon.objects import LEFT_OUT
from mlops.capacity.fit import capacity
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph
from policies.engine import judge
from tests.platforms import platform
from tests.support import only, statements

MODEL = "kubernetes:mlops.seldon.io/v1alpha1:Model"
EXPERIMENT = "kubernetes:mlops.seldon.io/v1alpha1:Experiment"
SERVER = "kubernetes:mlops.seldon.io/v1alpha1:Server"
RUNTIME = "kubernetes:mlops.seldon.io/v1alpha1:SeldonRuntime"
RELEASE = "kubernetes:helm.sh/v3:Release"
FRAUD = {"name": "fraud", "storage_uri": "artifacts/mlflow/fraud/3", "max_replicas": 1}
CANARY = {
    **FRAUD,
    "release": {"strategy": "canary", "steps": [{"percent": 10}]},
    "candidate_uri": "artifacts/mlflow/fraud/4",
}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    MODEL: dict.fromkeys(("storageUri", "requirements", "memory", "replicas", "minReplicas", "maxReplicas")),
    EXPERIMENT: dict.fromkeys(("default", "candidates", "mirror", "resourceType")),
    SERVER: dict.fromkeys(
        (
            *("serverConfig", "replicas", "minReplicas", "maxReplicas", "podSpec", "capabilities", "extraCapabilities"),
            *("deploymentStrategy", "disableAutoUpdate", "imageOverrides"),
            "statefulSetPersistentVolumeClaimRetentionPolicy",
        )
    ),
    RUNTIME: dict.fromkeys(("seldonConfig", "overrides", "config", "disableAutoUpdate")),
}
"""Fields of the custom resources. Source: SeldonIO/seldon-core at 7b77f8b78e87, operator/config/crd/bases."""
CAPABILITIES = "mlserver,alibi-detect,alibi-explain,huggingface,lightgbm,mlflow,python,sklearn,spark-mlib,xgboost"
"""`serverConfig.mlserver.serverCapabilities` of the chart's values at v2.10.2."""


@cache
def stack() -> Graph:
    serving = {"kind": "seldon", "servers": 2, "models": [CANARY, {**FRAUD, "name": "churn", "format": "sklearn"}]}
    return platform("dev", {"serving": serving})


def refused(override: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        SeldonServingConfig.model_validate({"models": [FRAUD], **override})
    return str(error.value)


@pytest.mark.parametrize("type_", FIELDS)
def test_every_field_exists_in_the_custom_resource(type_: str) -> None:
    found = stack().of_type(type_)
    assert found
    for node in found:
        assert set(node.inputs["spec"]) <= set(FIELDS[type_]), node.name


def test_every_format_is_one_that_the_pool_loads() -> None:
    assert set(FORMATS) <= set(CAPABILITIES.split(","))


def test_a_model_is_loaded_from_the_lake_by_the_role_of_the_pool() -> None:
    model = only(stack(), MODEL, "serving-fraud").inputs["spec"]
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert model["storageUri"] == f"s3://{bucket}/mlflow/fraud/3"
    assert model["requirements"] == ["mlflow"]
    association = only(stack(), "aws:eks/podIdentityAssociation:PodIdentityAssociation", "serving-identity-association")
    assert association.inputs["serviceAccount"] == "seldon-server"
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "serving-identity-policy").inputs["policy"]
    objects = [where for row in statements(policy) if "s3:GetObject" in row["Action"] for where in row["Resource"]]
    assert {where.partition("/")[2] for where in objects} == {"mlflow/fraud/3/*", "mlflow/fraud/4/*"}


def test_a_canary_is_an_experiment_that_answers_for_the_model() -> None:
    experiment = only(stack(), EXPERIMENT, "serving-fraud-experiment").inputs["spec"]
    assert experiment["default"] == "fraud"
    assert experiment["candidates"] == [{"name": "fraud", "weight": 90}, {"name": "fraud-canary", "weight": 10}]


def test_what_only_pipelines_need_and_what_reports_to_the_vendor_is_left_out() -> None:
    overrides = {row["name"]: row for row in only(stack(), RUNTIME).inputs["spec"]["overrides"]}
    assert all(overrides[part]["disable"] for part in LEFT_OUT)
    assert {overrides[part]["serviceType"] for part in ("seldon-scheduler", "seldon-envoy")} == {"ClusterIP"}
    values = only(stack(), RELEASE, "serving-controller").inputs["values"]
    assert (values["scheduler"]["service"]["type"], values["envoy"]["service"]["type"]) == ("ClusterIP", "ClusterIP")


def test_others_reach_envoy_alone() -> None:
    policies = {
        node.name: node.inputs["spec"]
        for node in stack().of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if node.inputs["metadata"]["namespace"] == "seldon-mesh"
    }
    foreign = {
        name: [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
        for name, spec in policies.items()
        if any("namespaceSelector" in peer for rule in spec.get("ingress") or () for peer in rule["from"])
    }
    assert foreign == {"serving-envoy-network-policy": [9000]}


def test_models_wait_for_the_pool_and_the_pool_for_the_kinds() -> None:
    pool, model = only(stack(), SERVER), only(stack(), MODEL, "serving-fraud")
    assert pool.urn in model.dependencies
    assert only(stack(), RUNTIME).urn in pool.dependencies
    assert only(stack(), RELEASE, "serving-crds").urn in only(stack(), RELEASE, "serving-controller").dependencies


def test_its_pods_are_counted_with_what_the_settings_ask() -> None:
    found = capacity(stack())
    assert not found.not_counted


def test_volumes_of_models_go_with_the_pool() -> None:
    policy = only(stack(), SERVER).inputs["spec"]["statefulSetPersistentVolumeClaimRetentionPolicy"]
    assert policy == {"whenDeleted": "Delete", "whenScaled": "Delete"}


def test_the_recommender_runs_beside_it_as_on_every_cluster() -> None:
    assert stack().stack_outputs["recommenderUrl"]


def test_the_licence_is_said_where_somebody_chooses() -> None:
    assert "Business Source License" in SeldonServingConfig.card.not_for


def test_no_rule_that_every_tier_must_keep_is_broken() -> None:
    assert [(one.rule.id, one.name, one.path) for one in judge(stack(), "dev").blocking] == []


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"models": [{**FRAUD, "format": "onnx"}]}, "which MLServer does not load; allowed: huggingface, lightgbm"),
        ({"models": [{**FRAUD, "gpus": 1}]}, "set its gpus to 0, or serving.kind to kubernetes or sagemaker"),
        ({"models": [{**FRAUD, "min_replicas": 0}]}, "a model is loaded at all times; set it to 1"),
        ({"models": [{**FRAUD, "max_replicas": 3}]}, "set servers to 3, or lower max_replicas"),
        ({"models": [CANARY, {**FRAUD, "name": "fraud-canary"}]}, "the name of the canary of fraud; rename it"),
    ],
)
def test_what_the_pool_cannot_do_is_refused(override: Mapping[str, Any], says: str) -> None:
    assert says in refused(override)


def test_a_node_group_that_is_not_there_is_refused() -> None:
    config = SeldonServingConfig(node_group="models")
    [sentence] = config.conflicts(StackFacts(region="us-east-1", zones=2, gpus=False))
    assert "the pool of model servers goes to node group models, which the cluster does not have" in sentence


def test_without_a_cluster_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(Exception, match="serving is seldon, which runs on a cluster, and this stack has none"):
        platform("dev", {"cluster": None, "database": None, "ml_platform": None, "serving": {"kind": "seldon"}})
