"""Controllers and workloads on nodes: whatever is evicted may be, nothing keeps a node for ever, nothing runs without
requests, and everything lies where it belongs. Over all tiers, with and without replicas, on Knative and without."""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from mlops.capacity.fit import capacity
from mlops.capacity.pods import pods
from mlops.plan.graph import Graph, Node
from mlops.tiers import TIERS
from tests.components.chart_workloads import RELEASE, Workload, chart, workloads
from tests.platforms import platform, tier_graph

GROUP = "mlops.platform/group"
DEPLOYMENT, STATEFUL_SET = "kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
MODELS: list[dict[str, Any]] = [
    {"name": f"model-{number}", "storage_uri": f"artifacts/model/{number}", "min_replicas": number}
    for number in (1, 2, 3)
]
KNATIVE = {"mode": "Knative", "models": MODELS}
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    **{tier: (tier, {}) for tier in TIERS},
    "dev with models": ("dev", {"serving": {"models": MODELS}}),
    "dev, highly available": ("dev", {"cluster": {"high_availability": True}, "serving": KNATIVE}),
    "prod on Knative": ("prod", {"serving": {**KNATIVE, "timeout_seconds": 1800}}),
    "experimental, highly available": ("experimental", {"cluster": {"high_availability": True}}),
}


@cache
def graph_of(settings: str) -> Graph:
    tier, override = SETTINGS[settings]
    return platform(tier, override) if override else tier_graph(tier)


def named(node: Node) -> tuple[str, str]:
    metadata = node.inputs["metadata"]
    return str(metadata.get("namespace", "")), str(metadata["name"])


def spelt_out(graph: Graph) -> Iterator[Workload]:
    """The workloads that a graph holds itself, models included, with the budgets that select their pods."""
    fewest = {
        (named(node)[0], node.inputs["spec"]["scaleTargetRef"]["name"]): node.inputs["spec"]["minReplicas"]
        for node in graph.of_type(SCALER)
    }
    for node in graph.of_type(DEPLOYMENT, STATEFUL_SET):
        spec, key = node.inputs["spec"], named(node)
        labels = spec["template"]["metadata"]["labels"]
        replicas = fewest.get(key, spec.get("replicas", 1))
        yield Workload(name=key[1], replicas=replicas, budget=budget_for(graph, key[0], labels))
    for node in graph:
        if node.type.endswith(":InferenceService"):
            labels = {"serving.kserve.io/inferenceservice": named(node)[1]}
            replicas = node.inputs["spec"]["predictor"]["minReplicas"]
            yield Workload(name=named(node)[1], replicas=replicas, budget=budget_for(graph, named(node)[0], labels))


