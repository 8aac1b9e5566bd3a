"""What objects on the cluster make AWS charge for: volumes and load balancers. All else runs on nodes, paid as such."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from mlops.capacity.quantities import gibibytes
from mlops.cost.model import Context, Item, Rule, number
from mlops.cost.rules.network import load_balancer_items
from mlops.cost.rules.storage import volume_items
from mlops.plan.graph import Node

RELEASE = "kubernetes:helm.sh/v3:Release"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
_INGRESS_GROUP = "alb.ingress.kubernetes.io/group.name"


def claim(node: Node, context: Context) -> Iterator[Item]:
    yield from _volume("volume claim", _requested(node.inputs.get("spec")), Decimal(1))


def stateful_set(node: Node, context: Context) -> Iterator[Item]:
    """A volume for each replica and template."""
    spec = node.inputs.get("spec") or {}
    replicas = number(spec.get("replicas"), 1)
    for template in spec.get("volumeClaimTemplates") or ():
        yield from _volume(f"volumes of {replicas} replicas", _requested(template.get("spec")), replicas)


def release(node: Node, context: Context) -> Iterator[Item]:
    """Volumes that a chart's values ask for, and its load balancers."""
    values = node.inputs.get("values") or {}
    for path, size, replicas in volumes(values):
        yield from _volume(f"volume of {node.inputs.get('chart')}: {path or 'data'}", size, replicas)
    for kind, public in _services(values):
        yield from load_balancer_items(kind, context, 2 if public else 0)


def custom(node: Node, context: Context) -> Iterator[Item]:
    """A custom resource from which an operator makes volumes."""
    for path, size, replicas in volumes(node.inputs.get("spec") or {}):
        yield from _volume(f"volume: {path or 'data'}", size, replicas)


def service(node: Node, context: Context) -> Iterator[Item]:
    if (node.inputs.get("spec") or {}).get("type") == "LoadBalancer":
        public = 2 if _internet_facing(node.inputs.get("metadata")) else 0
        yield from load_balancer_items("nlb", context, public)


def ingress(node: Node, context: Context) -> Iterator[Item]:
    """An application load balancer; ingresses of one group share it, and the first of them pays."""
    if group := _group(node):
        sharing = (one for one in context.of_type(INGRESS) if _group(one) == group)
        if next(sharing).urn != node.urn:
            return
    public = 2 if _internet_facing(node.inputs.get("metadata")) else 0
    yield from load_balancer_items("alb", context, public)


def volumes(values: Any, path: str = "", replicas: Decimal = Decimal(1)) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Volumes that values or a spec ask for: path, GiB, how many.

    Charts write them as a claim template, or as `persistence` with a size. The nearest `replicas` above counts.
    """
    if isinstance(values, Mapping):
        replicas = number(values.get("replicas", values.get("replicaCount")), float(replicas))
        if "volumeClaimTemplate" in values:
            yield path, _requested((values["volumeClaimTemplate"] or {}).get("spec")), replicas
        persistence = values.get("persistence")
        if isinstance(persistence, Mapping) and persistence.get("enabled", True) and persistence.get("size"):
            yield path, gibibytes(persistence["size"]), replicas
        for key, value in values.items():
            if key not in ("volumeClaimTemplate", "persistence"):
                yield from volumes(value, f"{path}.{key}" if path else str(key), replicas)
    elif isinstance(values, list):
        for value in values:
            yield from volumes(value, path, replicas)


def _services(values: Any) -> Iterator[tuple[str, bool]]:
    """Load balancers that a chart's values ask for."""
    if isinstance(values, Mapping):
        if values.get("type") == "LoadBalancer":
            yield "nlb", _internet_facing(values)
        for value in values.values():
            yield from _services(value)


def _volume(label: str, gb: Decimal, count: Decimal) -> Iterator[Item]:
    """The platform's default storage class is gp3."""
    yield from volume_items(f"{label}, {gb.normalize():f} GB gp3", "gp3", gb, count)


def _requested(spec: Any) -> Decimal:
    requests = ((spec or {}).get("resources") or {}).get("requests") or {}
    return gibibytes(requests.get("storage", 0))


def _annotations(metadata: Any) -> Mapping[str, Any]:
    return (metadata or {}).get("annotations") or {}


def _group(node: Node) -> str:
    return str(_annotations(node.inputs.get("metadata")).get(_INGRESS_GROUP) or "")


def _internet_facing(metadata: Any) -> bool:
    return any(str(value) == "internet-facing" for value in _annotations(metadata).values())


RULES: dict[str, Rule] = {
    "kubernetes:core/v1:PersistentVolumeClaim": claim,
    "kubernetes:apps/v1:StatefulSet": stateful_set,
    RELEASE: release,
    "kubernetes:core/v1:Service": service,
    INGRESS: ingress,
    "kubernetes:monitoring.coreos.com/v1:Prometheus": custom,
    "kubernetes:kafka.strimzi.io/v1beta2:Kafka": custom,
}
