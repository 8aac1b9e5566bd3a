"""Rules that keep pods apart, and what a pod asks for, as the scheduler takes them."""

from typing import Any

import pytest

from mlops.capacity.fit import Capacity, capacity
from mlops.capacity.requests import of_pod
from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from tests.cost.stacks import resource, stack

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
APP = {"matchLabels": {"app": "app"}}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def subnets(*zones: str) -> list[Node]:
    return [resource("aws:ec2/subnet:Subnet", f"subnet-{zone}", {"availabilityZone": zone}) for zone in zones]


def group(desired: int, most: int = 0, zones: tuple[str, ...] = (), **more: Any) -> Node:
    sizes = {"minSize": 0, "desiredSize": desired, "maxSize": max(most, desired)}
    inputs = {"instanceTypes": ["m7i.large"], "scalingConfig": sizes, **more}
    if zones:
        inputs["subnetIds"] = [f"id-of-subnet-{zone}" for zone in zones]
    return resource("aws:eks/nodeGroup:NodeGroup", "nodes", inputs)


def workload(replicas: int, kind: str = "apps/v1:Deployment", name: str = "app", **pod: Any) -> Node:
    containers = pod.pop("containers", [{"name": "main", "resources": {"requests": {"cpu": "100m"}}}])
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **pod}}
    return resource(
        f"kubernetes:{kind}", name, {"metadata": {"name": name}, "spec": {"replicas": replicas, "template": template}}
    )


def apart(topology: str, selector: dict[str, Any] = APP) -> dict[str, Any]:
    return {"podAntiAffinity": {REQUIRED: [{"topologyKey": topology, "labelSelector": selector}]}}


def together(topology: str, selector: dict[str, Any]) -> dict[str, Any]:
    return {"podAffinity": {REQUIRED: [{"topologyKey": topology, "labelSelector": selector}]}}


def on(*expressions: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": list(expressions)}]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}


def filled(*nodes: Node) -> Capacity:
    return capacity(stack(*nodes))


def waiting(*nodes: Node) -> list[tuple[str, int, str]]:
    return [(row.pods.name, row.count, row.why) for row in filled(*nodes).pending]


def test_pods_that_must_not_share_a_node_need_one_each() -> None:
    app = workload(3, affinity=apart(HOST))
    assert waiting(group(3), app) == []
    assert waiting(group(2, 5), app) == [("app", 1, "grows")]
    assert waiting(group(2), app) == [("app", 1, "full")]


def test_pods_that_must_not_share_a_zone_cannot_be_more_than_zones() -> None:
    zones = ("a", "b")
    app = workload(3, affinity=apart(ZONE))
    assert waiting(*subnets(*zones), group(3, 9, zones), app) == [("app", 1, "apart")]
    assert waiting(*subnets("a", "b", "c"), group(3, 9, ("a", "b", "c")), app) == []


def test_whoever_runs_keeps_others_away_as_well() -> None:
    lonely = workload(1, name="lonely", affinity=apart(HOST), containers=[{"resources": {"requests": {"cpu": "1"}}}])
    assert waiting(group(1), lonely, workload(1)) == [("app", 1, "full")]


def test_pods_that_want_to_be_near_others_go_where_these_are() -> None:
    near = workload(1, name="near", affinity=together(HOST, APP))
    assert waiting(group(2), near, workload(1)) == []
    assert waiting(group(2), near) == [("near", 1, "full")]


def test_the_first_of_those_that_want_to_be_together_may_go_anywhere() -> None:
    assert waiting(group(2), workload(2, affinity=together(HOST, APP))) == []


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}, True),
        ({"key": "kubernetes.io/arch", "operator": "NotIn", "values": ["amd64"]}, False),
        ({"key": "team", "operator": "Exists"}, False),
        ({"key": "team", "operator": "DoesNotExist"}, True),
        ({"key": "size", "operator": "Gt", "values": ["3"]}, True),
        ({"key": "size", "operator": "Lt", "values": ["3"]}, False),
    ],
)
def test_a_required_affinity_to_nodes_is_kept(expression: dict[str, Any], fits: bool) -> None:
    assert (waiting(group(1, labels={"size": "4"}), workload(1, affinity=on(expression))) == []) is fits


