"""KServe's objects and charts, as plain dictionaries: inference services, canary splitters, Helm values.

Everything here was read in KServe's source at v0.20.0, the version of its charts.

A canary is an inference service of its own behind a splitter (`InferenceGraph`), in both modes. KServe's two other
ways do not keep what they promise on this version: nothing routes by the `trafficPercent` of `spec.canary[]`, which
only adds a Deployment and a Service; and `canaryTrafficPercent` shares requests with the revision before, so that
a model deployed for the first time would send all of them to its canary.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components.base.identity import Grant, Statement, allow, together
from components.kubernetes.placement import SYSTEM_NODES
from components.serving import ModelConfig
from components.storage import StorageOutputs

Mode = Literal["Standard", "Knative"]
Metric = Literal["cpu", "memory", "concurrency", "rps"]

NAMESPACE = "models"
ANNOUNCED = {"serving.kserve.io/enable-prometheus-scraping": "true"}
"""Annotation of an inference service: its pods get the annotations that scrapers go by."""
PROTOCOL = "v2"
POD_PORTS = {"Standard": (8080,), "Knative": (8080, 8012, 8013, 8112, 9090, 9091)}
"""Where pods listen: the model server; in Knative mode also its queue proxy and that one's metrics."""
SERVICE_PORTS = (80, 8080, 8081)
"""Ports of the way to a model: its Service, its pods, Knative's local gateway."""
METRICS: dict[Mode, tuple[Metric, ...]] = {"Standard": ("cpu", "memory"), "Knative": ("concurrency", "rps")}
"""What replicas can be scaled by: the HorizontalPodAutoscaler's metrics, or Knative's."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A model server that the chart ships."""

    name: str
    x86_only: bool = False
    """Whether its image is published for x86 alone, or not known to be published for more."""
    folder_names_model: bool = False
    """Whether clients call the model by the name of its folder, and not by that of the inference service."""


_TRITON = Runtime(name="kserve-tritonserver", folder_names_model=True)
RUNTIMES: dict[str, Runtime] = {
    "huggingface": Runtime(name="kserve-huggingfaceserver", x86_only=True),
    "lightgbm": Runtime(name="kserve-lgbserver"),
    "mlflow": Runtime(name="kserve-mlserver", x86_only=True),
    "onnx": _TRITON,
    "paddle": Runtime(name="kserve-paddleserver"),
    "pmml": Runtime(name="kserve-pmmlserver"),
    "pytorch": _TRITON,
    "sklearn": Runtime(name="kserve-sklearnserver"),
    "tensorflow": _TRITON,
    "tensorrt": _TRITON,
    "triton": _TRITON,
    "xgboost": Runtime(name="kserve-xgbserver"),
}
"""Runtime by model format, all of them for protocol v2. What Triton serves lies in a Triton model repository whose
one folder has the model's name."""


def controller_values(mode: Mode) -> dict[str, object]:
    """The controller. Models are reached by the Service that each of them has: no Ingress and no Istio host is made,
    and the address in an inference service's status is that Service's."""
    gateway = {
        "disableIngressCreation": True,
        "disableIstioVirtualHost": True,
        "domain": "svc.cluster.local",
        "domainTemplate": "{{ .Name }}-predictor.{{ .Namespace }}.{{ .IngressDomain }}",
    }
    return {"kserve": {"controller": {"deploymentMode": mode, "gateway": gateway, "nodeSelector": SYSTEM_NODES}}}


def runtime_values(mlserver_tag: str) -> dict[str, object]:
    """The model servers, which the chart leaves out unless told."""
    return {"kserve": {"servingruntime": {"enabled": True, "mlserver": {"tag": mlserver_tag}}}}


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How replicas follow the load, and what Knative bounds besides. None leaves KServe's own."""

    mode: Mode
    metric: Metric
    target: int | None = None
    timeout_seconds: int | None = None
    concurrent_requests: int | None = None


def predictor(
    model: ModelConfig,
    storage_uri: pulumi.Input[str],
    service_account: pulumi.Input[str],
    scaling: Scaling,
    place: Mapping[str, object],
) -> dict[str, object]:
    """`spec.predictor` of a model, with the fields of a pod that bring it to its place. CPU has a limit because the
    runtimes bring one of a core, which a larger request would exceed."""
    runtime = RUNTIMES[model.format]
    resources: dict[str, object] = {"cpu": model.cpu, "memory": model.memory}
    spec: dict[str, object] = {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "minReplicas": model.min_replicas,
        "maxReplicas": model.max_replicas,
        "scaleMetric": scaling.metric,
        "model": {
            "modelFormat": {"name": model.format},
            "runtime": runtime.name,
            "protocolVersion": PROTOCOL,
            "storageUri": storage_uri,
            "resources": {
                "requests": {**resources, **_gpus(model)},
                "limits": {**resources, **_gpus(model)},
            },
        },
    }
    bounds = {
        "scaleTarget": scaling.target,
        "timeout": scaling.timeout_seconds,
        "containerConcurrency": scaling.concurrent_requests,
    }
    spec |= {key: value for key, value in bounds.items() if value is not None}
    if model.gpus:
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    # A group's own tolerations hold that for GPUs, where it has some.
    spec |= place
    if runtime.x86_only:
        selector: Any = place.get("nodeSelector") or {}
        spec["nodeSelector"] = {**selector, "kubernetes.io/arch": "amd64"}
    if scaling.mode == "Standard":
        # Knative sets a pod's security itself (feature `secure-pod-defaults`).
        spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return spec


