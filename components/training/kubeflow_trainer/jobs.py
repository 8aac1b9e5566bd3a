"""A training job as Kubeflow Trainer runs it: the settings of one, and the runtime and the job that are made of them.

Fields are those of the CRDs at v2.3.0 of the trainer and v0.12.0 of JobSet. Sources: charts/kubeflow-trainer, its
`files/runtimes`, and the guide "Runtime" of Kubeflow Trainer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
from pydantic import Field

from components.training import TrainingJobConfig
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory, ShortName

LABEL = "mlops.platform/job"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_USER = 1000
_SSH = "/home/mpiuser/.ssh"


class KubeflowJobConfig(TrainingJobConfig):
    """A training job: it runs when it is declared, and again whenever it is changed. Who wants it at other times hands
    in a TrainJob of the same runtime, as the loop may."""

    framework: Literal["torch", "deepspeed"] = "torch"
    """torch: each node starts `torchrun`, which is told by variables who the others are. deepspeed: a launcher starts
    processes on the others over SSH with Open MPI, for which the image is built on the trainer's own of DeepSpeed."""
    nodes: int = Field(default=1, ge=1, le=1_000)
    """Nodes that it runs on at a time, all of them or none."""
    processes: int = Field(default=1, ge=1, le=64)
    """Processes on each node, one a GPU as a rule."""
    cpu: Cpu = "2"
    """CPU on each node (Kubernetes quantity)."""
    memory: Memory = "8Gi"
    """Memory on each node (Kubernetes quantity)."""
    gpus: int = Field(default=0, ge=0, le=16)
    """GPUs on each node."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to its queue, or to any node without taints."""
    queue: ShortName | None = None
    """Queue that it waits in for its share; null starts it at once."""
    run_minutes: int = Field(default=24 * 60, ge=1, le=60 * 24 * 60)
    """Minutes after which it is ended."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """What a job's pods have in common."""

    image: pulumi.Input[str]
    account: pulumi.Input[str]
    variables: Mapping[str, pulumi.Input[str]]
    secret: pulumi.Input[str] | None
    place: Mapping[str, object]


def runtime(job: KubeflowJobConfig, crew: Crew) -> dict[str, object]:
    """Spec of the TrainingRuntime. A job's own, because it says as whom and where pods run."""
    if job.framework == "torch":
        policy: dict[str, object] = {"torch": {}}
        parts = [_part("node", job, crew, ancestor=True)]
        more: dict[str, object] = {}
    else:
        policy = {
            "mpi": {
                "numProcPerNode": job.processes,
                "mpiImplementation": "OpenMPI",
                "sshAuthMountPath": _SSH,
                "runLauncherAsNode": True,
            }
        }
        listening: dict[str, Any] = {
            "command": ["/usr/sbin/sshd"],
            "args": ["-De", "-f", "/home/mpiuser/.sshd_config"],
            "readinessProbe": {"tcpSocket": {"port": 2222}, "initialDelaySeconds": 5},
        }
        launcher = _part("launcher", job, crew, ancestor=True)
        parts = [
            _part("node", job, crew, **listening),
            {**launcher, "dependsOn": [{"name": "node", "status": "Ready"}]},
        ]
        more = {
            "network": {"publishNotReadyAddresses": True},
            "successPolicy": {"operator": "All", "targetReplicatedJobs": ["launcher"]},
        }
    return {
        "mlPolicy": {"numNodes": job.nodes, **policy},
        "template": {"spec": {**more, "replicatedJobs": parts}},
    }


def train_job(job: KubeflowJobConfig) -> dict[str, object]:
    """Spec of the TrainJob."""
    resources = _resources(job)
    trainer: dict[str, object] = {
        "numNodes": job.nodes,
        "numProcPerNode": job.processes,
        "resourcesPerNode": {"requests": resources, "limits": resources},
    }
    if job.arguments:
        trainer["args"] = list(job.arguments)
    return {
        "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": job.name},
        "trainer": trainer,
        "activeDeadlineSeconds": job.run_minutes * 60,
    }


def _resources(job: KubeflowJobConfig) -> dict[str, object]:
    return {"cpu": job.cpu, "memory": job.memory, **({"nvidia.com/gpu": job.gpus} if job.gpus else {})}


def _part(name: str, job: KubeflowJobConfig, crew: Crew, *, ancestor: bool = False, **more: object) -> dict[str, Any]:
    """A kind of pods of a job; the trainer fills in the one with the label of an ancestor."""
    resources = _resources(job)
    container: dict[str, Any] = {
        # The trainer looks for this name in every one of them.
        "name": "node",
        "image": crew.image,
        "env": [{"name": key, "value": value} for key, value in crew.variables.items()],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],
        **more,
    }
    if crew.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": crew.secret}}]
    pod = {
        **crew.place,
        "serviceAccountName": crew.account,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        # Processes of a node hand tensors to one another in memory, of which Kubernetes gives 64 MiB unasked.
        "volumes": [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}],
    }
    labels = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"} if ancestor else {}
    job_template = {"template": {"metadata": {"labels": {LABEL: job.name}}, "spec": pod}}
    return {"name": name, "template": {"metadata": {"labels": labels}, "spec": job_template}}