def test_pods_are_spread_over_zones_where_they_must_be() -> None:
    spread = [{"topologyKey": ZONE, "maxSkew": 1, "labelSelector": APP}]
    large = [{"resources": {"requests": {"cpu": "1500m"}}}]
    zones = ("a", "b")
    app = workload(4, topologySpreadConstraints=spread, containers=large)
    assert waiting(*subnets(*zones), group(4, zones=zones), app) == []
    # Three nodes are two in one zone and one in the other: a fourth pod finds no node, a third unevenly placed none.
    assert waiting(*subnets(*zones), group(3, zones=zones), app) == [("app", 1, "full")]


def test_a_pod_for_a_zone_that_the_group_is_not_in_stays_pending() -> None:
    app = workload(1, nodeSelector={ZONE: "c"})
    assert waiting(*subnets("a"), group(2, zones=("a",)), app) == [("app", 1, "no group")]


def test_a_port_of_the_node_is_taken_once() -> None:
    ports = [{"name": "main", "ports": [{"containerPort": 80, "hostPort": 80}]}]
    assert waiting(group(1), workload(2, containers=ports)) == [("app", 1, "full")]


def test_a_daemon_that_does_not_fit_waits_on_every_node() -> None:
    daemon = workload(1, "apps/v1:DaemonSet", "agent", containers=[{"resources": {"requests": {"memory": "9Gi"}}}])
    made = filled(group(3), daemon)
    assert [(row.pods.name, row.count, row.why) for row in made.stuck] == [("agent", 3, "too large")]
    assert made.groups[0].daemon_memory == 0


def test_a_daemon_runs_only_where_its_affinity_lets_it() -> None:
    arm = on({"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]})
    assert filled(group(2), workload(1, "apps/v1:DaemonSet", "agent", affinity=arm)).groups[0].pods == 0


def test_ephemeral_storage_is_counted_against_the_volume_of_the_node() -> None:
    app = workload(2, containers=[{"resources": {"requests": {"ephemeral-storage": "10Gi"}}}])
    assert waiting(group(1), app) == [("app", 1, "full")]
    assert waiting(group(1, diskSize=50), app) == []


def requests(cpu: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}}


def always(cpu: str) -> dict[str, Any]:
    return {**requests(cpu), "restartPolicy": "Always"}


def starting(*initial: dict[str, Any]) -> dict[str, Any]:
    return {"containers": [requests("1")], "initContainers": list(initial)}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        # Figures of Kubernetes' own test of PodRequests (component-helpers, resource/helpers_test.go).
        ({"containers": [requests("1")], "initContainers": [always("1")]}, 2000),
        (
            {"containers": [requests("1")], "initContainers": [requests("5"), always("1"), always("2"), always("3")]},
            7000,
        ),
        (
            {
                "containers": [requests("1")],
                "initContainers": [always("1"), always("2"), requests("5"), always("3")],
            },
            8000,
        ),
        ({"containers": [requests("100m")], "initContainers": [always("10m"), requests("200m")]}, 210),
        ({"containers": [requests("1")], "overhead": {"cpu": "500m"}}, 1500),
        ({"containers": [requests("1"), requests("2")], "resources": {"requests": {"cpu": "5"}}}, 5000),
        ({"containers": [requests("1")], "resources": {"limits": {"cpu": "2"}}}, 2000),
    ],
)
def test_a_pod_asks_for_what_the_scheduler_reckons(spec: dict[str, Any], cpu: int) -> None:
    assert of_pod(spec).cpu == cpu


DETECTOR = {
    "name": "RUNTIME_MONITORING",
    "status": "ENABLED",
    "additionalConfigurations": [{"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"}],
}


