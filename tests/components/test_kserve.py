"""Models on KServe as those who serve and ask them notice it."""

import json
from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.serving.kubernetes import KubernetesServingConfig
from components.serving.kubernetes.kserve import RUNTIMES
from mlops.core import versions
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph, Node
from tests.components.cluster_stack import waits_for
from tests.foundations import foundation, module_options
from tests.support import names, only, recorded, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
SERVICE = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
GRAPH = "kubernetes:serving.kserve.io/v1alpha1:InferenceGraph"
KNATIVE = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"

FRAUD = {"name": "fraud", "storage_uri": "artifacts/mlflow/1/models/m-1/artifacts"}
CANARY = {
    **FRAUD,
    "release": {"strategy": "canary", "steps": [{"percent": 10}]},
    "candidate_uri": "artifacts/mlflow/1/models/m-2/artifacts",
}


def kserve(*models: dict[str, Any], **settings: Any) -> Graph:
    """The graph of KServe with these models."""
    return _kserve(json.dumps({"models": models, **settings}))


@cache
def _kserve(settings: str) -> Graph:
    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=False)
        config = KubernetesServingConfig.model_validate_json(settings)
        config.build("serving", base, None, module_options(base, opts))

    return recorded(build)


def endpoints(graph: Graph) -> dict[str, str]:
    """Where the models answer."""
    published: dict[str, str] = only(graph, "mlops:index:KubernetesServing").outputs["endpoints"]
    return published


def predictor(graph: Graph, name: str = "serving-fraud") -> dict[str, Any]:
    """What runs for a model."""
    spec: dict[str, Any] = only(graph, SERVICE, name).inputs["spec"]["predictor"]
    return spec


def rights(graph: Graph) -> list[dict[str, Any]]:
    """What the models' role may do."""
    return statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "serving-identity-policy").inputs["policy"])


def refusal(*models: dict[str, Any], **settings: Any) -> str:
    """The sentence with which settings are refused."""
    with pytest.raises(ValidationError) as caught:
        KubernetesServingConfig.model_validate({"models": models, **settings})
    return str(caught.value)


