"""A Ray cluster as KubeRay runs it: the settings of head and workers, and the custom resources that are made of them.

Fields are those of the CRDs at v1.7.0. Sources: the operator's helm-chart/kuberay-operator; Ray's "Ray on Kubernetes".
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pulumi
from pydantic import Field, model_validator

from components.compute import JobConfig
from components.kubernetes.scraping import announced
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import ContainerImage
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, Memory, ShortName

LABEL = "mlops.platform/job"
DASHBOARD_PORT, METRICS_PORT = 8265, 8080
_USER, _GROUP = 1000, 100
"""`ray` and `users` in the official images."""

RayVersion = Annotated[str, Form(r"2\.[0-9]{1,3}\.[0-9]{1,3}", "a whole version of Ray, `2.60.0`", most=10)]
Program = Annotated[
    str,
    Form(
        r"[A-Za-z0-9._/-]+(?: [A-Za-z0-9._/-]+)*",
        "a program and the file that it runs, `python /app/train.py`",
        most=500,
    ),
]


class RayWorkersConfig(Config):
    """Workers of one size."""

    name: ShortName = "workers"
    """What the group is called in the cluster."""
    cpu: Cpu = "2"
    """CPU of a worker (Kubernetes quantity)."""
    memory: Memory = "4Gi"
    """Memory of a worker (Kubernetes quantity); a third of it is Ray's object store."""
    gpus: int = Field(default=0, ge=0, le=16)
    """GPUs of a worker."""
    fewest: int = Field(default=1, ge=0, le=MOST_REPLICAS)
    """Workers that are always there while the cluster is."""
    most: int = Field(default=4, ge=1, le=MOST_REPLICAS)
    """Workers to which it grows while tasks and actors wait."""
    node_group: GroupName | None = None
    """Node group that they run on, taints or not; null leaves them to any node without taints."""

    @model_validator(mode="after")
    def _grows(self) -> "RayWorkersConfig":
        if self.most < self.fewest:
            raise ValueError(f"most is {self.most} and fewest {self.fewest}; set most to {self.fewest} or more")
        return self


class RayClusterConfig(Config):
    """Machines of a cluster, whatever is run on them."""

    version: RayVersion = "2.60.0"
    """Ray's version in the image."""
    head_cpu: Cpu = "1"
    """CPU of the head, which runs no tasks (Kubernetes quantity)."""
    head_memory: Memory = "4Gi"
    """Memory of the head (Kubernetes quantity)."""
    workers: Annotated[tuple[RayWorkersConfig, ...], Unique(most=10, by="name")] = Field(
        default=(RayWorkersConfig(),), min_length=1
    )
    """Groups of workers."""
    idle_seconds: int = Field(default=60, ge=10, le=86_400)
    """Seconds for which a worker does nothing before it goes."""


class RayStandingConfig(Config):
    """A cluster that is there all day. Ray asks nobody who one is, so that no pod of another namespace reaches it:
    people hand work to it through `kubectl port-forward`, as the cluster lets them."""

    image: ContainerImage
    """Image of head and workers, built on the official one of Ray."""
    machines: RayClusterConfig = RayClusterConfig()
    """Its head and workers."""


