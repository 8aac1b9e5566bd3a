"""The recommender's and the loop's pods as Kubernetes runs them: variables, probes, resources.

Pure: manifests in the API server's own spelling. Variables and routes are those of `services/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY, OUT_OF_ENDPOINTS, POD_SECURITY, announced
from components.ml_platform.mlflow.auth import from_secret

NAMESPACE = "recommender"
SECRET = "pipelines"
ADMIN_TOKEN, PII_SALT = "MLOPS_ADMIN_TOKEN", "MLOPS_PII_SALT"
SECRET_KEYS = (ADMIN_TOKEN, PII_SALT)
"""Both are made in the cluster and seen by nobody. The salt is the key of users' pseudonyms, which the loop makes and
the recommender makes again of the ids that it is asked for; it lives as long as the namespace, and users that were
hidden with an earlier one count as others."""
LOGIN_SECRET = "mlflow-login"
"""Secret with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, made by hand where the MLflow server asks who one
is."""
PORT = 8000
PORTS: Mapping[str, int] = {"recommender": PORT, "pipelines": 9108}
"""Where each part answers; the loop with its metrics."""
NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""Annotation: the object counts as made when it is written. Pods start once their image is pushed to the registry that
the same `up` makes, and are ready once the loop has promoted a model."""

_USER = 10001
"""The user that the images run as (`services/Dockerfile`)."""
_SCRATCH = "scratch"


@dataclass(frozen=True, kw_only=True)
class PodParts:
    """What a pod of either part is made of."""

    part: str
    image: pulumi.Input[str]
    service_account: pulumi.Input[str]
    cpu: str
    memory: str
    scratch_gb: int
    place: Mapping[str, object]
    """The fields of a pod that bring it into its node group."""


def labels(part: str) -> dict[str, str]:
    """Of the pods of a part and of what belongs to them."""
    return {"app.kubernetes.io/name": part, "app.kubernetes.io/part-of": "recommender"}


def recommender(
    parts: PodParts, variables: Mapping[str, pulumi.Input[str]], secret: pulumi.Input[str], *, spread: bool
) -> dict[str, object]:
    """The pod that answers requests."""
    container = {
        **_container(parts),
        "env": [*_variables(variables), *(from_secret(key, secret, key) for key in SECRET_KEYS)],
        "startupProbe": _probe("/health", PORT, period=2, failures=30),
        "livenessProbe": _probe("/health", PORT, period=20, failures=3),
        "readinessProbe": _probe("/ready", PORT, period=5, failures=2),
        "lifecycle": OUT_OF_ENDPOINTS,
    }
    pod = _pod(parts, container)
    if spread:
        pod["topologySpreadConstraints"] = [_spread("topology.kubernetes.io/zone"), _spread("kubernetes.io/hostname")]
    return _template(parts, pod, announced(PORT))


def worker(
    parts: PodParts,
    variables: Mapping[str, pulumi.Input[str]],
    secret: pulumi.Input[str],
    look_seconds: int,
    *,
    scraped: bool,
) -> dict[str, object]:
    """The pod that takes events in, watches, decides, and runs the loop when a trigger fires."""
    port = PORTS["pipelines"]
    container = {
        **_container(parts),
        "args": ["worker", "--interval", str(look_seconds), "--port", str(port)],
        "env": [*_variables(variables), *(from_secret(key, secret, key) for key in SECRET_KEYS)],
        # Imports take their time on a fresh node.
        "startupProbe": _probe("/health", port, period=5, failures=36),
        "livenessProbe": _probe("/health", port, period=20, failures=3),
        "readinessProbe": _probe("/health", port, period=10, failures=3),
    }
    # Where nobody watches, the network lets in pods of its own namespace alone: no scraper is told of what it may not
    # reach.
    return _template(parts, _pod(parts, container), announced(port) if scraped else {})


def deployment_spec(part: str, template: Mapping[str, object], replicas: int | None) -> dict[str, object]:
    """Replicas that are replaced one by one, the new one first; the loop's worker the old one first, for two would
    train on the same data. No number of replicas leaves it to an autoscaler."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec: dict[str, object] = {
        "selector": {"matchLabels": labels(part)},
        "strategy": rolling if part == "recommender" else {"type": "Recreate"},
        "template": dict(template),
    }
    return spec if replicas is None else {**spec, "replicas": replicas}


def service_spec() -> dict[str, object]:
    """Service and container share a port because the VPC CNI's network policies demand it (EKS user guide)."""
    port = {"name": "http", "port": PORT, "targetPort": PORT}
    return {"type": "ClusterIP", "selector": labels("recommender"), "ports": [port]}


def _template(parts: PodParts, spec: dict[str, object], annotations: dict[str, str]) -> dict[str, object]:
    return {"metadata": {"labels": labels(parts.part), "annotations": annotations}, "spec": spec}


def _pod(parts: PodParts, container: dict[str, object]) -> dict[str, object]:
    return {
        **parts.place,
        "serviceAccountName": parts.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER},
        # Waiting events are written out before the end.
        "terminationGracePeriodSeconds": 35,
        "containers": [container],
        "volumes": [{"name": _SCRATCH, "emptyDir": {"sizeLimit": f"{parts.scratch_gb}Gi"}}],
    }


def _container(parts: PodParts) -> dict[str, object]:
    return {
        "name": parts.part,
        "image": parts.image,
        "envFrom": [{"secretRef": {"name": LOGIN_SECRET, "optional": True}}],
        "ports": [{"name": "http", "containerPort": PORTS[parts.part]}],
        "resources": {"requests": {"cpu": parts.cpu, "memory": parts.memory}, "limits": {"memory": parts.memory}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": _SCRATCH, "mountPath": "/tmp"}],
    }


def _variables(values: Mapping[str, pulumi.Input[str]]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in {"HOME": "/tmp", **values}.items()]


def _probe(path: str, port: int, *, period: int, failures: int) -> dict[str, object]:
    """Seconds between calls, and calls that may fail."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 3,
    }


def _spread(topology: str) -> dict[str, object]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels("recommender")},
    }