def release(graph: Graph, role: str) -> Node:
    """One of the charts."""
    return only(graph, RELEASE, f"serving-kserve-{role}")


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_a_model_answers_under_its_own_name_inside_the_cluster(mode: str) -> None:
    graph = kserve(FRAUD, mode=mode)
    assert endpoints(graph) == {"fraud": "http://fraud-predictor.models.svc.cluster.local"}
    labels = only(graph, SERVICE).inputs["metadata"]["labels"]
    assert set(labels.values()) == {"cluster-local"}
    assert only(graph, SERVICE).inputs["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == mode


def test_a_platform_without_models_has_kserve_ready_for_them() -> None:
    graph = kserve()
    assert endpoints(graph) == {}
    assert not graph.of_type(SERVICE)
    assert release(graph, "runtimes").inputs["values"]["kserve"]["servingruntime"]["enabled"] is True


def test_charts_come_in_their_order_at_their_pinned_versions() -> None:
    graph = kserve(FRAUD)
    crds, controller, runtimes = (release(graph, role) for role in ("crds", "controller", "runtimes"))
    pinned = (versions.KSERVE_CRD, versions.KSERVE_RESOURCES, versions.KSERVE_RUNTIMES)
    for node, chart in zip((crds, controller, runtimes), pinned, strict=True):
        assert (node.inputs["chart"], node.inputs["version"]) == (chart.name, chart.version)
    assert waits_for(graph, controller, crds)
    assert waits_for(graph, runtimes, controller)
    assert waits_for(graph, only(graph, SERVICE), runtimes)


def test_certificates_can_be_had_before_the_first_webhook() -> None:
    graph = kserve()
    certificates = next(node for node in graph if node.name == "cluster-base-cert-manager")
    assert waits_for(graph, release(graph, "controller"), certificates)


def test_models_go_while_the_controller_that_cleans_up_after_them_still_runs() -> None:
    graph = kserve(FRAUD)
    space = next(node for node in graph if node.name == "serving-namespace")
    assert waits_for(graph, space, release(graph, "controller"))


def test_standard_brings_no_istio_and_makes_no_ingress() -> None:
    graph = kserve(FRAUD)
    assert not [name for name in names(graph, RELEASE) if "knative" in name]
    values = release(graph, "controller").inputs["values"]["kserve"]["controller"]
    assert values["deploymentMode"] == "Standard"
    assert values["gateway"]["disableIngressCreation"] is True
    assert values["gateway"]["disableIstioVirtualHost"] is True


def test_knative_stands_before_the_controller_that_looks_for_it_once() -> None:
    graph = kserve(FRAUD, mode="Knative")
    serving = only(graph, KNATIVE)
    for name in ("operator", "istiod", "gateway"):
        assert waits_for(graph, serving, only(graph, RELEASE, f"serving-kserve-knative-{name}"))
    assert waits_for(graph, release(graph, "controller"), serving)
    assert serving.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert serving.inputs["spec"]["version"] == versions.KNATIVE_SERVING


def test_knative_opens_no_load_balancer() -> None:
    gateway = only(kserve(mode="Knative"), RELEASE, "serving-kserve-knative-gateway").inputs
    assert gateway["values"]["service"]["type"] == "ClusterIP"


def test_a_model_of_mlflow_is_loaded_from_the_platforms_artifacts() -> None:
    graph = kserve(FRAUD)
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    model = predictor(graph)["model"]
    assert model["storageUri"] == f"s3://{bucket}/mlflow/1/models/m-1/artifacts"
    assert model["modelFormat"] == {"name": "mlflow"}
    assert (model["runtime"], model["protocolVersion"]) == ("kserve-mlserver", "v2")


def test_models_read_their_own_folders_and_no_others() -> None:
    graph = kserve(CANARY)
    arn = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs["arn"]
    objects = {item for right in rights(graph) for item in right["Resource"] if item.endswith("*")}
    assert objects == {f"{arn}/mlflow/1/models/m-1/artifacts/*", f"{arn}/mlflow/1/models/m-2/artifacts/*"}
    assert not any(action.startswith(("s3:Put", "s3:Delete")) for right in rights(graph) for action in right["Action"])


def test_what_is_encrypted_can_be_read() -> None:
    graph = kserve(FRAUD)
    keys = [right["Resource"] for right in rights(graph) if right["Action"] == ["kms:Decrypt"]]
    assert keys == [[only(graph, "aws:kms/key:Key", "keys-data").outputs["arn"]]]


def test_a_foreign_bucket_is_read_where_the_model_lies_with_the_keys_that_are_named() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"
    graph = kserve({"name": "fraud", "storage_uri": "s3://lab/fraud/2/"}, storage_key_arns=[key])
    resources = [item for right in rights(graph) for item in right["Resource"]]
    assert sorted(set(resources)) == [key, "arn:aws:s3:::lab", "arn:aws:s3:::lab/fraud/2/*"]
    assert predictor(graph)["model"]["storageUri"] == "s3://lab/fraud/2"


def test_pods_of_models_start_with_their_rights() -> None:
    graph = kserve(FRAUD)
    association = only(graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "serving-identity-association")
    assert association.inputs["serviceAccount"] == predictor(graph)["serviceAccountName"]
    assert waits_for(graph, only(graph, SERVICE), association)


def test_replicas_follow_cpu_between_the_bounds() -> None:
    spec = predictor(kserve({**FRAUD, "min_replicas": 2, "max_replicas": 6}))
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert (spec["scaleMetric"], spec["scaleTarget"]) == ("cpu", 70)


def test_equal_bounds_need_no_autoscaler() -> None:
    def autoscaler(most: int) -> str:
        graph = kserve({**FRAUD, "max_replicas": most})
        return str(only(graph, SERVICE).inputs["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"])

    assert (autoscaler(1), autoscaler(2)) == ("none", "hpa")


def test_knative_scales_by_requests_and_bounds_them() -> None:
    graph = kserve(
        {**FRAUD, "min_replicas": 0}, mode="Knative", scale_target=20, timeout_seconds=30, concurrent_requests=4
    )
    spec = predictor(graph)
    assert spec["minReplicas"] == 0
    assert (spec["scaleMetric"], spec["scaleTarget"]) == ("concurrency", 20)
    assert (spec["timeout"], spec["containerConcurrency"]) == (30, 4)


def test_a_replica_gets_what_it_asks_for_and_no_limit_below_it() -> None:
    resources = predictor(kserve({**FRAUD, "cpu": "4", "memory": "8Gi"}))["model"]["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "4", "memory": "8Gi"}


def test_gpu_models_go_to_gpu_nodes() -> None:
    spec = predictor(kserve({**FRAUD, "format": "onnx", "gpus": 2}))
    assert spec["model"]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]


@pytest.mark.parametrize(("format_", "bound"), [("mlflow", True), ("sklearn", False)])
def test_servers_that_exist_for_x86_alone_are_not_put_on_arm(format_: str, bound: bool) -> None:
    spec = predictor(kserve({**FRAUD, "format": format_}))
    assert (spec.get("nodeSelector") == {"kubernetes.io/arch": "amd64"}) is bound


def test_a_canary_gets_its_share_of_the_requests() -> None:
    graph = kserve(CANARY)
    assert endpoints(graph) == {"fraud": "http://fraud-split.models.svc.cluster.local"}
    root = only(graph, GRAPH).inputs["spec"]["nodes"]["root"]
    assert root["routerType"] == "Splitter"
    assert {step["serviceUrl"]: step["weight"] for step in root["steps"]} == {
        "http://fraud-predictor.models.svc.cluster.local/v2/models/fraud/infer": 90,
        "http://fraud-canary-predictor.models.svc.cluster.local/v2/models/fraud-canary/infer": 10,
    }
    assert predictor(graph, "serving-fraud-canary")["model"]["storageUri"].endswith("/m-2/artifacts")


def test_triton_is_asked_for_the_model_by_the_name_of_its_folder() -> None:
    root = only(kserve({**CANARY, "format": "onnx"}), GRAPH).inputs["spec"]["nodes"]["root"]
    assert [step["serviceUrl"].split("/")[-2] for step in root["steps"]] == ["fraud", "fraud"]


def test_the_splitter_may_reach_the_models_and_the_models_nothing_but_aws() -> None:
    graph = kserve(CANARY)
    policies = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    split = only(graph, policies, "serving-fraud-split-network-policy").inputs["spec"]
    models = only(graph, policies, "serving-network-policy").inputs["spec"]
    assert split["podSelector"]["matchLabels"] == {"serving.kserve.io/inferencegraph": "fraud-split"}
    assert {port["port"] for port in split["egress"][-1]["ports"]} >= {80, 8080}
    assert {port["port"] for rule in models["egress"] for port in rule["ports"]} == {53, 80, 443}
    assert [rule.get("to") for rule in models["egress"] if rule["ports"][0]["port"] == 80] == [
        [{"ipBlock": {"cidr": "169.254.170.23/32"}}]
    ]


def test_only_namespaces_that_may_ask_reach_the_models() -> None:
    graph = kserve(FRAUD)
    policy = only(graph, "kubernetes:networking.k8s.io/v1:NetworkPolicy", "serving-network-policy")
    assert policy.inputs["spec"]["podSelector"]["matchLabels"] == {}
    assert policy.inputs["spec"]["ingress"][0]["from"] == [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"mlops.platform/serving": "allowed"}}},
    ]
    assert waits_for(graph, only(graph, SERVICE), policy)


