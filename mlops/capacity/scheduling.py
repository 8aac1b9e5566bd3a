"""What keeps a pod off a node: labels, taints, other pods and zones, judged as the scheduler's own filters do.

Sources: Kubernetes documentation, "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Topology Spread
Constraints"; kube-scheduler, plug-ins NodeAffinity, TaintToleration, InterPodAffinity, PodTopologySpread and NodePorts.
Only what is required counts; what is preferred keeps nobody out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
GPU = "nvidia.com/gpu"
Labels = Mapping[str, str]
Taint = tuple[str, str, str]
"""Key, value and effect (`NO_SCHEDULE` as EKS writes it)."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """Pods that have to be near, or must not be."""

    topology: str
    """Label of nodes that are near each other where its value is the same."""
    selector: Mapping[str, Any] | None
    """None selects nobody, an empty one everybody."""
    namespaces: tuple[str, ...]

    def takes(self, labels: Labels, namespace: str) -> bool:
        return namespace in self.namespaces and selects(self.selector, labels)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """At most `skew` more pods in one domain than in the emptiest."""

    topology: str
    skew: int
    least_domains: int
    selector: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Where pods of one kind may run."""

    labels: Labels = field(default_factory=dict)
    """The pods' own."""
    namespace: str = "default"
    node_name: str = ""
    selector: Labels = field(default_factory=dict)
    """Labels that a node must have."""
    affinity: tuple[Mapping[str, Any], ...] = ()
    """Terms of the required node affinity; one has to hold. None where there is none."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    near: tuple[Term, ...] = ()
    apart: tuple[Term, ...] = ()
    spread: tuple[Spread, ...] = ()
    ports: frozenset[tuple[str, int]] = frozenset()
    """Ports of the node that they take, with their protocols."""


def rules_of(spec: Mapping[str, Any], labels: Labels, namespace: str) -> Rules:
    """The rules in a pod's spec."""
    affinity = _mapping(spec.get("affinity"))
    node = _mapping(_mapping(affinity.get("nodeAffinity")).get(_REQUIRED))
    return Rules(
        labels=labels,
        namespace=namespace,
        node_name=str(spec.get("nodeName") or ""),
        selector={str(key): str(value) for key, value in _mapping(spec.get("nodeSelector")).items()},
        affinity=tuple(_rows(node.get("nodeSelectorTerms"))),
        tolerations=tuple(_rows(spec.get("tolerations"))),
        near=_terms(affinity, "podAffinity", namespace),
        apart=_terms(affinity, "podAntiAffinity", namespace),
        spread=tuple(_spread(row) for row in _rows(spec.get("topologySpreadConstraints")) if _is_hard(row)),
        ports=frozenset(_ports(spec)),
    )


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _terms(affinity: Mapping[str, Any], kind: str, namespace: str) -> tuple[Term, ...]:
    rows = _rows(_mapping(affinity.get(kind)).get(_REQUIRED))
    return tuple(
        Term(
            topology=str(row.get("topologyKey") or HOST),
            selector=row.get("labelSelector") if isinstance(row.get("labelSelector"), Mapping) else None,
            namespaces=tuple(map(str, row.get("namespaces") or (namespace,))),
        )
        for row in rows
    )


def _is_hard(row: Mapping[str, Any]) -> bool:
    return row.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"


def _spread(row: Mapping[str, Any]) -> Spread:
    return Spread(
        topology=str(row.get("topologyKey") or HOST),
        skew=int(row.get("maxSkew") or 1),
        least_domains=int(row.get("minDomains") or 1),
        selector=row.get("labelSelector") if isinstance(row.get("labelSelector"), Mapping) else None,
    )


def _ports(spec: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    for container in _rows(spec.get("containers")):
        for port in _rows(container.get("ports")):
            number = port.get("containerPort") if spec.get("hostNetwork") is True else port.get("hostPort")
            if isinstance(number, int) and number:
                yield str(port.get("protocol") or "TCP"), number


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> Sequence[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a label selector takes these labels."""
    if selector is None:
        return False
    plain = all(labels.get(key) == str(value) for key, value in _mapping(selector.get("matchLabels")).items())
    return plain and all(holds(row, labels) for row in _rows(selector.get("matchExpressions")))


def holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    """Whether an expression of a selector holds of labels."""
    value = labels.get(str(expression.get("key")))
    wanted = [str(one) for one in expression.get("values") or ()]
    match expression.get("operator"):
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return _number(value) is not None and wanted[:1] != [] and int(str(value)) > int(wanted[0])
        case "Lt":
            return _number(value) is not None and wanted[:1] != [] and int(str(value)) < int(wanted[0])
        case _:
            return False


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.lstrip("-").isdigit() else None


def accepts(rules: Rules, labels: Labels, taints: Iterable[Taint], *, gpus: int = 0) -> bool:
    """Whether a node's own labels and taints let pods in, whatever runs there."""
    if rules.node_name and rules.node_name != labels.get(HOST):
        return False
    # A zone that only the deployment will tell keeps nobody off.
    known = {key: value for key, value in rules.selector.items() if key != ZONE or ZONE in labels}
    selected = all(labels.get(key) == value for key, value in known.items())
    return selected and _has_affinity(rules, labels) and all(tolerates(rules, taint, gpus) for taint in taints)


def _has_affinity(rules: Rules, labels: Labels) -> bool:
    return not rules.affinity or any(_term_holds(term, labels) for term in rules.affinity)


def _term_holds(term: Mapping[str, Any], labels: Labels) -> bool:
    rows = [row for row in _rows(term.get("matchExpressions")) if row.get("key") != ZONE or ZONE in labels]
    names = [{**row, "key": HOST} for row in _rows(term.get("matchFields"))]
    stated = _rows(term.get("matchExpressions")) or names
    return bool(stated) and all(holds(row, labels) for row in (*rows, *names))


def tolerates(rules: Rules, taint: Taint, gpus: int = 0) -> bool:
    """Whether a taint lets pods in. Pods that ask for GPUs tolerate the GPU taint: EKS adds that itself."""
    key, value, effect = taint
    return (key == GPU and gpus > 0) or any(_matches(one, key, value, effect) for one in rules.tolerations)


def _matches(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    if toleration.get("key") not in (None, "", key):
        return False
    wanted = str(toleration.get("effect") or "").upper()
    if wanted and wanted != effect.replace("_", ""):
        return False
    return toleration.get("operator") == "Exists" or str(toleration.get("value") or "") == value
