"""Pods on nodes: what fits, what waits, what never fits."""

from typing import Any

import pytest

from mlops.capacity.fit import Capacity, capacity, nodes_needed
from mlops.capacity.nodes import max_pods, offer, reserved_mebibytes, reserved_millicores
from mlops.capacity.pods import pods
from mlops.core.machines import machines
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Node
from mlops.tiers import TIERS
from tests.cost.stacks import bill, resource, stack
from tests.platforms import platform, tier_graph

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def group(name: str, machine: str, desired: int, most: int | None = None, **more: Any) -> Node:
    inputs = {
        "instanceTypes": [machine],
        "scalingConfig": {"minSize": 0, "desiredSize": desired, "maxSize": desired if most is None else most},
        "labels": {"mlops.platform/group": name},
        **more,
    }
    return resource("aws:eks/nodeGroup:NodeGroup", name, inputs)


def deployment(name: str, replicas: int, requests: dict[str, Any], **pod: Any) -> Node:
    containers = [{"name": "main", "resources": {"requests": requests}}]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers, **pod}}}
    return resource(DEPLOYMENT, name, {"metadata": {"name": name}, "spec": spec})


def filled(*nodes: Node) -> Capacity:
    return capacity(stack(*nodes))


def waiting(made: Capacity) -> list[tuple[str, int, str, str]]:
    return [(row.pods.name, row.count, row.why, row.group) for row in made.pending]


# nodeadm: 60m of the first core, 10m of the second, 5m each of the next two, 2.5m each of the rest.
@pytest.mark.parametrize(("vcpus", "reserved"), [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (96, 310)])
def test_the_kubelet_keeps_cpu_by_the_size_of_the_machine(vcpus: int, reserved: int) -> None:
    assert reserved_millicores(vcpus) == reserved


def test_the_kubelet_keeps_memory_by_the_number_of_pods() -> None:
    assert (max_pods(2), max_pods(29), max_pods(30)) == (110, 110, 250)
    assert reserved_mebibytes(110) == 1465


def test_a_large_node_offers_less_than_its_two_cores_and_eight_gib() -> None:
    offered = offer(machines()["m7i.large"])
    assert (offered.cpu, offered.pods, offered.gpus) == (1930, 110, 0)
    assert offered.memory == 8192 - 615 - 1465 - 100


def test_daemons_take_their_part_of_every_node() -> None:
    cni = resource("aws:eks/addon:Addon", "cni", {"addonName": "vpc-cni"})
    proxy = resource("aws:eks/addon:Addon", "proxy", {"addonName": "kube-proxy"})
    load_ = filled(cni, proxy, group("nodes", "m7i.large", 3)).groups[0]
    assert (load_.daemon_cpu, load_.cpu, load_.pods) == (150, 450, 6)


def test_pods_that_fit_wait_for_nothing() -> None:
    assert waiting(filled(group("nodes", "m7i.large", 2), deployment("app", 3, {"cpu": "500m", "memory": "1Gi"}))) == []


def test_pods_beyond_the_desired_size_wait_for_the_autoscaler_and_the_node_is_paid_for() -> None:
    nodes, app = group("nodes", "m7i.large", 1, 5), deployment("app", 4, {"cpu": "900m"})
    assert waiting(filled(nodes, app)) == [("app", 2, "grows", "nodes")]
    assert nodes_needed(stack(nodes, app))(nodes) == 2
    assert "2 × m7i.large on demand" in bill(nodes, app)


def test_pods_beyond_the_largest_size_stay_pending() -> None:
    made = filled(group("nodes", "m7i.large", 1), deployment("app", 4, {"cpu": "900m"}))
    assert waiting(made) == [("app", 2, "full", "nodes")]
    assert made.stuck == made.pending


def test_a_pod_larger_than_any_node_stays_pending() -> None:
    made = filled(group("nodes", "m7i.large", 3), deployment("app", 1, {"memory": "8Gi"}))
    assert waiting(made) == [("app", 1, "too large", "nodes")]


def test_a_pod_that_selects_nodes_that_there_are_none_of_stays_pending() -> None:
    app = deployment("app", 1, {}, nodeSelector={"mlops.platform/group": "models"})
    assert waiting(filled(group("nodes", "m7i.large", 3), app)) == [("app", 1, "no group", "")]