def test_several_replicas_lie_in_different_zones_and_leave_one_by_one() -> None:
    graph = kserve({**FRAUD, "min_replicas": 2})
    assert predictor(graph)["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
    assert only(graph, BUDGET).inputs["spec"]["maxUnavailable"] == 1
    assert not kserve(FRAUD).of_type(BUDGET)


def test_a_destroy_removes_models_while_their_controller_can_still_clean_up() -> None:
    graph = kserve(CANARY)
    for node in (*graph.of_type(SERVICE), *graph.of_type(GRAPH)):
        for role in ("controller", "crds"):
            assert waits_for(graph, node, release(graph, role))


def test_a_model_that_starts_from_nothing_is_refused_in_standard_mode() -> None:
    message = refusal({**FRAUD, "min_replicas": 0})
    assert "model fraud has min_replicas 0" in message
    assert "mode to Knative" in message


@pytest.mark.parametrize(
    ("mode", "metric", "allowed"), [("Standard", "rps", "cpu, memory"), ("Knative", "cpu", "concurrency, rps")]
)
def test_a_metric_of_the_other_mode_is_refused(mode: str, metric: str, allowed: str) -> None:
    message = refusal(mode=mode, scale_metric=metric)
    assert f"scale_metric is {metric}" in message
    assert f"allowed: {allowed}" in message


@pytest.mark.parametrize("knob", ["timeout_seconds", "concurrent_requests"])
def test_what_standard_mode_would_ignore_is_refused(knob: str) -> None:
    message = refusal(**{knob: 5})
    assert f"{knob} is set" in message
    assert "set mode to Knative" in message


def test_an_unknown_format_is_refused_with_those_that_are_taken() -> None:
    message = refusal({**FRAUD, "format": "pickle"})
    assert 'format "pickle"' in message
    assert all(format_ in message for format_ in RUNTIMES)


def test_two_models_of_one_name_are_refused() -> None:
    assert '"fraud" is listed twice' in refusal(FRAUD, FRAUD)


def test_a_model_that_is_called_like_anothers_canary_is_refused() -> None:
    assert "fraud-canary" in refusal(CANARY, {**FRAUD, "name": "fraud-canary"})


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    assert "set max_replicas to 5 or more" in refusal({**FRAUD, "min_replicas": 5})


def test_gpu_models_conflict_with_a_cluster_without_gpus() -> None:
    config = KubernetesServingConfig.model_validate({"models": [{**FRAUD, "gpus": 1}]})
    (sentence,) = config.conflicts(StackFacts(region="us-east-1", zones=2, gpus=False))
    assert "fraud asks for GPUs" in sentence
    assert "cluster.node_groups" in sentence
    assert config.conflicts(StackFacts(region="us-east-1", zones=2, gpus=True)) == ()
    assert config.gpu_models == ("fraud",)
