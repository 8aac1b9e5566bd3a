"""Seldon's objects and charts, as plain dictionaries: Helm values, runtime, pool, models, experiments. Pure.

Source: github.com/SeldonIO/seldon-core at v2.10.2, k8s/helm-charts and operator/config/crd.
"""

import json

import pulumi

from components.serving import ModelConfig

POOL = "mlserver"
LEFT_OUT = ("seldon-dataflow-engine", "seldon-modelgateway", "seldon-pipelinegateway", "hodometer")
"""Parts that only pipelines need, and the one that reports use to the vendor."""
METRICS_PORTS = (9003, 9006)
"""Where Envoy, as the chart announces, and the agent beside each model server answer with metrics."""


def setup_values(storage_gb: int) -> dict[str, object]:
    """Of the operator's chart: nothing exposed outside the cluster, no collector of traces that is not there."""
    inside = {"service": {"type": "ClusterIP"}}
    return {
        "opentelemetry": {"disable": True},
        "scheduler": inside,
        "envoy": inside,
        "serverConfig": {"mlserver": {"modelVolumeStorage": f"{storage_gb}Gi"}},
    }


def runtime_spec(region: str) -> dict[str, object]:
    """What runs beside the operator. Models are read with the role of the servers' service account."""
    s3 = {"provider": "AWS", "env_auth": True, "region": region}
    return {
        "seldonConfig": "default",
        "overrides": [
            *({"name": part, "disable": True} for part in LEFT_OUT),
            *({"name": part, "serviceType": "ClusterIP"} for part in ("seldon-scheduler", "seldon-envoy")),
        ],
        "config": {
            "agentConfig": {"rclone": {"config": [json.dumps({"name": "s3", "type": "s3", "parameters": s3})]}},
            "serviceConfig": {"serviceType": "ClusterIP"},
        },
    }


def experiment(model: ModelConfig, stable: pulumi.Input[str], tried: pulumi.Input[str]) -> dict[str, object]:
    """Who answers which share of the requests to a model, and who is asked unseen: a shadow is Seldon's mirror."""
    if model.release.strategy == "shadow":
        return {"candidates": [{"name": stable, "weight": 100}], "mirror": {"name": tried, "percent": model.share}}
    return {
        "candidates": [{"name": stable, "weight": 100 - model.share}, {"name": tried, "weight": model.share}],
    }


def model_spec(model: ModelConfig, storage_uri: pulumi.Input[str]) -> dict[str, object]:
    """A model, and on how many of the pool's servers it is loaded."""
    return {
        "storageUri": storage_uri,
        "requirements": [model.format],
        "memory": model.memory,
        "replicas": model.min_replicas,
        "minReplicas": model.min_replicas,
        "maxReplicas": model.max_replicas,
    }
