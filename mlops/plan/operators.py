"""Pods in the words of operators: custom resources that do not write them as Kubernetes does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.values import UNKNOWN

_PREDICTORS = (
    *("model", "sklearn", "xgboost", "tensorflow", "pytorch", "triton"),
    *("onnx", "huggingface", "pmml", "lightgbm", "paddle"),
)
"""Where an InferenceService writes its model's container. Source: KServe's CRD, `serving.kserve.io/v1beta1`."""
_KSERVE_RESOURCES = {"cpu": "1", "memory": "2Gi"}
"""What KServe gives a model that asks for nothing. Source: its `inferenceservice-config`, key `inferenceService`."""
_ROUTER_RESOURCES = {"requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"memory": "500Mi"}}
"""What KServe gives a router. Source: its `inferenceservice-config`, key `router`."""
_SHARED = ("securityContext", "serviceAccountName", "automountServiceAccountToken", "volumes", "hostNetwork")
_PLACED = ("hostNetwork", "nodeSelector", "tolerations", "affinity")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A pod in a custom resource."""

    path: str
    spec: Any
    labels: Any = None
    replicas: Any = 1
    containers: Mapping[str, str] | None = None
    """Container's path in the pod -> its path in the resource, where that has a place of its own."""


def _inference_service(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """KServe's own containers are filled in from a serving runtime, which the graph need not hold: what the service
    does not state about them is unknown."""
    spec = inputs.get("spec")
    if not isinstance(spec, Mapping):
        yield Found(path="spec", spec=UNKNOWN)
        return
    roles = [(f"spec.{role}", spec[role], role) for role in ("predictor", "transformer", "explainer") if role in spec]
    canaries = spec.get("canary") if isinstance(spec.get("canary"), list) else []
    for index, row in enumerate(canaries or ()):
        if isinstance(row, Mapping) and "predictor" in row:
            roles.append((f"spec.canary[{index}].predictor", row["predictor"], "predictor"))
    for path, part, role in roles:
        labels = {"component": role, "serving.kserve.io/inferenceservice": _name(inputs)}
        yield _of_role(path, part, labels)
        worker = part.get("workerSpec") if isinstance(part, Mapping) else None
        if isinstance(worker, Mapping):
            yield _of_role(f"{path}.workerSpec", worker, labels)


def _of_role(path: str, part: Any, labels: Mapping[str, Any]) -> Found:
    if not isinstance(part, Mapping):
        return Found(path=path, spec=UNKNOWN, labels=labels)
    own = [key for key in _PREDICTORS if isinstance(part.get(key), Mapping)]
    written = part.get("containers")
    written = written if isinstance(written, list) else []
    filled = [_filled_in(part[key], part.get("securityContext")) for key in own]
    if not own and not written:
        filled = [_filled_in({}, part.get("securityContext"))]
    moved = {f"containers[{len(written) + index}]": f"{path}.{key}" for index, key in enumerate(own)}
    replicas = part.get("minReplicas", 1)
    return Found(
        path=path,
        spec={**part, "containers": [*written, *filled]},
        labels={**labels, **(part.get("labels") or {})},
        replicas=replicas,
        containers=moved,
    )


def _filled_in(container: Mapping[str, Any], pods: Any) -> dict[str, Any]:
    """A container of which the runtime states the rest."""
    rest = {"image": UNKNOWN, "readinessProbe": UNKNOWN, "livenessProbe": UNKNOWN}
    resources = container.get("resources") or {}
    asked = resources if isinstance(resources, Mapping) else {"requests": UNKNOWN, "limits": UNKNOWN}
    given = {
        "requests": asked.get("requests") or asked.get("limits") or _KSERVE_RESOURCES,
        "limits": asked.get("limits") or asked.get("requests") or _KSERVE_RESOURCES,
    }
    security = container.get("securityContext")
    known = security if isinstance(security, Mapping) else {}
    return {
        "name": "kserve-container",
        **rest,
        **container,
        "resources": given,
        "securityContext": UNKNOWN if security is None and not pods else {**_unsaid(pods), **known},
    }


def _unsaid(pods: Any) -> dict[str, Any]:
    """The settings of a container that neither it nor its pod states."""
    names = ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot", "capabilities", "seccompProfile")
    return {name: UNKNOWN for name in names if not (isinstance(pods, Mapping) and name in pods)}


def _inference_graph(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """The router in front of models. Its image and security are KServe's own (`inferenceservice-config`, key
    `router`; `reconcilers/../inferencegraph`), and not in the resource."""
    spec = inputs.get("spec")
    if not isinstance(spec, Mapping):
        yield Found(path="spec", spec=UNKNOWN)
        return
    router = {
        "name": "router",
        "image": UNKNOWN,
        "securityContext": UNKNOWN,
        "resources": spec.get("resources") or _ROUTER_RESOURCES,
    }
    kept = {key: spec[key] for key in ("affinity", "tolerations", "nodeSelector", "serviceAccountName") if key in spec}
    labels = {"serving.kserve.io/inferencegraph": _name(inputs)}
    yield Found(path="spec", spec={**kept, "containers": [router]}, labels=labels, replicas=spec.get("minReplicas", 1))


def _workflow(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """Argo writes one container a step: `container`, `script` or a set of them."""
    for path, spec in (("spec", inputs.get("spec")), ("spec.workflowSpec", _down(inputs, "spec", "workflowSpec"))):
        if not isinstance(spec, Mapping):
            continue
        shared = {key: spec[key] for key in _SHARED if key in spec}
        for index, step in enumerate(spec.get("templates") or ()):
            where = f"{path}.templates[{index}]"
            written = [key for key in ("container", "script") if isinstance(_down(step, key), Mapping)]
            if written:
                containers = [step[key] for key in written] + list(step.get("sidecars") or ())
                moved = {f"containers[{place}]": f"{where}.{key}" for place, key in enumerate(written)}
                own = {key: step[key] for key in (*shared, "initContainers", "nodeSelector") if key in step}
                yield Found(path=where, spec={**shared, **own, "containers": containers}, containers=moved)


def _spark(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """Spark names what its driver and executors need in words of its own."""
    for base in ("spec", "spec.template"):
        spec = _down(inputs, *base.split("."))
        if not isinstance(spec, Mapping):
            continue
        for role in ("driver", "executor"):
            part = spec.get(role)
            if isinstance(part, Mapping):
                asked = {"cpu": part.get("coreRequest", part.get("cores", 1)), "memory": _spark_memory(part)}
                container = {
                    "name": role,
                    "image": part.get("image", spec.get("image", UNKNOWN)),
                    "env": part.get("env") or [],
                    "resources": {"requests": asked, "limits": asked},
                    # The operator looks after drivers, and they after executors.
                    "readinessProbe": UNKNOWN,
                    "livenessProbe": UNKNOWN,
                    **({"securityContext": part["securityContext"]} if "securityContext" in part else {}),
                }
                pod = {
                    **({"securityContext": part["podSecurityContext"]} if "podSecurityContext" in part else {}),
                    **{key: part[key] for key in _PLACED if key in part},
                    **({"serviceAccountName": part["serviceAccount"]} if "serviceAccount" in part else {}),
                    **({"volumes": spec["volumes"]} if "volumes" in spec else {}),
                    "containers": [container],
                }
                where = f"{base}.{role}"
                yield Found(
                    path=where, spec=pod, replicas=part.get("instances", 1), containers={"containers[0]": where}
                )


def _spark_memory(part: Mapping[str, Any]) -> str:
    """What a pod asks for: the heap, and what is beside it where that is said. Spark's `g` and `m` are Kubernetes' `Gi`
    and `Mi`."""
    heap, beside = str(part.get("memory", "1g")), str(part.get("memoryOverhead", ""))
    if not beside:
        return f"{heap[:-1]}{heap[-1].upper()}i" if heap[-1:] in "gmGM" else heap
    return f"{_spark_mebibytes(heap) + _spark_mebibytes(beside)}Mi"


def _spark_mebibytes(text: str) -> int:
    """Of `2g` or `512m`; a number alone is MiB."""
    unit = text[-1:].lower()
    number = int(text.rstrip("gGmM") or 0)
    return number * 1024 if unit == "g" else number


def _flink(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """Flink's manager and workers are one template, and a resource of each; workers carry as many copies as they have
    slots."""
    spec = inputs.get("spec")
    if not isinstance(spec, Mapping):
        yield Found(path="spec", spec=UNKNOWN)
        return
    slots = _number(_down(spec, "flinkConfiguration", "taskmanager.numberOfTaskSlots"))
    workers = -(-_number(_down(spec, "job", "parallelism")) // slots)
    managers = _number(_down(spec, "jobManager", "replicas"))
    for role, replicas in (("jobManager", managers), ("taskManager", workers)):
        pod = _down(spec, "podTemplate", "spec")
        pod = pod if isinstance(pod, Mapping) else {}
        told = next((one for one in pod.get("containers") or () if one.get("name") == _FLINK_CONTAINER), {})
        asked = _down(spec, role, "resource") or {}
        sizes = {"cpu": asked.get("cpu", 1), "memory": f"{str(asked.get('memory', '1024m')).rstrip('mM')}Mi"}
        container = {
            **told,
            "name": _FLINK_CONTAINER,
            "image": spec.get("image", UNKNOWN),
            "resources": {"requests": sizes, "limits": sizes},
            # The operator and Flink's own server look after them.
            "readinessProbe": UNKNOWN,
            "livenessProbe": UNKNOWN,
        }
        shared = {"serviceAccountName": spec["serviceAccount"]} if "serviceAccount" in spec else {}
        labels = {"app": _name(inputs), "component": role.lower()}
        yield Found(
            path=f"spec.{role}",
            spec={**pod, **shared, "containers": [container]},
            labels=labels,
            replicas=replicas,
            containers={"containers[0]": "spec.podTemplate.spec.containers[0]"},
        )


_FLINK_CONTAINER = "flink-main-container"


def _number(value: Any) -> int:
    """A count that may be written as a text; one where it is not written."""
    text = str(value)
    return int(text) if text.isdecimal() and int(text) else 1


def _task(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """Tekton's steps are the containers of one pod."""
    for base in ("spec", "spec.taskSpec"):
        steps = _down(inputs, *base.split("."), "steps")
        if isinstance(steps, list):
            moved = {f"containers[{index}]": f"{base}.steps[{index}]" for index in range(len(steps))}
            yield Found(path=base, spec={"containers": steps}, containers=moved)


def _down(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _name(inputs: Mapping[str, Any]) -> Any:
    return _down(inputs, "metadata", "name") or UNKNOWN


def _seldon_server(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """A pool of Seldon's model servers: what the resource states of its pod, laid over what the chart's ServerConfig
    says (seldon-core 2.10.2, k8s/helm-charts/seldon-core-v2-setup/values.yaml, key `serverConfig`)."""
    spec = inputs.get("spec")
    if not isinstance(spec, Mapping) or "serverConfig" not in spec:
        return
    pod: Mapping[str, Any] = _down(spec, "podSpec") or {}
    given = {one.get("name"): one for one in _down(pod, "containers") or () if isinstance(one, Mapping)}
    asked = {
        "rclone": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "agent": {"requests": {"cpu": "200m", "memory": "1Gi"}},
        str(spec["serverConfig"]): {"requests": {"cpu": "100m", "memory": "1Gi"}},
    }
    containers = [
        {
            "image": UNKNOWN,
            "securityContext": UNKNOWN,
            **given.get(name, {"name": name}),
            "resources": _down(given.get(name), "resources") or resources,
        }
        for name, resources in asked.items()
    ]
    shared = {key: pod[key] for key in _PLACED if key in pod}
    labels = {"app.kubernetes.io/name": _name(inputs)}
    path = "spec.podSpec"
    yield Found(path=path, spec={**shared, "containers": containers}, labels=labels, replicas=spec.get("replicas", 1))


def _training_runtime(inputs: Mapping[str, Any]) -> Iterator[Found]:
    """Kubeflow Trainer: the pods of a run stand in its runtime, as a JobSet writes them, and how many in its policy.
    With Open MPI a launcher is one of the nodes. A TrainJob only names its runtime."""
    nodes = _number(_down(inputs, "spec", "mlPolicy", "numNodes"))
    parts = _down(inputs, "spec", "template", "spec", "replicatedJobs")
    launched = any(_down(part, "name") == "launcher" for part in parts or ())
    for index, part in enumerate(parts or ()):
        template = _down(part, "template", "spec", "template")
        pod = _down(template, "spec")
        if not isinstance(pod, Mapping):
            continue
        # The trainer looks after launchers and nodes, and a run that fails is begun anew.
        watched = [{"readinessProbe": UNKNOWN, "livenessProbe": UNKNOWN, **one} for one in pod.get("containers") or ()]
        yield Found(
            path=f"spec.template.spec.replicatedJobs[{index}].template.spec.template.spec",
            spec={**pod, "containers": watched},
            labels=_down(template, "metadata", "labels"),
            replicas=1 if _down(part, "name") == "launcher" else nodes - launched,
        )


READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Found]]] = {
    "InferenceService": _inference_service,
    "InferenceGraph": _inference_graph,
    **dict.fromkeys(("Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"), _workflow),
    "Server": _seldon_server,
    **dict.fromkeys(("SparkApplication", "ScheduledSparkApplication"), _spark),
    "FlinkDeployment": _flink,
    **dict.fromkeys(("TrainingRuntime", "ClusterTrainingRuntime"), _training_runtime),
    "TrainJob": lambda inputs: iter(()),
    **dict.fromkeys(("Task", "ClusterTask", "TaskRun"), _task),
}
"""Kinds that write pods in words of their own. Sources: their CRDs (KServe, Argo Workflows, Spark and Flink
operators, Kubeflow Trainer, Tekton)."""