def test_the_agent_that_an_account_setting_brings_is_counted_on_every_node() -> None:
    feature = "aws:guardduty/detectorFeature:DetectorFeature"
    cluster = resource("aws:eks/cluster:Cluster", "cluster")
    load = filled(cluster, resource(feature, "runtime", DETECTOR), group(2)).groups[0]
    assert (load.daemon_cpu, load.daemon_memory) == (200, 256)
    off = filled(cluster, resource(feature, "runtime", {**DETECTOR, "status": "DISABLED"}), group(2)).groups[0]
    assert off.daemon_cpu == 0


def test_values_of_an_add_on_are_read() -> None:
    values = '{"replicaCount": 3, "resources": {"requests": {"cpu": "300m", "memory": "1Gi"}}}'
    addon = resource("aws:eks/addon:Addon", "dns", {"addonName": "coredns", "configurationValues": values})
    (dns,) = [one for one in filled(addon).pods if one.name == "coredns"]
    assert (dns.replicas, dns.cpu, dns.memory, dns.assumed) == (3, 300, 1024, "")


@pytest.mark.parametrize(
    ("node", "named"),
    [
        (resource("aws:eks/addon:Addon", "x", {"addonName": "mystery"}), "add-on mystery"),
        (resource("kubernetes:helm.sh/v3:Release", "x", {"chart": "mystery"}), "chart mystery"),
        (
            resource("kubernetes:kafka.strimzi.io/v1beta2:Kafka", "x", {"metadata": {"name": "events"}, "spec": {}}),
            "Kafka events",
        ),
    ],
)
def test_what_brings_pods_that_nobody_knows_is_named_and_nothing_is_said_to_be_complete(node: Node, named: str) -> None:
    made = filled(group(1), node)
    assert made.not_counted == (named,)
    assert not made.complete


def test_a_spec_that_is_not_known_ends_in_words() -> None:
    made = filled(group(1), resource("kubernetes:apps/v1:Deployment", "app", {"spec": UNKNOWN}))
    assert not made.complete
    assert "app: spec is unknown" in map(str, made.hidden)


def custom(type_: str, spec: dict[str, Any], **metadata: Any) -> Node:
    return resource(f"kubernetes:{type_}", "it", {"metadata": {"name": "it", **metadata}, "spec": spec})


POD = {"containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "500m"}}}]}


@pytest.mark.parametrize(
    ("node", "cpu", "replicas"),
    [
        (custom("ray.io/v1:RayCluster", {"headGroupSpec": {"template": {"spec": POD}}}), 500, 1),
        (
            custom("ray.io/v1:RayCluster", {"workerGroupSpecs": [{"replicas": 3, "template": {"spec": POD}}]}),
            500,
            3,
        ),
        (custom("apps/v1:ReplicaSet", {"replicas": 2, "template": {"spec": POD}}), 500, 2),
        (custom("serving.knative.dev/v1:Service", {"template": {"spec": POD}}), 525, 1),
        (custom("serving.kserve.io/v1beta1:InferenceService", {"predictor": {"minReplicas": 2, "model": {}}}), 1000, 2),
        (custom("serving.kserve.io/v1alpha1:InferenceGraph", {"nodes": {}, "minReplicas": 2}), 100, 2),
        (
            custom(
                "serving.kserve.io/v1beta1:InferenceService",
                {"predictor": POD},
                annotations={"serving.kserve.io/deploymentMode": "Knative"},
            ),
            525,
            1,
        ),
    ],
)
def test_pods_behind_custom_resources_are_counted(node: Node, cpu: int, replicas: int) -> None:
    assert [(one.cpu, one.replicas) for one in filled(node).pods] == [(cpu, replicas)]


def test_pods_on_fargate_need_no_node() -> None:
    profile = resource("aws:eks/fargateProfile:FargateProfile", "f", {"selectors": [{"namespace": "default"}]})
    assert waiting(profile, group(0), workload(3)) == []


def test_the_proxy_of_the_mesh_is_counted_where_a_namespace_asks_for_it() -> None:
    space = resource(
        "kubernetes:core/v1:Namespace",
        "default",
        {"metadata": {"name": "default", "labels": {"istio-injection": "enabled"}}},
    )
    (app,) = filled(space, workload(1)).pods
    assert (app.cpu, app.memory) == (200, 128)
