"""The workloads behind custom resources: what an operator makes of them, as far as they write it out.

Most custom resources carry pods as Kubernetes writes them, at whatever place: a mapping with `containers` is the spec
of a pod. Those that write pods in words of their own (KServe, Argo, Spark, Tekton) are known by name. Each comes out
as the workload that its operator makes, so that whoever reads pods reads one form only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.operators import READERS, Found
from mlops.plan.values import UNKNOWN

DEPLOYMENT, JOB = "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"
_POD = "spec.template.spec"

NATIVE = frozenset(
    (
        *("apps", "autoscaling", "batch", "core", "extensions", "helm.sh", "policy", "yaml"),
        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "certificates.k8s.io", "coordination.k8s.io"),
        *("discovery.k8s.io", "events.k8s.io", "networking.k8s.io", "rbac.authorization.k8s.io"),
        *("scheduling.k8s.io", "storage.k8s.io"),
    )
)
"""Groups of Kubernetes itself, and of Pulumi's provider for it: their pods stand in them."""

_SELDOM = ("Job", "Workflow", "WorkflowTemplate", "Task", "Run", "Application", "TrainingRuntime")
"""Ends of kinds whose pods run to completion."""


_KINDS = frozenset(
    (
        *("CronJob", "DaemonSet", "Deployment", "Job", "Pod"),
        *("ReplicaSet", "ReplicationController", "StatefulSet"),
    )
)
CARRYING = frozenset(
    (
        *("serving.kserve.io", "serving.knative.dev", "ray.io", "kubeflow.org", "sparkoperator.k8s.io", "tekton.dev"),
        *("leaderworkerset.x-k8s.io", "jobset.x-k8s.io", "flink.apache.org", "machinelearning.seldon.io"),
        *("batch.volcano.sh", "apps.kruise.io", "argoproj.io"),
    )
)
"""Groups of custom resources whose purpose is to run pods."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One workload behind a resource, and where in that one its pod stands."""

    node: Node
    """A Deployment or Job of the same name; its URN is the resource's, with the part behind a `#`."""
    places: Mapping[str, str]
    """Path in the workload -> path in the resource, for sentences that say where something is."""


def behind(node: Node) -> tuple[Part, ...]:
    """The workloads that operators make of a resource; none where it makes none, or does not write them out."""
    if not node.type.startswith("kubernetes:") or is_workload(node.type):
        return ()
    kind = node.type.rpartition(":")[2]
    found = list(READERS.get(kind, _written_out)(node.inputs))
    if not found and group(node.type) in CARRYING and _hides(node.inputs.get("spec")):
        # Its pods are in what only the deployment will tell.
        found = [Found(path="spec", spec=UNKNOWN)]
    return tuple(_part(node, one, kind) for one in found)


def _hides(value: Any) -> bool:
    """Whether something in a structure is known only after the deployment."""
    if isinstance(value, Mapping):
        return any(map(_hides, value.values()))
    return any(map(_hides, value)) if isinstance(value, list) else value == UNKNOWN


def is_workload(type_: str) -> bool:
    """Whether a type is one of Kubernetes' own whose pods stand where everybody knows."""
    return group(type_) in NATIVE and type_.rpartition(":")[2].removesuffix("Patch") in _KINDS


def group(type_: str) -> str:
    """The API group of a type of Kubernetes: `apps` of `kubernetes:apps/v1:Deployment`."""
    return type_.removeprefix("kubernetes:").partition("/")[0]


def _part(node: Node, found: Found, kind: str) -> Part:
    metadata = {"labels": found.labels} if found.labels else {}
    type_, count = (JOB, "parallelism") if kind.endswith(_SELDOM) else (DEPLOYMENT, "replicas")
    workload = {
        "metadata": node.inputs.get("metadata") or {},
        "spec": {count: found.replicas, "template": {"metadata": metadata, "spec": found.spec}},
    }
    made = replace(
        node,
        urn=f"{node.urn}#{found.path}",
        type=type_,
        inputs=workload,
        property_dependencies={},
    )
    own = {f"{_POD}.{inside}": outside for inside, outside in (found.containers or {}).items()}
    return Part(node=made, places={**own, _POD: found.path, f"spec.{count}": f"{found.path}.minReplicas"})


def _written_out(inputs: Mapping[str, Any], path: str = "") -> Iterator[Found]:
    """Pods that stand in a resource as Kubernetes writes them."""
    for key, value in inputs.items():
        yield from _below(value, f"{path}.{key}".lstrip("."), inputs)


def _below(value: Any, path: str, around: Mapping[str, Any]) -> Iterator[Found]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(item, f"{path}[{index}]", around)
    elif isinstance(value, Mapping):
        if _is_pod(value):
            yield Found(path=path, spec=value, replicas=_replicas(around))
            return
        template = value.get("template")
        pod = template.get("spec") if isinstance(template, Mapping) else None
        if isinstance(pod, Mapping) and _is_pod(pod):
            labels = (template.get("metadata") or {}).get("labels") if isinstance(template, Mapping) else None
            yield Found(path=f"{path}.template.spec", spec=pod, labels=labels, replicas=_replicas(value))
            value = {key: item for key, item in value.items() if key != "template"}
        for key, item in value.items():
            yield from _below(item, f"{path}.{key}", value)


def _is_pod(value: Mapping[str, Any]) -> bool:
    listed = value.get("containers")
    return isinstance(listed, list) and any(
        isinstance(one, Mapping) and {"name", "image"} & one.keys() for one in listed
    )


def _replicas(around: Mapping[str, Any]) -> Any:
    return next((around[key] for key in ("replicas", "minReplicas", "parallelism") if key in around), 1)
