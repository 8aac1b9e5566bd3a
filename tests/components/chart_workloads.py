"""The workloads that charts, add-ons and operators make of the values that the platform gives them: as many as the
scheduler, the Eviction API and the autoscaler have to know of each.

Transcribed from the templates of the charts at their pinned versions; `test_charts_rendered.py` holds all of it against
what `helm template` makes of the same values.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Graph, Node

RELEASE = "kubernetes:helm.sh/v3:Release"
ADDON = "aws:eks/addon:Addon"
SERVING = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Pods of one kind."""

    name: str
    replicas: int = 1
    """At least so many; for a daemon one a node."""
    budget: Mapping[str, Any] | None = None
    """`minAvailable` or `maxUnavailable` of the disruption budget that selects them."""
    requests: bool = True
    """Whether every container requests CPU and memory."""
    group: str = ""
    """Node group that they are bound to."""
    kind: str = "Deployment"


def workloads(graph: Graph) -> list[Workload]:
    """Every workload of a graph that its resources do not spell out."""
    found: list[Workload] = []
    for node in graph:
        if node.type == RELEASE:
            found += _CHARTS[chart(node)](node.inputs.get("values") or {})
        elif node.type == ADDON:
            configured = json.loads(node.inputs.get("configurationValues") or "{}")
            found += _ADDONS[node.inputs["addonName"]](configured)
        elif node.type == SERVING:
            found += _knative_serving(node.inputs["spec"])
    return found


def chart(node: Node) -> str:
    """The last part of a release's chart."""
    return str(node.inputs["chart"]).rpartition("/")[2]


def _part(name: str, values: Values, **known: Any) -> Workload:
    requests = (values.get("resources") or {}).get("requests") or {}
    own: dict[str, Any] = {"requests": bool(requests.get("cpu") and requests.get("memory")), "group": _group(values)}
    return Workload(name=name, **{**own, **known})


def _group(values: Values) -> str:
    return str((values.get("nodeSelector") or {}).get("mlops.platform/group", ""))


def _several(name: str, values: Values) -> Workload:
    """A part of cert-manager or External Secrets: the budget's default is one pod that stays."""
    budget = {"minAvailable": 1} if values["podDisruptionBudget"]["enabled"] else None
    return _part(name, values, replicas=values["replicaCount"], budget=budget)


def _cert_manager(values: Values) -> Iterator[Workload]:
    yield _several("cert-manager", values)
    for part in ("webhook", "cainjector"):
        yield _several(f"cert-manager-{part}", values[part])
    yield _part("cert-manager-startupapicheck", values["startupapicheck"], kind="Job")


def _external_secrets(values: Values) -> Iterator[Workload]:
    yield _several("external-secrets", values)
    for part, name in (("webhook", "webhook"), ("certController", "cert-controller")):
        yield _several(f"external-secrets-{name}", values[part])


def _load_balancers(values: Values) -> Iterator[Workload]:
    replicas = values["replicaCount"]
    budget = values["podDisruptionBudget"] if values["podDisruptionBudget"] and replicas > 1 else None
    yield _part("aws-load-balancer-controller", values, replicas=replicas, budget=budget)


def _autoscaler(values: Values) -> Iterator[Workload]:
    yield _part("cluster-autoscaler", values, replicas=values["replicaCount"], budget={"maxUnavailable": 1})


def _device_plugin(values: Values) -> Iterator[Workload]:
    # The second runs only where GPUs are shared among pods, on nodes with a label of its own.
    for name in ("nvidia-device-plugin", "nvidia-device-plugin-mps-control-daemon"):
        yield _part(name, values, kind="DaemonSet")


def _kserve(values: Values) -> Iterator[Workload]:
    yield Workload(name="kserve-controller-manager", group=_group(values["kserve"]["controller"]))


def _istiod(values: Values) -> Iterator[Workload]:
    replicas = values.get("autoscaleMin", 1)
    budget = {"minAvailable": 1} if replicas > 1 else None
    yield Workload(name="istiod", replicas=replicas, budget=budget, group=_group(values))


def _gateway(values: Values) -> Iterator[Workload]:
    replicas = (values.get("autoscaling") or {}).get("minReplicas", 1)
    budget = values.get("podDisruptionBudget") if replicas > 1 else None
    yield Workload(name="istio-ingressgateway", replicas=replicas, budget=budget, group=_group(values))


def _knative_operator(values: Values) -> Iterator[Workload]:
    for part, name in (("knative_operator", "knative-operator"), ("operator_webhook", "operator-webhook")):
        affinity = ((values.get("knative_operator") or {}).get(part) or {}).get("affinity") or {}
        required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
        rules = [rule for term in required.get("nodeSelectorTerms") or () for rule in term["matchExpressions"]]
        yield Workload(name=name, group=rules[0]["values"][0] if rules else "")


def _knative_serving(spec: Values) -> Iterator[Workload]:
    """Serving 1.21 over Istio (knative/operator, cmd/operator/kodata): two budgets of 80 percent unless told."""
    replicas = (spec.get("high-availability") or {}).get("replicas", 1)
    told = {one["name"]: one["minAvailable"] for one in spec.get("podDisruptionBudgets") or ()}
    places = {one["name"]: _group(one) for one in spec.get("workloads") or ()}
    budgets = {name: {"minAvailable": told.get(f"{name}-pdb", "80%")} for name in ("activator", "webhook")}
    names = ("activator", "autoscaler", "autoscaler-hpa", "controller", "webhook")
    for name in (*names, "net-istio-controller", "net-istio-webhook"):
        yield Workload(name=name, replicas=replicas, budget=budgets.get(name), group=places.get(name, ""))


def _nothing(values: Values) -> Iterator[Workload]:
    yield from ()


_CHARTS: Mapping[str, Callable[[Values], Iterator[Workload]]] = {
    "cert-manager": _cert_manager,
    "external-secrets": _external_secrets,
    "aws-load-balancer-controller": _load_balancers,
    "cluster-autoscaler": _autoscaler,
    "nvidia-device-plugin": _device_plugin,
    "kserve-crd": _nothing,
    "kserve-resources": _kserve,
    "kserve-runtime-configs": _nothing,
    "base": _nothing,
    "istiod": _istiod,
    "gateway": _gateway,
    "knative-operator": _knative_operator,
}


def _daemon(name: str) -> Callable[[Values], Iterator[Workload]]:
    """An add-on on every node, which requests by itself."""
    return lambda _: iter([Workload(name=name, kind="DaemonSet")])


def _agent(values: Values) -> Iterator[Workload]:
    yield _part("eks-pod-identity-agent", values, kind="DaemonSet")


def _pair(name: str, at: str = "") -> Callable[[Values], Iterator[Workload]]:
    """An add-on of two replicas, of which one may go; it requests by itself."""

    def read(values: Values) -> Iterator[Workload]:
        group = _group(values.get(at) or {} if at else values)
        yield Workload(name=name, replicas=2, budget={"maxUnavailable": 1}, group=group)

    return read


_ADDONS: Mapping[str, Callable[[Values], Iterator[Workload]]] = {
    "vpc-cni": _daemon("aws-node"),
    "kube-proxy": _daemon("kube-proxy"),
    "eks-pod-identity-agent": _agent,
    "coredns": _pair("coredns"),
    "metrics-server": _pair("metrics-server"),
    "aws-ebs-csi-driver": _pair("ebs-csi-controller", "controller"),
}
