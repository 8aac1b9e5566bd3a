"""Pods in Kubernetes objects: where their specs and containers stand, and what a container inherits from its pod."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.facts import facts
from policies.model import ABSENT, look

_LISTS = ("containers", "initContainers", "ephemeralContainers")
RUN_TO_COMPLETION = ("kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob")


def spec_path(node: Node) -> str:
    """Path of the pod's spec in an object's inputs; KeyError for an object that makes no pods."""
    return facts().pod_specs[node.type]


def entries(node: Node, path: str) -> Iterator[str]:
    """Paths of a list's entries. A list that is not known counts as one entry, which is not known either."""
    value = look(node.inputs, path)
    length = 1 if value == UNKNOWN else len(value) if isinstance(value, list) else 0
    yield from (f"{path}[{index}]" for index in range(length))


def containers(node: Node, *, lists: tuple[str, ...] = _LISTS) -> Iterator[str]:
    """Paths of a pod's containers, those that start and debug it included."""
    path = spec_path(node)
    if look(node.inputs, path) == UNKNOWN:
        yield f"{path}.containers[0]"
        return
    for name in lists:
        yield from entries(node, f"{path}.{name}")


def inherited(node: Node, container: str, setting: str) -> str:
    """Path at which a setting of the security context is found: the container's own, else the pod's."""
    own = f"{container}.securityContext.{setting}"
    if look(node.inputs, own) is not ABSENT:
        return own
    pods = f"{spec_path(node)}.securityContext.{setting}"
    return own if look(node.inputs, pods) is ABSENT else pods


def namespace(node: Node) -> Any:
    """The namespace of an object, `default` where it names none, or UNKNOWN."""
    value = look(node.inputs, "metadata.namespace")
    return "default" if value is ABSENT or value is None else value


def object_name(node: Node) -> Any:
    """The name that an object has on the cluster; UNKNOWN where the engine makes one up."""
    value = look(node.inputs, "metadata.name")
    return UNKNOWN if value is ABSENT else value


def pod_labels(node: Node) -> Any:
    """The labels of the pods that a workload makes, ABSENT or UNKNOWN."""
    return look(node.inputs, f"{spec_path(node).removesuffix('.spec')}.metadata.labels")


def selects(selector: Any, labels: Any) -> bool | None:
    """Whether a label selector takes pods with these labels; None where one of the two is not known."""
    if any(one in (UNKNOWN, SECRET) for one in (selector, labels)):
        return None
    wanted = selector.get("matchLabels") or {} if selector else {}
    given = labels or {}
    expressions = selector.get("matchExpressions") or [] if selector else []
    if not isinstance(wanted, Mapping) or not isinstance(given, Mapping) or expressions:
        return None
    if any(one in (UNKNOWN, SECRET) for one in (*wanted.values(), *(given.get(key) for key in wanted))):
        return None
    return wanted.items() <= given.items()