class RayJobConfig(JobConfig):
    """A job in an image that is built on the official one of Ray, with a cluster of its own for each run: batch work,
    Ray Data, or training with Ray Train on as many GPUs as its workers have."""

    program: Program
    """What is run on the head, `python /app/train.py`; `arguments` follow it."""
    machines: RayClusterConfig = RayClusterConfig()
    """Head and workers of each run."""
    timeout_minutes: int = Field(default=240, ge=1, le=20_160)
    """Minutes after which a run is ended."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """What head and workers have in common."""

    name: str
    image: pulumi.Input[str]
    account: pulumi.Input[str]
    variables: Mapping[str, pulumi.Input[str]]
    secret: pulumi.Input[str] | None
    places: Mapping[str, Mapping[str, object]]
    """Where pods run, by group of workers; `head` for the head."""


def operator_values(namespace: pulumi.Input[str], part: Mapping[str, object], replicas: int) -> dict[str, object]:
    """Helm values of the operator: one namespace to watch, and the gate of scheduled jobs, which are alpha in 1.7."""
    gates = ("RayClusterStatusConditions", "RayJobDeletionPolicy", "RayMultiHostIndexing", "RayCronJob")
    return {
        **part,
        "replicas": replicas,
        "watchNamespace": [namespace],
        "singleNamespaceInstall": True,
        "featureGates": [{"name": gate, "enabled": True} for gate in gates],
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "annotations": announced(METRICS_PORT),
    }


def cron_job(job: RayJobConfig, crew: Crew) -> dict[str, object]:
    """Spec of the RayCronJob. The cluster of a run goes when the run ends; what it said stays in the logs."""
    return {
        "schedule": job.schedule,
        "timeZone": "UTC",
        "suspend": job.paused,
        "jobTemplate": {
            "entrypoint": shlex.join([*job.program.split(), *job.arguments]),
            # The operator hands the work in itself: a pod of its own would need an image and rights of its own.
            "submissionMode": "HTTPMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 300,
            "activeDeadlineSeconds": job.timeout_minutes * 60,
            "backoffLimit": 1,
            "rayClusterSpec": cluster(job.machines, crew),
        },
    }


def cluster(machines: RayClusterConfig, crew: Crew) -> dict[str, object]:
    """Spec of a RayCluster. Ray's own autoscaler asks for workers, and the cluster's for the nodes they lack."""
    return {
        "rayVersion": machines.version,
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "idleTimeoutSeconds": machines.idle_seconds,
            "upscalingMode": "Default",
            "resources": _sized("500m", "512Mi", 0),
            "securityContext": _SECURITY,
        },
        "headGroupSpec": {
            # No tasks on the head: one that takes its memory ends the cluster.
            "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "0"},
            "template": _pod("ray-head", machines.head_cpu, machines.head_memory, 0, crew, "head"),
        },
        "workerGroupSpecs": [_workers(group, crew) for group in machines.workers],
    }


def _workers(group: RayWorkersConfig, crew: Crew) -> dict[str, object]:
    return {
        "groupName": group.name,
        "replicas": group.fewest,
        "minReplicas": group.fewest,
        "maxReplicas": group.most,
        "rayStartParams": {},
        "template": _pod("ray-worker", group.cpu, group.memory, group.gpus, crew, group.name),
    }


_SECURITY: dict[str, object] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _pod(name: str, cpu: str, memory: str, gpus: int, crew: Crew, place: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": crew.image,
        "env": [
            *({"name": key, "value": value} for key, value in crew.variables.items()),
            # Nobody is told how the platform is used.
            {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
        ],
        "resources": _sized(cpu, memory, gpus),
        "securityContext": _SECURITY,
        "volumeMounts": [{"name": "ray", "mountPath": "/tmp/ray"}],
    }
    if name == "ray-head":
        container["ports"] = [
            {"name": "dashboard", "containerPort": DASHBOARD_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ]
    if crew.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": crew.secret}}]
    return {
        "metadata": {"labels": {LABEL: crew.name}, "annotations": announced(METRICS_PORT)},
        "spec": {
            **crew.places[place],
            "serviceAccountName": crew.account,
            # The head alone asks the API server, for workers.
            "automountServiceAccountToken": name == "ray-head",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _GROUP,
                "fsGroup": _GROUP,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "ray", "emptyDir": {}}],
        },
    }


def _sized(cpu: str, memory: str, gpus: int) -> dict[str, object]:
    """Requests and limits alike, as Ray's guide wants them: it reckons with what a pod is limited to."""
    asked: dict[str, object] = {"cpu": cpu, "memory": memory, **({"nvidia.com/gpu": gpus} if gpus else {})}
    return {"requests": asked, "limits": asked}