def budget_for(graph: Graph, namespace: str, labels: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The budget that selects pods; two for the same pods would forbid every eviction."""
    found = [
        node.inputs["spec"]
        for node in graph.of_type(BUDGET)
        if named(node)[0] == namespace and node.inputs["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ]
    assert len(found) <= 1
    return found[0] if found else None


def may_be_evicted(workload: Workload) -> bool:
    """Whether the Eviction API lets one of the pods go while all are healthy.

    Kubernetes' disruption controller: a percentage counts up to whole pods, and `disruptionsAllowed` is what is healthy
    beyond what must stay."""
    if workload.budget is None or workload.kind == "DaemonSet":
        return True
    expected = workload.replicas
    if "maxUnavailable" in workload.budget:
        stays = expected - whole(workload.budget["maxUnavailable"], expected)
    else:
        stays = whole(workload.budget["minAvailable"], expected)
    return expected - max(stays, 0) > 0


def whole(value: int | str, of: int) -> int:
    return math.ceil(int(value.removesuffix("%")) * of / 100) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("budget", "replicas", "goes"),
    [
        ({"minAvailable": "80%"}, 1, False),
        ({"minAvailable": "80%"}, 2, False),
        ({"minAvailable": "80%"}, 5, True),
        ({"minAvailable": 1}, 1, False),
        ({"minAvailable": 1}, 2, True),
        ({"maxUnavailable": 1}, 1, True),
        ({"maxUnavailable": "30%"}, 2, True),
        ({"maxUnavailable": 0}, 3, False),
        (None, 1, True),
    ],
)
def test_the_arithmetic_is_that_of_the_eviction_api(budget: dict[str, Any] | None, replicas: int, goes: bool) -> None:
    assert may_be_evicted(Workload(name="any", replicas=replicas, budget=budget)) is goes


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_node_can_be_drained(settings: str) -> None:
    graph = graph_of(settings)
    every = [*workloads(graph), *spelt_out(graph)]
    assert [one for one in every if not may_be_evicted(one)] == []


@pytest.mark.parametrize("settings", SETTINGS)
def test_high_availability_means_two_of_every_controller_that_can_be_two(settings: str) -> None:
    tier, override = SETTINGS[settings]
    wanted = (override.get("cluster") or {}).get("high_availability", tier in ("prod", "enterprise"))
    alone = {"kserve-controller-manager", "knative-operator", "operator-webhook"}
    controllers = [one for one in workloads(graph_of(settings)) if one.kind == "Deployment" and one.name not in alone]
    if wanted:
        assert [one.name for one in controllers if one.replicas < 2] == []
    else:
        assert [one.name for one in controllers if one.replicas > 1 and one.budget is None] == []


def test_which_controllers_high_availability_does_not_reach_is_said_where_it_is_set() -> None:
    from components.cluster import ClusterConfig

    said = ClusterConfig.model_fields["high_availability"].description or ""
    assert "KServe's controller" in said
    assert "Knative operator's two" in said


@pytest.mark.parametrize("settings", SETTINGS)
def test_no_pod_is_the_first_to_be_killed_for_want_of_a_request(settings: str) -> None:
    graph = graph_of(settings)
    assert [one.name for one in workloads(graph) if not one.requests] == []
    assert [one.name for one in pods(graph) if not (one.cpu or one.memory)] == []


@pytest.mark.parametrize("settings", SETTINGS)
def test_controllers_run_on_system_nodes_and_find_room_there(settings: str) -> None:
    graph = graph_of(settings)
    deployed = [one for one in workloads(graph) if one.kind in ("Deployment", "Job")]
    assert [one.name for one in deployed if one.group != "system"] == []
    assert capacity(graph).stuck == ()


def keeps_its_node(pod: Mapping[str, Any], annotations: Mapping[str, str], flags: Mapping[str, Any]) -> bool:
    """Whether a pod keeps the Cluster Autoscaler from removing its node for what it has on the node's disk.

    Its rules (cluster-autoscaler, simulator/drainability/rules: localstorage, notsafetoevict): a pod with an emptyDir
    or a hostPath does, unless the flag says otherwise, or an annotation does for the pod or for each of the volumes."""
    safe = "cluster-autoscaler.kubernetes.io/safe-to-evict"
    if annotations.get(safe) in ("true", "false"):
        return annotations[safe] == "false"
    named_volumes = annotations.get(f"{safe}-local-volumes", "").split(",")
    local = [
        volume["name"]
        for volume in pod.get("volumes") or ()
        if "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory")
    ]
    return bool(flags.get("skip-nodes-with-local-storage", True)) and not set(local) <= set(named_volumes)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_autoscaler_may_remove_every_node_that_nobody_needs(settings: str) -> None:
    graph = graph_of(settings)
    autoscalers = [node for node in graph.of_type(RELEASE) if chart(node) == "cluster-autoscaler"]
    if not autoscalers:
        pytest.skip("Its groups are of one size.")
    flags = autoscalers[0].inputs["values"]["extraArgs"]
    templates: list[Mapping[str, Any]] = [node.inputs["spec"]["template"] for node in graph.of_type(DEPLOYMENT)]
    # What KServe adds to a model's pod for the model that it fetches.
    model: Mapping[str, Any] = {"volumes": [{"name": "kserve-provision-location", "emptyDir": {}}]}
    held = [
        template
        for template in [*templates, {"metadata": {}, "spec": model}]
        if keeps_its_node(template["spec"], template["metadata"].get("annotations") or {}, flags)
    ]
    assert held == []
    assert keeps_its_node(model, {}, {})


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_scraper_is_told_only_of_pods_that_it_may_reach(settings: str) -> None:
    graph = graph_of(settings)
    for node in graph.of_type(DEPLOYMENT):
        metadata = node.inputs["spec"]["template"]["metadata"]
        annotations = metadata.get("annotations") or {}
        if annotations.get("prometheus.io/scrape") != "true":
            continue
        port = int(annotations["prometheus.io/port"])
        policies = [
            policy.inputs["spec"]
            for policy in graph.of_type(POLICY)
            if named(policy)[0] == named(node)[0]
            and (policy.inputs["spec"]["podSelector"].get("matchLabels") or {}).items() <= metadata["labels"].items()
        ]
        rules = [rule for policy in policies for rule in policy.get("ingress") or ()]
        from_elsewhere = [
            peer
            for rule in rules
            for peer in rule["from"]
            if "namespaceSelector" in peer and port in [one["port"] for one in rule["ports"]]
        ]
        assert from_elsewhere, node.name


@pytest.mark.parametrize("kind", ["Standard", "Knative"])
def test_a_tainted_group_holds_the_models_that_name_it(kind: str) -> None:
    taints = [{"key": "team", "value": "fraud"}, {"key": "example.com/only", "effect": "NoExecute"}]
    override = {
        "cluster": {"node_groups": {"fraud": {"instance_types": ["m6i.xlarge"], "min_size": 1, "taints": taints}}},
        "serving": {"mode": kind, "models": [{**MODELS[0], "node_group": "fraud"}, MODELS[1]]},
        "ml_platform": {"node_group": "fraud"},
    }
    graph = platform("dev", override)
    own, other = (node.inputs["spec"]["predictor"] for node in graph if node.type.endswith(":InferenceService"))
    assert own["nodeSelector"][GROUP] == "fraud"
    assert [(one["key"], one["value"], one["effect"]) for one in own["tolerations"]] == [
        ("team", "fraud", "NoSchedule"),
        ("example.com/only", "", "NoExecute"),
    ]
    assert other["nodeSelector"][GROUP] == "models"
    assert "tolerations" not in other
    filled = capacity(graph)
    assert filled.stuck == ()
    (fraud,) = [load for load in filled.groups if "fraud" in load.group.node.name]
    assert fraud.pods > 2


def test_a_model_with_gpus_goes_where_gpus_are_and_tolerates_their_taint() -> None:
    model = {"name": "vision", "storage_uri": "artifacts/vision/1", "gpus": 1}
    graph = platform("enterprise", {"serving": {"models": [model, {**model, "name": "told", "node_group": "gpu"}]}})
    for node in graph:
        if node.type.endswith(":InferenceService"):
            tolerations = node.inputs["spec"]["predictor"]["tolerations"]
            assert {"nvidia.com/gpu"} == {one["key"] for one in tolerations}
            assert node.inputs["spec"]["predictor"].get("nodeSelector", {}).get(GROUP) in (None, "gpu")
    assert capacity(graph).stuck == ()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"serving": {"models": [{**MODELS[0], "node_group": "gone"}]}}, "model model-1 goes to node group gone"),
        ({"serving": {"node_group": "gone", "models": MODELS[:1]}}, "allowed: models, system"),
        ({"workloads": {"recommender": {"node_group": "gone"}}}, "the recommender goes to node group gone"),
        ({"ml_platform": {"node_group": "gone"}}, "MLflow goes to node group gone"),
        (
            {"serving": {"models": [{**MODELS[0], "gpus": 1, "node_group": "models"}]}},
            "goes to node group models, which has no GPUs",
        ),
    ],
)
def test_a_group_that_is_not_there_is_named_beforehand(override: dict[str, Any], expected: str) -> None:
    with pytest.raises(Exception, match=expected):
        platform("dev", override)


def test_knative_takes_requests_as_long_as_models_may_take() -> None:
    (serving,) = [node for node in graph_of("prod on Knative") if node.type.endswith(":KnativeServing")]
    config = serving.inputs["spec"]["config"]
    assert config["defaults"] == {"max-revision-timeout-seconds": "1800"}
    (plain,) = [node for node in graph_of("experimental") if node.type.endswith(":KnativeServing")]
    assert "defaults" not in plain.inputs["spec"]["config"]
