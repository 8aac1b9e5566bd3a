"""The pods that a graph makes, with what they request: written out in workloads, hidden in charts and add-ons."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mlops.capacity.quantities import mebibytes, millicores
from mlops.plan.graph import Graph, Node

ADDON = "aws:eks/addon:Addon"
RELEASE = "kubernetes:helm.sh/v3:Release"
_DATA = Path(__file__).parent / "data" / "pods.json"
_GPU = "nvidia.com/gpu"
_SERVICE_CPU, _SERVICE_MEMORY = "1", "2Gi"
"""What KServe requests for a model that asks for nothing (its `inferenceservice-config`)."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Pods of one kind."""

    name: str
    module: str
    replicas: int
    """How many; for a daemon, one a node."""
    cpu: int = 0
    """Request, thousandths of a core."""
    memory: int = 0
    """Request, MiB."""
    gpus: int = 0
    daemon: bool = False
    selector: Mapping[str, str]
    """Labels that a node must have."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    passing: bool = False
    """Whether they come and go: jobs."""
    assumed: str = ""
    """Where requests come from that the graph does not state; `memory` if from nowhere else."""

    def tolerates(self, taint: tuple[str, str, str]) -> bool:
        """Whether a taint lets these pods in. Pods that ask for GPUs tolerate the GPU taint: EKS adds that itself."""
        key, value, effect = taint
        if key == _GPU and self.gpus:
            return True
        return any(_matches(toleration, key, value, effect) for toleration in self.tolerations)


def _matches(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    if toleration.get("key") not in (None, key):
        return False
    wanted = str(toleration.get("effect") or "").upper()
    if wanted and wanted != effect.replace("_", ""):
        return False
    return toleration.get("operator") == "Exists" or str(toleration.get("value") or "") == value


@cache
def _tables() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return content


def known_charts() -> frozenset[str]:
    """Charts whose pods are known."""
    return frozenset(_tables()["charts"])


def chart_pods(chart: str) -> bool:
    """Whether a chart makes pods; charts that are not known are taken to."""
    rows = _tables()["charts"].get(chart)
    return rows is None or bool(rows)


def source(key: str) -> str:
    """Where assumed requests come from, in words."""
    return str(_tables()["sources"].get(key, key))


def pods(graph: Graph) -> tuple[Pods, ...]:
    """All pods of a graph, in order of registration."""
    found = []
    for node in graph:
        if reader := _READERS.get(node.type) or _READERS.get(node.type.rpartition(":")[2]):
            found += [_with_autoscaler(made, node, graph) for made in reader(node, graph.module(node))]
    return tuple(found)


def unknown_charts(graph: Graph) -> tuple[str, ...]:
    """Charts of a graph whose pods are not known, each once."""
    charts = {_chart(node) for node in graph.of_type(RELEASE)}
    return tuple(sorted(charts - known_charts()))


def _chart(node: Node) -> str:
    return str(node.inputs.get("chart")).rpartition("/")[2]


def _workload(node: Node, module: str) -> Iterator[Pods]:
    spec = node.inputs.get("spec") or {}
    kind = node.type.rpartition(":")[2]
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = node.inputs if kind == "Pod" else spec.get("template") or {}
    replicas = spec.get("parallelism" if kind in ("Job", "CronJob") else "replicas")
    made = _from_pod(_name(node), module, template.get("spec") or {}, 1 if replicas is None else int(replicas))
    yield replace(made, daemon=kind == "DaemonSet", passing=kind in ("Job", "CronJob"))


def _with_autoscaler(made: Pods, node: Node, graph: Graph) -> Pods:
    """An autoscaler brings at least its fewest replicas."""
    if node.type != "kubernetes:apps/v1:Deployment":
        return made
    for scaler in graph.of_type("kubernetes:autoscaling/v2:HorizontalPodAutoscaler"):
        spec = scaler.inputs.get("spec") or {}
        same_place = _namespace(scaler) == _namespace(node)
        if same_place and (spec.get("scaleTargetRef") or {}).get("name") == _name(node):
            return replace(made, replicas=int(spec.get("minReplicas") or 1))
    return made


def _inference_service(node: Node, module: str) -> Iterator[Pods]:
    spec = node.inputs.get("spec") or {}
    for role in ("predictor", "transformer", "explainer"):
        part = spec.get(role)
        if part:
            containers = [part["model"]] if "model" in part else part.get("containers") or [{}]
            replicas = int(part.get("minReplicas", 1))
            made = _from_pod(f"{_name(node)} {role}", module, {**part, "containers": containers}, replicas)
            requested = made.cpu or made.memory
            yield (
                made
                if requested
                else replace(made, cpu=millicores(_SERVICE_CPU), memory=mebibytes(_SERVICE_MEMORY), assumed="kserve")
            )


def _operator(node: Node, module: str) -> Iterator[Pods]:
    spec = node.inputs.get("spec") or {}
    replicas = _at(spec, "high-availability").get("replicas", 1)
    own = {str(one.get("name")): one for one in spec.get("workloads") or ()}
    for row in _tables()["operators"][node.type.rpartition(":")[2]]:
        yield _from_row(row, module, {"replicas": replicas, **own.get(row["name"], {})})


def _addon(node: Node, module: str) -> Iterator[Pods]:
    text = node.inputs.get("configurationValues")
    values = json.loads(text) if isinstance(text, str) and text.startswith("{") else {}
    for row in _tables()["addons"].get(str(node.inputs.get("addonName")), ()):
        yield _from_row(row, module, _at(values, row["at"]) if "at" in row else {})


def _release(node: Node, module: str) -> Iterator[Pods]:
    values = node.inputs.get("values") or {}
    for row in _tables()["charts"].get(_chart(node), ()):
        yield _from_row(row, module, _at(values, row["at"]))


def _from_row(row: Mapping[str, Any], module: str, values: Mapping[str, Any]) -> Pods:
    """Pods of a chart: what its values say, else what the chart says."""
    resources = values.get("resources")
    given = _at(resources, "requests") if isinstance(resources, Mapping) else {}
    above, _, last = str(row.get("replicas_at", "replicaCount")).rpartition(".")
    replicas = _at(values, above).get(last, values.get("replicas", row.get("replicas", 1)))
    return Pods(
        name=row["name"],
        module=module,
        replicas=int(replicas),
        cpu=millicores(given.get("cpu", row.get("cpu"))),
        memory=mebibytes(given.get("memory", row.get("memory"))),
        daemon=row.get("daemon", False),
        selector=_selector(values),
        # Daemons of the platform's own run on every node.
        tolerations=({"operator": "Exists"},) if row.get("daemon") else tuple(values.get("tolerations") or ()),
        assumed="" if given else row["source"],
    )


def _selector(values: Mapping[str, Any]) -> dict[str, str]:
    """Labels that a node must have: by selector, and by an affinity that names one value for each."""
    required = _at(values, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution")
    terms = required.get("nodeSelectorTerms") or ()
    rules = terms[0].get("matchExpressions") or () if len(terms) == 1 else ()
    by_affinity = {rule["key"]: rule["values"][0] for rule in rules if len(rule.get("values") or ()) == 1}
    return {str(key): str(value) for key, value in {**by_affinity, **(values.get("nodeSelector") or {})}.items()}


def _from_pod(name: str, module: str, spec: Mapping[str, Any], replicas: int) -> Pods:
    """What the scheduler reckons with: all containers together, or the largest initial one if that is more."""
    main = [_requests(container) for container in spec.get("containers") or ()]
    # Sidecars (initial containers that are restarted) run along with the others.
    initial = list(spec.get("initContainers") or ())
    main += [_requests(container) for container in initial if container.get("restartPolicy") == "Always"]
    first = [_requests(container) for container in initial if container.get("restartPolicy") != "Always"]
    cpu, memory, gpus = (
        max([sum(requests[index] for requests in main), *(requests[index] for requests in first)]) for index in range(3)
    )
    return Pods(
        name=name,
        module=module,
        replicas=replicas,
        cpu=cpu,
        memory=memory,
        gpus=gpus,
        selector={str(key): str(value) for key, value in (spec.get("nodeSelector") or {}).items()},
        tolerations=tuple(spec.get("tolerations") or ()),
    )


def _requests(container: Mapping[str, Any]) -> tuple[int, int, int]:
    """CPU, memory, GPUs. A limit without a request is the request."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return millicores(asked.get("cpu")), mebibytes(asked.get("memory")), int(asked.get(_GPU) or 0)


def _at(values: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    for part in path.split(".") if path else ():
        inner = values.get(part)
        values = inner if isinstance(inner, Mapping) else {}
    return values


def _name(node: Node) -> str:
    return str((node.inputs.get("metadata") or {}).get("name") or node.name)


def _namespace(node: Node) -> str:
    return str((node.inputs.get("metadata") or {}).get("namespace") or "default")


_Reader = Callable[[Node, str], Iterator[Pods]]
_WORKLOADS: Sequence[str] = ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "core/v1:Pod")
_JOBS: Sequence[str] = ("batch/v1:Job", "batch/v1:CronJob")
_READERS: Mapping[str, _Reader] = {
    **{f"kubernetes:{kind}": _workload for kind in (*_WORKLOADS, *_JOBS)},
    ADDON: _addon,
    RELEASE: _release,
    "InferenceService": _inference_service,
    "KnativeServing": _operator,
}
