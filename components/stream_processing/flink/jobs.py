"""A job as Flink's operator runs it: the settings of one, and the custom resource that is made of them.

Fields are those of the CRD at release-1.15.0; configuration is that of Flink 1.20 and 2. Sources: the operator's
helm/flink-kubernetes-operator, and the configuration reference of Flink.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from zlib import crc32

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field

from components.base.identity import Egress, Grant
from components.kubernetes.objects import to_services
from components.kubernetes.placement import on_system_nodes
from components.kubernetes.scraping import announced
from components.network import NetworkOutputs
from components.storage import Zone
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import Argument
from mlops.core.fields.kubernetes import Cpu, GroupName, Image, Memory, ShortName

ROLE = "flink"
"""Role that the chart makes for jobs in the namespaces that it watches."""
REST_PORT, WEBHOOK_PORT, METRICS_PORT = 8081, 9443, 9249
"""The last is where its reporter for Prometheus listens (Flink's documentation, "Metric Reporters")."""
_USER = 9999
"""`flink` in the official images."""
_MINORS = ("1.20", "2.0", "2.1", "2.2")

FlinkVersion = Annotated[
    str,
    Form(
        rf"(?:{'|'.join(minor.replace('.', '[.]') for minor in _MINORS)})[.][0-9]+",
        f"a whole version of Flink, of {', '.join(_MINORS)}: `1.20.3`",
        most=10,
    ),
]
JarPath = Annotated[
    str, Form(r"local:///[A-Za-z0-9._/-]+\.jar", "a file of the image, `local:///opt/flink/usrlib/job.jar`", most=500)
]
EntryClass = Annotated[str, Form(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", "a Java class with its package", most=500)]


Savepoint = Annotated[
    str,
    Form(r"savepoint-[0-9a-f]+-[0-9a-f]+", "a savepoint by its folder, `savepoint-0a1b2c-0123456789ab`", most=100),
]


class JobConfig(Config):
    """One job, in an image of its own that is built on the official one of Flink."""

    name: ShortName
    """What the job is called on the platform."""
    image: Image
    """The image: `flink:1.20.3` with the job's jar, in the platform's registry or another."""
    version: FlinkVersion = "1.20.3"
    """Flink's version in the image, to the patch: the plugin that reads and writes the lake is called after it."""
    jar: JarPath = "local:///opt/flink/usrlib/job.jar"
    """The job's jar in the image."""
    entry_class: EntryClass | None = None
    """Class whose `main` is run; null takes the one that the jar names."""
    args: Annotated[tuple[Argument, ...], Field(max_length=100)] = ()
    """Arguments of `main`. No secrets: whoever may look at the job sees them."""
    parallelism: int = Field(default=1, ge=1, le=1000)
    """Copies of each operator of the job."""
    slots: int = Field(default=1, ge=1, le=64)
    """Copies that a worker carries: `parallelism` over `slots` is the number of workers."""
    upgrade: Literal["savepoint", "last-state", "stateless"] = "savepoint"
    """How a change goes on: from a savepoint that is taken for it, from the last checkpoint, or from nothing."""
    checkpoint_seconds: int = Field(default=60, ge=1, le=86_400)
    """Between two checkpoints: what is computed again after a failure."""
    savepoint_hours: int | None = Field(default=24, ge=1, le=8_760)
    """Hours between two savepoints that are taken unasked, the newest five of which are kept: what a job is brought
    back from by hand. Null takes one with a change only."""
    restore_from: Savepoint | None = None
    """A savepoint in the job's folder of the lake, from which it is begun anew, once; null goes on with where it is."""
    manager_cpu: Cpu = "500m"
    """CPU of the job's manager (Kubernetes quantity)."""
    manager_memory: Memory = "1600Mi"
    """Memory of the job's manager (Kubernetes quantity); Flink's own default (jobmanager.memory.process.size)."""
    worker_cpu: Cpu = "1"
    """CPU of a worker (Kubernetes quantity)."""
    worker_memory: Memory = "1728Mi"
    """Memory of a worker (Kubernetes quantity); Flink's own default (taskmanager.memory.process.size)."""
    zones: Annotated[tuple[Zone, ...], Unique(most=4)] = ()
    """Zones of the lake that the job writes to, besides where it keeps its state."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """What a job finds on the platform."""

    account: pulumi.Input[str]
    state: pulumi.Output[str]
    """s3:// folder for what it keeps."""
    variables: Mapping[str, pulumi.Input[str]]
    """What it is told of the stream."""
    secret: pulumi.Input[str] | None
    """Name of the Secret whose keys are further variables."""
    region: str
    place: Mapping[str, object]


def operator_values(namespace: pulumi.Input[str]) -> dict[str, object]:
    """Helm values of the operator: one namespace to watch, and pods that pass the standard `restricted`."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    part = on_system_nodes("flink-kubernetes-operator")
    return {
        "watchNamespaces": [namespace],
        "image": {"tag": "1.15.0"},
        "operatorPod": {**part, "webhook": {"resources": part["resources"]}},
        "podSecurityContext": {
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "operatorSecurityContext": security,
        "webhookSecurityContext": security,
        "webhook": {"create": True},
    }


def deployment(job: JobConfig, around: Around) -> dict[str, object]:
    """Spec of the FlinkDeployment."""
    minor = job.version.rpartition(".")[0]
    run: dict[str, object] = {
        "jarURI": job.jar,
        "parallelism": job.parallelism,
        "upgradeMode": job.upgrade,
        "state": "running",
        "args": list(job.args),
    }
    if job.entry_class:
        run["entryClass"] = job.entry_class
    if job.restore_from:
        # The operator goes back to it when the number changes, and not again with later changes.
        run["initialSavepointPath"] = pulumi.Output.concat(around.state, "/savepoints/", job.restore_from)
        run["savepointRedeployNonce"] = crc32(job.restore_from.encode())
    return {
        "image": job.image,
        "flinkVersion": f"v{minor.replace('.', '_')}",
        "mode": "native",
        "serviceAccount": around.account,
        "flinkConfiguration": configuration(job, around.state),
        "podTemplate": pod_template(job, around),
        "jobManager": {
            "replicas": 1,
            "resource": _resource(job.manager_cpu, job.manager_memory),
            "podTemplate": {"spec": {"containers": [_probed()]}},
        },
        "taskManager": {"resource": _resource(job.worker_cpu, job.worker_memory)},
        "job": run,
    }


def configuration(job: JobConfig, state: pulumi.Output[str]) -> dict[str, pulumi.Input[str]]:
    """Flink's own configuration. A new manager finds where the job was: its ConfigMap, and the lake behind it."""
    return {
        "taskmanager.numberOfTaskSlots": str(job.slots),
        "state.backend.type": "rocksdb",
        "execution.checkpointing.interval": f"{job.checkpoint_seconds}s",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.dir": pulumi.Output.concat(state, "/checkpoints"),
        "execution.checkpointing.savepoint-dir": pulumi.Output.concat(state, "/savepoints"),
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": pulumi.Output.concat(state, "/high-availability"),
        "kubernetes.operator.savepoint.history.max.count": "5",
        **(
            {"kubernetes.operator.periodic.savepoint.interval": f"{job.savepoint_hours}h"}
            if job.savepoint_hours and job.upgrade != "stateless"
            else {}
        ),
        # A job that failed for good, or starts again and again, is begun anew from its last checkpoint.
        "kubernetes.operator.job.restart.failed": "true",
        "kubernetes.operator.cluster.health-check.enabled": "true",
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
        "metrics.reporter.prom.port": str(METRICS_PORT),
    }


def pod_template(job: JobConfig, around: Around) -> dict[str, object]:
    """What managers and workers have in common. `flink-main-container` is the name that the operator fills."""
    variables = {
        "AWS_REGION": around.region,
        # The official image copies the plugin into place when it starts.
        "ENABLE_BUILT_IN_PLUGINS": f"flink-s3-fs-hadoop-{job.version}.jar",
        **around.variables,
    }
    container: dict[str, object] = {
        "name": "flink-main-container",
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if around.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": around.secret}}]
    return {
        "metadata": {"annotations": announced(METRICS_PORT)},
        "spec": {
            **around.place,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def _probed() -> dict[str, object]:
    """The manager's container, which is in order while its page answers; of workers it hears itself, and replaces those
    that are silent. The operator lays it over the template's container in the same place."""
    page = {"httpGet": {"path": "/config", "port": REST_PORT}, "timeoutSeconds": 5}
    return {
        "name": "flink-main-container",
        "startupProbe": {**page, "periodSeconds": 5, "failureThreshold": 60},
        "livenessProbe": {**page, "periodSeconds": 20, "failureThreshold": 6},
        "readinessProbe": {**page, "periodSeconds": 10, "failureThreshold": 3},
    }


def workers(job: JobConfig) -> int:
    """Pods that carry the job, besides its manager."""
    return -(-job.parallelism // job.slots)


def the_operator(namespace: str) -> "list[k8s.networking.v1.NetworkPolicyPeerArgs]":
    """Pods of the operator's namespace."""
    net = k8s.networking.v1
    labels = k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": namespace})
    return [net.NetworkPolicyPeerArgs(namespace_selector=labels)]


def way_to_jobs(network: NetworkOutputs) -> Grant:
    """The operator asks jobs how they are."""
    way: Egress = to_services(network, [REST_PORT])
    return Grant(resource="stream_processing", access="operate", egress=(way,))


def _resource(cpu: str, memory: str) -> dict[str, object]:
    """Flink's own words: cores as a number, and memory in Flink's units, in which `m` is MiB."""
    cores = int(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
    mebibytes = round(float(memory[:-2]) * (1024 if memory.endswith("Gi") else 1))
    return {"cpu": cores, "memory": f"{mebibytes}m"}
