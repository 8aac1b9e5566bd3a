"""The loop as a SageMaker pipeline: the same steps and needs, each a processing job of the same image.

Source of the form: SageMaker developer guide, "Pipelines steps"; the arguments of a step are those of the API's
CreateProcessingJob.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .steps import COMMAND, FIRST_PAUSE_SECONDS, PAUSE_FACTOR, STATE, STEPS, Step

_VERSION = "2020-12-01"


@dataclass(frozen=True, kw_only=True)
class SageMakerSettings:
    """What the account adds."""

    image: str
    """Image with this package and its dependencies."""
    role: str
    """ARN of the role that the jobs take: `jobs` among the ML platform's roles."""
    subnets: Sequence[str]
    security_groups: Sequence[str]
    """Where the jobs run."""
    key: str | None = None
    """ARN of the key that encrypts their volumes; None takes AWS's own."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The loop's settings; nothing secret: a job shows its environment to whoever may describe it."""
    options: str = "{}"
    """JSON of the loop's options, where they differ from the defaults."""
    instance_type: str = "ml.m5.xlarge"
    """4 vCPUs and 16 GiB: what the largest step takes, thrice."""
    volume_gb: int = 30


def definition(settings: SageMakerSettings) -> dict[str, Any]:
    """The pipeline's definition, as CreatePipeline reads it from S3."""
    return {
        "Version": _VERSION,
        "Metadata": {},
        "Parameters": [{"Name": "options", "Type": "String", "DefaultValue": settings.options}],
        "Steps": [_step(step, settings) for step in STEPS],
    }


def _step(step: Step, settings: SageMakerSettings) -> dict[str, Any]:
    return {
        "Name": step.name,
        "Type": "Processing",
        **({"DependsOn": list(step.needs)} if step.needs else {}),
        "Arguments": _job(step, settings),
        # What the service itself did wrong is tried again; what the step says is final, as a gate's no is.
        "RetryPolicies": [
            {
                "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
                "IntervalSeconds": FIRST_PAUSE_SECONDS,
                "BackoffRate": float(PAUSE_FACTOR),
                "MaxAttempts": step.attempts,
            }
        ],
    }


def _job(step: Step, settings: SageMakerSettings) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "InstanceCount": 1,
        "InstanceType": settings.instance_type,
        "VolumeSizeInGB": settings.volume_gb,
    }
    if settings.key:
        cluster["VolumeKmsKeyId"] = settings.key
    return {
        "RoleArn": settings.role,
        "AppSpecification": {
            "ImageUri": settings.image,
            "ContainerEntrypoint": list(COMMAND),
            "ContainerArguments": step.arguments(
                {"Get": "Execution.PipelineExecutionId"}, {"Get": "Parameters.options"}
            ),
        },
        "Environment": {**settings.variables, **STATE},
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": False,
            "EnableNetworkIsolation": False,
            "VpcConfig": {"SecurityGroupIds": list(settings.security_groups), "Subnets": list(settings.subnets)},
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": step.timeout_seconds},
    }


def rendered(settings: SageMakerSettings) -> str:
    """The definition as JSON."""
    return json.dumps(definition(settings), indent=1)
