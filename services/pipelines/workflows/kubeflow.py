"""The loop as a pipeline of Kubeflow: the same steps, needs and resources, in the form that its API server takes.

Source of the form: github.com/kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto and kubernetes_platform/proto; what
is rendered here is held against what kfp's own compiler makes of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .steps import COMMAND, FIRST_PAUSE_SECONDS, PAUSE_FACTOR, STATE, STEPS, Step

_VERSION = "2.1.0"
_SDK = "kfp-2.16.1"
"""The version of the form, and of the compiler that it was held against."""
_USER = "10001"
"""The user that the image runs as (`services/Dockerfile`)."""
_BYTES = {"Mi": 1024**2, "Gi": 1024**3}


@dataclass(frozen=True, kw_only=True)
class KubeflowSettings:
    """What the cluster adds."""

    image: str
    """Image with this package and its dependencies."""
    name: str = "training-loop"
    variables: Mapping[str, str] = field(default_factory=dict)
    """The loop's settings; nothing secret."""
    secret: str = "pipelines"
    """Secret in the namespace of Kubeflow Pipelines that holds MLOPS_PII_SALT, and what else is secret."""
    secret_variables: Sequence[str] = ("MLOPS_PII_SALT",)
    """Keys of it that are variables."""
    options: str = "{}"
    """JSON of the loop's options, where they differ from the defaults."""


def pipeline(settings: KubeflowSettings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline, and what it asks of Kubernetes besides: the two documents of one file."""
    text = {"parameterType": "STRING"}
    spec = {
        "components": {
            f"comp-{step.name}": {
                "executorLabel": f"exec-{step.name}",
                "inputDefinitions": {"parameters": {"options": text, "run": text}},
            }
            for step in STEPS
        },
        "deploymentSpec": {"executors": {f"exec-{step.name}": _executor(step, settings) for step in STEPS}},
        "pipelineInfo": {"name": settings.name},
        "root": {
            "dag": {"tasks": {step.name: _task(step) for step in STEPS}},
            "inputDefinitions": {
                "parameters": {"options": {**text, "defaultValue": settings.options, "isOptional": True}}
            },
        },
        "schemaVersion": _VERSION,
        "sdkVersion": _SDK,
    }
    executors = {f"exec-{step.name}": _on_kubernetes(step, settings) for step in STEPS}
    return spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _task(step: Step) -> dict[str, Any]:
    return {
        # What a step does depends on the lake, which its parameters do not show.
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{step.name}"},
        **({"dependentTasks": list(step.needs)} if step.needs else {}),
        "inputs": {
            "parameters": {
                "options": {"componentInputParameter": "options"},
                "run": {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}},
            }
        },
        # A step is safe to repeat; a gate that stops would stop again, which Kubeflow cannot tell apart.
        "retryPolicy": {
            "backoffDuration": f"{FIRST_PAUSE_SECONDS}s",
            "backoffFactor": float(PAUSE_FACTOR),
            "backoffMaxDuration": "3600s",
            "maxRetryCount": step.attempts - 1,
        },
        "taskInfo": {"name": step.name},
    }


def _executor(step: Step, settings: KubeflowSettings) -> dict[str, Any]:
    cpu, memory = _cores(step.cpu), _gigabytes(step.memory)
    container: dict[str, Any] = {
        "image": settings.image,
        "command": list(COMMAND),
        "args": step.arguments("{{$.inputs.parameters['run']}}", "{{$.inputs.parameters['options']}}"),
        "env": [
            *({"name": name, "value": value} for name, value in sorted(settings.variables.items())),
            *({"name": name, "value": value} for name, value in STATE.items()),
        ],
        "resources": {
            "cpuRequest": cpu,
            "memoryLimit": memory,
            "memoryRequest": memory,
            "resourceCpuRequest": step.cpu,
            "resourceMemoryLimit": step.memory,
            "resourceMemoryRequest": step.memory,
        },
    }
    return {"container": container}


def _on_kubernetes(step: Step, settings: KubeflowSettings) -> dict[str, Any]:
    return {
        "activeDeadlineSeconds": str(step.timeout_seconds),
        "secretAsEnv": [
            {
                "keyToEnv": [{"envVar": name, "secretKey": name} for name in settings.secret_variables],
                "optional": False,
                "secretName": settings.secret,
                "secretNameParameter": {"runtimeValue": {"constant": settings.secret}},
            }
        ],
        "securityContext": {"runAsNonRoot": True, "runAsUser": _USER},
    }


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _gigabytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * _BYTES[unit] / 1e9


def run_of(documents: tuple[dict[str, Any], dict[str, Any]], name: str) -> dict[str, Any]:
    """What the API server of Kubeflow Pipelines takes as a run: both documents in one.

    Source: github.com/kubeflow/pipelines, backend/api/v2beta1/run.proto.
    """
    spec, platform = documents
    return {
        "display_name": name,
        "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform},
        "runtime_config": {"parameters": {}},
    }