def annotations(mode: Mode, *, scales: bool) -> dict[str, str]:
    """Which mode an object is for. It cannot change: KServe refuses, so the object is made anew."""
    if mode == "Knative":
        return {"serving.kserve.io/deploymentMode": mode}
    return {
        "serving.kserve.io/deploymentMode": mode,
        "serving.kserve.io/autoscalerClass": "hpa" if scales else "none",
    }


VISIBILITY = {
    "networking.kserve.io/visibility": "cluster-local",
    "networking.knative.dev/visibility": "cluster-local",
}
"""Labels that keep a model inside the cluster."""


def splitter(
    stable: pulumi.Input[str],
    candidate: pulumi.Input[str],
    model: ModelConfig,
    replicas: int,
    place: Mapping[str, object],
) -> dict[str, object]:
    """Spec of an InferenceGraph that gives each of two inference URLs its share of the requests. It takes whatever
    path it is asked under for a request to infer, and passes on the body but no headers (KServe, cmd/router)."""
    steps = [
        {"name": "stable", "serviceUrl": stable, "weight": 100 - model.share},
        {"name": str(model.trial), "serviceUrl": candidate, "weight": model.share},
    ]
    return {
        **place,
        "nodes": {"root": {"routerType": "Splitter", "steps": steps}},
        "minReplicas": replicas,
        "maxReplicas": max(replicas, 2),
    }


def inference_url(model: ModelConfig, service: pulumi.Input[str], namespace: pulumi.Input[str]) -> pulumi.Output[str]:
    """Where an inference service takes requests, path included."""
    called = model.name if RUNTIMES[model.format].folder_names_model else service
    return pulumi.Output.concat(
        base_url(pulumi.Output.concat(service, "-predictor"), namespace), "/v2/models/", called, "/infer"
    )


def base_url(service: pulumi.Input[str], namespace: pulumi.Input[str]) -> pulumi.Output[str]:
    """URL of a Service of the cluster."""
    return pulumi.Output.concat("http://", service, ".", namespace, ".svc.cluster.local")


def spread(model: str) -> Mapping[str, object]:
    """Replicas of a model in different zones, where there is room."""
    return {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": model}},
    }


def folders(models: Sequence[ModelConfig]) -> dict[str | None, list[str]]:
    """Every folder that some model or candidate lies in, once, by bucket; None is the platform's own of artifacts."""
    found: dict[str | None, set[str]] = {}
    for model in models:
        for uri in filter(None, (model.storage_uri, model.candidate_uri)):
            bucket, path = split_uri(uri)
            found.setdefault(bucket, set()).add(path)
    return {bucket: sorted(found[bucket]) for bucket in sorted(found, key=str)}


def split_uri(uri: str) -> tuple[str | None, str]:
    """Bucket and path of a model; no bucket stands for the platform's own artifacts."""
    if uri.startswith("artifacts/"):
        return None, uri.removeprefix("artifacts/").strip("/")
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    return bucket, path.strip("/")


MOST_POLICY = 10_240
"""Characters, without spaces, of all policies within one role. Source: IAM quotas."""


def policy_length(models: Sequence[ModelConfig], key_arns: Sequence[str]) -> int:
    """Characters that the policy of the models' role has at most; names of the platform's own bucket are longest."""
    statements = [Statement(actions=("kms:Decrypt",), resources=tuple(key_arns))]
    for bucket, paths in folders(models).items():
        statements += read_foreign(bucket or "x" * 63, paths).statements
    rows = together([allow(statement, [str(one) for one in statement.resources]) for statement in statements])
    return len(json.dumps({"Version": "2012-10-17", "Statement": rows}, separators=(",", ":")))


def reading(models: Sequence[ModelConfig], key_arns: Sequence[str], storage: StorageOutputs) -> list[Grant]:
    """What the models' role needs to read them: their folders, and the keys of foreign buckets."""
    grants: list[Grant] = []
    for bucket, paths in folders(models).items():
        if bucket is None:
            grants += [storage.read("artifacts", f"{path}/") for path in paths]
        else:
            grants.append(read_foreign(bucket, paths))
    if key_arns:
        decrypt = Statement(actions=("kms:Decrypt",), resources=tuple(key_arns))
        grants.append(Grant(resource="foreign buckets", access="decrypt", statements=(decrypt,)))
    return grants


def read_foreign(bucket: str, paths: Sequence[str]) -> Grant:
    """Read folders of a bucket that the platform does not own, and see what is in them. A path holds nothing that IAM
    takes for more than itself: the type of the settings sees to it."""
    arn = f"arn:aws:s3:::{bucket}"
    own = {"StringLike": {"s3:prefix": [prefix for path in paths for prefix in (path, f"{path}/*")]}}
    return Grant(
        resource=f"s3/{bucket}",
        access="read",
        statements=(
            Statement(actions=("s3:GetBucketLocation",), resources=(arn,)),
            Statement(actions=("s3:ListBucket",), resources=(arn,), conditions=own),
            Statement(actions=("s3:GetObject",), resources=tuple(f"{arn}/{path}/*" for path in paths)),
        ),
    )


def _gpus(model: ModelConfig) -> dict[str, str]:
    return {"nvidia.com/gpu": str(model.gpus)} if model.gpus else {}