def test_arm_nodes_take_no_pods_for_x86() -> None:
    app = deployment("app", 1, {}, nodeSelector={"kubernetes.io/arch": "amd64"})
    arm = group("arm", "m7g.large", 3, amiType="AL2023_ARM_64_STANDARD")
    assert waiting(filled(arm, app)) == [("app", 1, "no group", "")]
    assert waiting(filled(group("x86", "m7i.large", 3, amiType="AL2023_x86_64_STANDARD"), app)) == []


def test_a_taint_keeps_pods_off_unless_they_tolerate_it() -> None:
    tainted = group("nodes", "m7i.large", 1, taints=[{"key": "team", "value": "a", "effect": "NO_SCHEDULE"}])
    assert waiting(filled(tainted, deployment("app", 1, {}))) == [("app", 1, "no group", "")]
    toleration = {"key": "team", "operator": "Equal", "value": "a", "effect": "NoSchedule"}
    assert waiting(filled(tainted, deployment("app", 1, {}, tolerations=[toleration]))) == []


def test_gpu_pods_bring_a_gpu_node_up_from_nothing_and_others_stay_off_it() -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
    gpus = group("gpu", "g6.xlarge", 0, 2, taints=[taint])
    model = deployment("model", 1, {"cpu": "1", "nvidia.com/gpu": 1})
    made = filled(gpus, model, deployment("app", 1, {}))
    assert waiting(made) == [("model", 1, "grows", "gpu"), ("app", 1, "no group", "")]


def test_a_limit_without_a_request_is_the_request() -> None:
    containers = [{"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}]
    app = resource(DEPLOYMENT, "app", {"spec": {"template": {"spec": {"containers": containers}}}})
    assert [(one.cpu, one.memory, one.replicas) for one in pods(stack(app))] == [(2000, 1024, 1)]


def test_initial_containers_count_where_they_ask_for_more_than_the_pod_itself() -> None:
    spec = {
        "initContainers": [
            {"resources": {"requests": {"cpu": "1", "memory": "64Mi"}}},
            {"restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
        ],
        "containers": [{"resources": {"requests": {"cpu": "200m", "memory": "128Mi"}}}],
    }
    app = resource(DEPLOYMENT, "app", {"spec": {"template": {"spec": spec}}})
    assert [(one.cpu, one.memory) for one in pods(stack(app))] == [(1000, 128)]


def test_an_autoscaler_brings_at_least_its_fewest_replicas() -> None:
    app = deployment("app", 1, {"cpu": "100m"})
    scaler = resource(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        "scaler",
        {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "app"}, "minReplicas": 3, "maxReplicas": 9}},
    )
    assert [one.replicas for one in pods(stack(app, scaler))] == [3]


def test_a_chart_is_known_by_its_values_where_they_say_more_than_the_chart() -> None:
    values = {"kserve": {"controller": {"resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}}}}
    chart = "oci://ghcr.io/kserve/charts/kserve-resources"
    plain, told = (
        pods(stack(resource("kubernetes:helm.sh/v3:Release", "kserve", {"chart": chart, "values": given})))
        for given in ({}, values)
    )
    assert [(one.cpu, one.memory) for one in plain] == [(100, 300)]
    assert [(one.cpu, one.memory, one.assumed) for one in told] == [(250, 1024, "")]


def test_a_chart_that_nobody_knows_is_named() -> None:
    made = filled(resource("kubernetes:helm.sh/v3:Release", "x", {"chart": "mystery"}))
    assert made.not_counted == ("chart mystery",)


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_of_a_tier_stays_pending(tier: str) -> None:
    made = capacity(tier_graph(tier))
    assert made.stuck == ()
    assert made.not_counted == ()
    assert made.hidden == ()


def test_a_model_that_asks_for_a_gpu_costs_the_node_that_it_needs() -> None:
    models = [{"name": "vision", "storage_uri": "artifacts/vision/1", "format": "onnx", "gpus": 1}]
    override = {"serving": {"mode": "Standard", "models": models}}
    with_model = estimate(platform("experimental", override), BY_TIER["experimental"], load())
    labels = [line.label for line in with_model.lines]
    assert any(label.startswith("1 × g4dn.xlarge") for label in labels), labels
