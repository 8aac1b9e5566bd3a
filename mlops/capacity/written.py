"""The pods that workloads and custom resources write out, with what admission puts beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops.capacity.model import Pods
from mlops.capacity.requests import Requests, of_pod
from mlops.capacity.scheduling import rules_of, selects
from mlops.plan.behind import behind
from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Reading

SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
NAMESPACE = "kubernetes:core/v1:Namespace"
FARGATE = "aws:eks/fargateProfile:FargateProfile"
_JOBS = ("Job", "CronJob")
_QUEUE_PROXY = Requests(cpu=25)
"""What Knative puts beside every pod of its own. Source: knative/serving, config-deployment,
`queue-sidecar-cpu-request`."""
_MESH_PROXY = Requests(cpu=100, memory=128)
"""What Istio puts beside every pod of a namespace that asks for it. Source: istio 1.30, `global.proxy.resources`."""


def written_out(graph: Graph) -> Iterator[Pods]:
    """The pods that workloads and custom resources state, in order of registration; those on Fargate need no node."""
    mesh, fargate = _in_the_mesh(graph), [node.at("selectors") for node in graph.of_type(FARGATE)]
    for node in graph:
        for workload in _workloads(node):
            made = _with_autoscaler(_pods(workload, graph.module(node)), workload, graph)
            if not any(_matches_profile(selector, made) for profile in fargate for selector in profile):
                yield _with_sidecars(made, node, workload, mesh)


def _workloads(node: Node) -> Iterator[Node]:
    if node.type.rpartition(":")[2] in _WORKLOADS and _is_native(node):
        yield node
    yield from (part.node for part in behind(node))


_WORKLOADS: Mapping[str, tuple[str, str]] = {
    "Deployment": ("spec.template", "spec.replicas"),
    "StatefulSet": ("spec.template", "spec.replicas"),
    "ReplicaSet": ("spec.template", "spec.replicas"),
    "ReplicationController": ("spec.template", "spec.replicas"),
    "DaemonSet": ("spec.template", ""),
    "Job": ("spec.template", "spec.parallelism"),
    "CronJob": ("spec.jobTemplate.spec.template", "spec.jobTemplate.spec.parallelism"),
    "Pod": ("", ""),
}
"""Kind -> where its pod's template stands, and how many it makes."""


def _is_native(node: Node) -> bool:
    group = node.type.removeprefix("kubernetes:").partition("/")[0]
    return node.type.startswith("kubernetes:") and group in ("apps", "batch", "core", "extensions")


def _pods(node: Node, module: str) -> Pods:
    kind = node.type.rpartition(":")[2]
    place, count = _WORKLOADS[kind]
    template = node.at(place) if place else node.at("")
    spec = _plain(template.at("spec").value)
    rules = rules_of(spec, template.at("metadata.labels").labels(), _namespace(node))
    made = Pods(
        name=_name(node),
        module=module,
        replicas=node.at(count).whole(1) if count else 1,
        daemon=kind == "DaemonSet",
        rules=rules,
        passing=kind in _JOBS,
    )
    return made.asking(of_pod(spec))


def _plain(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _with_autoscaler(made: Pods, node: Node, graph: Graph) -> Pods:
    """An autoscaler brings at least its fewest replicas."""
    for scaler in graph.of_type(SCALER):
        target = scaler.at("spec.scaleTargetRef")
        same = (target.at("kind").text("Deployment"), target.at("name").text()) == (_kind(node), _name(node))
        if same and _namespace(scaler) == _namespace(node):
            return replace(made, replicas=scaler.at("spec.minReplicas").whole(1))
    return made


def _in_the_mesh(graph: Graph) -> frozenset[str]:
    """Namespaces to whose pods Istio adds its proxy."""
    return frozenset(
        node.at("metadata.name").text(node.name)
        for node in graph.of_type(NAMESPACE)
        if node.at("metadata.labels").labels().get("istio-injection") == "enabled"
        or node.at("metadata.labels").labels().get("istio.io/rev")
    )


def _with_sidecars(made: Pods, node: Node, workload: Node, mesh: frozenset[str]) -> Pods:
    """What admission webhooks and operators put into a pod beside what is written."""
    asked = made.requests
    if _is_knative(node) and not made.daemon:
        asked = asked.plus(_QUEUE_PROXY)
    injected = made.rules.labels.get("sidecar.istio.io/inject")
    if injected == "true" or (_namespace(workload) in mesh and injected != "false"):
        asked = asked.plus(_MESH_PROXY)
    return made.asking(asked)


def _is_knative(node: Node) -> bool:
    mode = node.at("metadata.annotations").key("serving.kserve.io/deploymentMode").text()
    return node.type.startswith("kubernetes:serving.knative.dev/") or mode in ("Knative", "Serverless")


def _matches_profile(selector: Reading, made: Pods) -> bool:
    wanted = {"matchLabels": selector.at("labels").labels()}
    return selector.at("namespace").text() == made.rules.namespace and selects(wanted, made.rules.labels)


def _kind(node: Node) -> str:
    return node.type.rpartition(":")[2]


def _name(node: Node) -> str:
    return node.at("metadata.name").text(node.name)


def _namespace(node: Node) -> str:
    return node.at("metadata.namespace").text("default")
