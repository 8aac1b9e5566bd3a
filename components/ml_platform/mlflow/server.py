"""The MLflow server as Kubernetes runs it: pod, migration, probes, and the host names it answers to.

Pure: manifests in the API server's own spelling. Flags and variables were read in MLflow 3.17.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY, OUT_OF_ENDPOINTS, POD_SECURITY
from components.kubernetes.scraping import announced
from components.ml_platform.mlflow.auth import PORT, AuthParts

WORKLOAD = {"app.kubernetes.io/part-of": "mlflow"}
"""Label of every pod here: what the network policy closes."""
SERVER = {**WORKLOAD, "app.kubernetes.io/name": "mlflow", "app.kubernetes.io/component": "server"}
MIGRATION = {**WORKLOAD, "app.kubernetes.io/name": "mlflow", "app.kubernetes.io/component": "migration"}

_USER = 1000
_SCRATCH = "scratch"
_METRICS = "metrics"


@dataclass(frozen=True, kw_only=True)
class ServerParts:
    """What the server's pod is made of."""

    image: str
    cpu: str
    memory: str
    scratch_gb: int
    workers: int
    spread: bool
    """Whether replicas are to lie in different zones."""
    region: str
    artifacts_uri: pulumi.Input[str]
    database: dict[str, object]
    """The environment variable that holds the database's address."""
    service_account: pulumi.Input[str]
    host: str | None
    hosts: tuple[str, ...]
    auth: AuthParts
    place: Mapping[str, object]
    """The fields of a pod that bring it into its node group."""


def allowed_hosts(service: str, namespace: str, host: str | None, region: str | None = None) -> tuple[str, ...]:
    """Host headers that the server answers to, each with and without its port; it refuses others as DNS rebinding.

    `$(POD_IP)` is the pod's own address, which Kubernetes fills in: a metrics scraper calls it. With a region, every
    load balancer of it: which one leads here is known only when it is there, and its security group says who comes."""
    names = [service, f"{service}.{namespace}", f"{service}.{namespace}.svc"]
    names += [f"{service}.{namespace}.svc.cluster.local", "localhost", "127.0.0.1", "$(POD_IP)"]
    names += [f"*.elb.{region}.amazonaws.com"] if region else []
    return (*names, *(f"{name}:{PORT}" for name in names), *([host] if host else []))


def pod_template(parts: ServerParts) -> dict[str, object]:
    """The pod of the server. `enableServiceLinks` is off because a Service named mlflow would otherwise set
    MLFLOW_PORT to `tcp://…`, which MLflow takes for its own setting."""
    auth = parts.auth
    spec: dict[str, object] = {
        **_pod(parts.service_account, parts.place),
        "terminationGracePeriodSeconds": 60,
        "initContainers": list(auth.init_containers),
        "containers": [_server(parts), *auth.sidecars],
        "volumes": [
            {"name": _SCRATCH, "emptyDir": {"sizeLimit": f"{parts.scratch_gb}Gi"}},
            {"name": _METRICS, "emptyDir": {"sizeLimit": "256Mi"}},
            *auth.volumes,
        ],
    }
    if parts.spread:
        spec["topologySpreadConstraints"] = [_spread("topology.kubernetes.io/zone"), _spread("kubernetes.io/hostname")]
    return {"metadata": {"labels": SERVER, "annotations": announced(PORT) if auth.open_metrics else {}}, "spec": spec}


def migration_spec(
    image: str,
    database: dict[str, object],
    service_account: pulumi.Input[str],
    place: Mapping[str, object],
    *,
    users: bool,
) -> dict[str, object]:
    """A Job that brings the schema up to the image's version before a server of that version starts.

    A Job and not an init container: replicas that start together would migrate together. Users' tables come second,
    because MLflow makes its own from nothing only in an empty database."""
    address = "$(MLFLOW_BACKEND_STORE_URI)"
    steps = [_step("tracking", image, ["mlflow", "db", "upgrade", address], database)]
    if users:
        upgrade = ["python", "-m", "mlflow.server.auth", "db", "upgrade", "--url", address]
        steps.append(_step("users", image, upgrade, database))
    spec = {
        **_pod(service_account, place),
        "restartPolicy": "OnFailure",
        "initContainers": steps[:-1],
        "containers": steps[-1:],
        "volumes": [{"name": _SCRATCH, "emptyDir": {"sizeLimit": "256Mi"}}],
    }
    return {"backoffLimit": 6, "template": {"metadata": {"labels": MIGRATION}, "spec": spec}}


def deployment_spec(template: dict[str, object], replicas: int | None) -> dict[str, object]:
    """Servers that are replaced one by one, the new one first; no number of replicas leaves it to an autoscaler."""
    spec: dict[str, object] = {
        "selector": {"matchLabels": SERVER},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": template,
    }
    return spec if replicas is None else {**spec, "replicas": replicas}


def service_spec() -> dict[str, object]:
    """Service and container share a port because the VPC CNI's network policies demand it (EKS user guide)."""
    port = {"name": "http", "port": PORT, "targetPort": PORT}
    return {"type": "ClusterIP", "selector": SERVER, "ports": [port]}


def _pod(service_account: pulumi.Input[str], place: Mapping[str, object]) -> dict[str, object]:
    return {
        **place,
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER},
    }


def _server(parts: ServerParts) -> dict[str, object]:
    auth = parts.auth
    address, _, port = auth.address.partition(":")
    origin = ["--cors-allowed-origins", f"https://{parts.host}"] if parts.host else []
    variables = {
        "AWS_REGION": parts.region,
        "AWS_DEFAULT_REGION": parts.region,
        "HOME": "/tmp",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    # The address of the pod comes first: --allowed-hosts refers to it.
    environment = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        *({"name": key, "value": value} for key, value in variables.items()),
        parts.database,
        *auth.environment,
    ]
    return {
        "name": "mlflow",
        "image": parts.image,
        "command": ["mlflow", "server"],
        "args": [
            *("--host", address, "--port", port, "--workers", str(parts.workers)),
            *("--serve-artifacts", "--artifacts-destination", parts.artifacts_uri),
            *("--expose-prometheus", "/var/run/mlflow-metrics"),
            *("--allowed-hosts", ",".join(parts.hosts)),
            *origin,
            *auth.arguments,
        ],
        "env": environment,
        "ports": [] if auth.sidecars else [{"name": "http", "containerPort": PORT}],
        "startupProbe": _probe(period=5, failures=36),
        "readinessProbe": _probe(period=10, failures=3),
        "livenessProbe": _probe(period=20, failures=3),
        "lifecycle": OUT_OF_ENDPOINTS,
        "resources": {
            "requests": {"cpu": parts.cpu, "memory": parts.memory},
            "limits": {"memory": parts.memory},
        },
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": _SCRATCH, "mountPath": "/tmp"},
            {"name": _METRICS, "mountPath": "/var/run/mlflow-metrics"},
            *auth.mounts,
        ],
    }


def _probe(*, period: int, failures: int) -> dict[str, object]:
    """Seconds between calls of /health, and calls that may fail. MLflow needs about 20 seconds to start."""
    return {
        "httpGet": {"path": "/health", "port": PORT},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 5,
    }


def _step(name: str, image: str, command: Sequence[str], database: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "image": image,
        "command": list(command),
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"}, database],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": _SCRATCH, "mountPath": "/tmp"}],
    }


def _spread(topology: str) -> dict[str, object]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": SERVER},
    }
