"""A workload's pods as Kubernetes runs them: variables, probes, resources.

Pure: manifests in the API server's own spelling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.base.workload import Workload
from components.kubernetes.objects import CONTAINER_SECURITY, OUT_OF_ENDPOINTS, POD_SECURITY, from_secret
from components.kubernetes.scraping import announced

LOGIN_SECRET = "mlflow-login"
"""Secret with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, made by hand where the MLflow server asks who one
is."""
NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""Annotation: the object counts as made when it is written. Pods start once their image is pushed to the registry that
the same `up` makes, and are ready once the loop has promoted a model."""

_SCRATCH = "scratch"
_SERVICE_PERIODS, _WORKER_PERIODS = (2, 20, 5), (5, 20, 10)
"""Seconds between two looks at the start, the health and the readiness. Imports of a worker take their time on a fresh
node, and nobody waits for it."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a job runs."""

    cron: str
    """In UTC, as Kubernetes writes it: `*/15 * * * *`."""
    deadline_seconds: int
    """After which a run is given up."""


@dataclass(frozen=True, kw_only=True)
class PodParts:
    """What the cluster adds to a workload."""

    application: str
    service_account: pulumi.Input[str]
    secrets: Mapping[str, tuple[pulumi.Input[str], str]]
    """Variable -> the Secret and its key that hold it."""
    place: Mapping[str, object]
    """The fields of a pod that bring it into its node group."""
    announced: bool
    """Whether scrapers are told of its metrics, if it has some."""


def labels(application: str, workload: Workload) -> dict[str, str]:
    """Of the pods of a workload and of what belongs to them."""
    return {"app.kubernetes.io/name": workload.shape.name, "app.kubernetes.io/part-of": application}


def template(workload: Workload, parts: PodParts) -> dict[str, object]:
    """The pod of a workload."""
    shape = workload.shape
    pod = {
        **parts.place,
        "serviceAccountName": parts.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            **POD_SECURITY,
            "runAsUser": workload.user,
            "runAsGroup": workload.user,
            "fsGroup": workload.user,
        },
        # Waiting events are written out before the end.
        "terminationGracePeriodSeconds": 35,
        "containers": [_container(workload, parts)],
        "volumes": [{"name": _SCRATCH, "emptyDir": {"sizeLimit": f"{shape.scratch_gb}Gi"}}],
    }
    own = labels(parts.application, workload)
    if shape.fewest > 1:
        topologies = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        pod["topologySpreadConstraints"] = [_spread(topology, own) for topology in topologies]
    port = workload.metrics_port or workload.port
    scrape = announced(port, workload.metrics) if workload.metrics and parts.announced else {}
    return {"metadata": {"labels": own, "annotations": scrape}, "spec": pod}


def scheduled_spec(pod: Mapping[str, Any], schedule: Schedule) -> dict[str, object]:
    """A job that runs by the clock, never beside itself; what failed is tried once more, and the next run is another
    attempt. Of what is over little is kept: logs are where logs go."""
    template = {**pod, "metadata": {"labels": pod["metadata"]["labels"]}, "spec": _to_its_end(pod["spec"])}
    return {
        "schedule": schedule.cron,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 2,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 1,
                "activeDeadlineSeconds": schedule.deadline_seconds,
                "ttlSecondsAfterFinished": 86_400,
                "template": template,
            }
        },
    }


def _to_its_end(spec: Mapping[str, Any]) -> dict[str, object]:
    """A pod that ends by itself: nobody asks it, and nobody looks whether it answers."""
    kept = ("name", "image", "args", "env", "envFrom", "resources", "securityContext", "volumeMounts")
    containers = [{key: one[key] for key in kept if key in one} for one in spec["containers"]]
    return {**spec, "restartPolicy": "Never", "containers": containers}


def deployment_spec(application: str, workload: Workload, pod: Mapping[str, object]) -> dict[str, object]:
    """Replicas that are replaced one by one, the new one first; a worker the old one first, for two would do the same
    work. No number of replicas leaves it to an autoscaler, whose number stating one would reset with every `up`."""
    shape = workload.shape
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec: dict[str, object] = {
        "selector": {"matchLabels": labels(application, workload)},
        "strategy": {"type": "Recreate"} if shape.worker else rolling,
        "template": dict(pod),
    }
    return spec if shape.most > shape.fewest else {**spec, "replicas": shape.fewest}


def service_spec(application: str, workload: Workload) -> dict[str, object]:
    """Service and container share a port because the VPC CNI's network policies demand it (EKS user guide)."""
    port = {"name": "http", "port": workload.port, "targetPort": workload.port}
    return {"type": "ClusterIP", "selector": labels(application, workload), "ports": [port]}


def _container(workload: Workload, parts: PodParts) -> dict[str, object]:
    shape = workload.shape
    variables = {"HOME": "/tmp", **workload.variables, **workload.own_variables}
    start, health, ready = _WORKER_PERIODS if shape.worker else _SERVICE_PERIODS
    probes = workload.probes
    tracks = any(grant.resource == "ml_platform" for grant in workload.grants)
    login: dict[str, object] = {"envFrom": [{"secretRef": {"name": LOGIN_SECRET, "optional": True}}]}
    return {
        "name": shape.name,
        "image": workload.image,
        **(login if tracks else {}),
        "ports": [
            {"name": name, "containerPort": port}
            for name, port in zip(("http", "metrics"), workload.ports, strict=False)
        ],
        "resources": {"requests": {"cpu": shape.cpu, "memory": shape.memory}, "limits": {"memory": shape.memory}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": _SCRATCH, "mountPath": "/tmp"}],
        **({"args": list(workload.command)} if workload.command else {}),
        "env": [
            *({"name": name, "value": value} for name, value in variables.items()),
            *(from_secret(variable, secret, key) for variable, (secret, key) in parts.secrets.items()),
        ],
        "startupProbe": _probe(probes.health, workload.port, period=start, failures=probes.start_seconds // start),
        "livenessProbe": _probe(probes.health, workload.port, period=health, failures=3),
        "readinessProbe": _probe(probes.ready, workload.port, period=ready, failures=3 if shape.worker else 2),
        **({} if shape.worker else {"lifecycle": OUT_OF_ENDPOINTS}),
    }


def _probe(path: str, port: int, *, period: int, failures: int) -> dict[str, object]:
    """Seconds between calls, and calls that may fail."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 3,
    }


def _spread(topology: str, own: Mapping[str, str]) -> dict[str, object]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(own)},
    }
