"""A job as AWS Batch runs it: the settings of one, and the container of its definition.

Source: AWS Batch API reference, RegisterJobDefinition (ContainerProperties); user guide, "Job definition parameters".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
from pydantic import Field

from components.base.secret import SecretValue
from components.compute import JobConfig, ScheduledConfig, ScoringConfig
from components.serving.ecs.sizes import mib
from mlops.core.config import Config
from mlops.core.fields.kubernetes import Cpu, Memory, cores

Capacity = Literal["fargate", "fargate-spot", "ec2", "spot"]
REPOSITORY = "pipelines"
"""Repository of the platform's registry with the image of scoring."""
FREE_SCRATCH_GB = 20
"""GiB of scratch that every task on Fargate has."""
_USER = "10001"


class BatchSizeConfig(Config):
    """What a run of a job asks for, and when it is given up."""

    cpu: Cpu = "1"
    """CPU (Kubernetes quantity): whole vCPUs on EC2; Fargate has certain pairs of CPU and memory, and says which."""
    memory: Memory = "4Gi"
    """Memory (Kubernetes quantity)."""
    gpus: int = Field(default=0, ge=0, le=16)
    """GPUs of a run; only on EC2 with instance types that have some."""
    scratch_gb: int = Field(default=FREE_SCRATCH_GB, ge=FREE_SCRATCH_GB, le=200)
    """Room for files on Fargate, GiB."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Runs in all, until one ends with 0: a Spot machine may be taken away in the middle of one."""
    timeout_minutes: int = Field(default=240, ge=1, le=20_160)
    """Minutes after which a run is ended."""


class BatchScoringConfig(ScoringConfig):
    """Scoring on one machine, by the command `batch-score` of the image `pipelines`."""

    size: BatchSizeConfig = BatchSizeConfig(cpu="2", memory="8Gi")
    """What a run asks for."""


class BatchJobConfig(JobConfig):
    """A job in an image of its own; `arguments` are those of its entry point."""

    size: BatchSizeConfig = BatchSizeConfig()
    """What a run asks for."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run, whoever it belongs to."""

    name: str
    when: ScheduledConfig
    size: BatchSizeConfig
    image: pulumi.Input[str]
    repository: str | None
    arguments: Sequence[str]
    variables: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretValue]


def container(program: Program, known: Mapping[str, Any], *, fargate: bool, arm: bool, public: bool) -> dict[str, Any]:
    """ContainerProperties. `known` holds what is known after deployment: image, variables, roles, log group."""
    size = program.size
    made: dict[str, Any] = {
        "image": known["image"],
        "command": list(program.arguments),
        "jobRoleArn": known["role"],
        "executionRoleArn": known["execution"],
        "environment": [{"name": name, "value": value} for name, value in sorted(known["variables"].items())],
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(known["secrets"].items())],
        "resourceRequirements": _requirements(size),
        "user": _USER,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": known["log_group"], "awslogs-stream-prefix": program.name},
        },
    }
    if not fargate:
        return {**made, "privileged": False, "linuxParameters": {"initProcessEnabled": True}}
    return {
        **made,
        "networkConfiguration": {"assignPublicIp": "ENABLED" if public else "DISABLED"},
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64" if arm else "X86_64"},
        # A value is taken from 21 on; 20 is what everybody has.
        **({"ephemeralStorage": {"sizeInGiB": size.scratch_gb}} if size.scratch_gb > FREE_SCRATCH_GB else {}),
    }


def _requirements(size: BatchSizeConfig) -> list[dict[str, str]]:
    asked = [("VCPU", f"{cores(size.cpu).normalize():f}"), ("MEMORY", str(mib(size.memory)))]
    asked += [("GPU", str(size.gpus))] if size.gpus else []
    return [{"type": kind, "value": value} for kind, value in asked]
