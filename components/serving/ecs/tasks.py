"""A workload as ECS takes it: task definition, deployments, capacity, scaling."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base.secret import SecretValue
from components.base.workload import Shape, Workload
from components.serving.ecs.sizes import FREE_SCRATCH_GB, mib, units

_SCRATCH = "scratch"
_STOP_SECONDS = 35
"""Waiting events are written out before the end. Fargate gives at most 120."""
_MOST_START_SECONDS = 300
"""The longest `startPeriod` of a container's health check (ECS API, HealthCheck)."""
_COUNT = "ecs:service:DesiredCount"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """How many tasks of a service there may be while it is deployed, in percent of what is wanted."""

    least_percent: int
    most_percent: int


def rolling() -> Deployment:
    """The new ones first."""
    return Deployment(least_percent=100, most_percent=200)


def one_at_a_time() -> Deployment:
    """The old one first."""
    return Deployment(least_percent=0, most_percent=100)


@dataclass(frozen=True, kw_only=True)
class DefinitionParts:
    """What the platform adds to a workload's task definition."""

    family: str
    region: str
    log_group: pulumi.Output[str]
    secrets: Mapping[str, SecretValue]
    role_arn: pulumi.Output[str]
    execution_role_arn: pulumi.Output[str]
    cpu_architecture: str


def definition(
    name: str, workload: Workload, parts: DefinitionParts, opts: pulumi.ResourceOptions
) -> "aws.ecs.TaskDefinition":
    """The task definition of a workload. Another one is a new revision: the old ones are kept for going back."""
    shape = workload.shape
    larger = shape.scratch_gb > FREE_SCRATCH_GB
    values = pulumi.Output.all(
        image=workload.image,
        log_group=parts.log_group,
        variables={"HOME": "/tmp", **workload.variables, **workload.own_variables},
        secrets={variable: secret.value_from for variable, secret in parts.secrets.items()},
    )
    return aws.ecs.TaskDefinition(
        name,
        family=parts.family,
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(units(shape.cpu)),
        memory=str(mib(shape.memory)),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture=parts.cpu_architecture.upper(), operating_system_family="LINUX"
        ),
        ephemeral_storage=aws.ecs.TaskDefinitionEphemeralStorageArgs(size_in_gib=shape.scratch_gb) if larger else None,
        task_role_arn=parts.role_arn,
        execution_role_arn=parts.execution_role_arn,
        container_definitions=values.apply(lambda known: json.dumps([container(workload, parts.region, known)])),
        volumes=[aws.ecs.TaskDefinitionVolumeArgs(name=_SCRATCH)],
        opts=opts,
    )


def container(workload: Workload, region: str, known: Mapping[str, Any]) -> dict[str, object]:
    """The one container of a task, as the API spells it. `known` holds what is known after deployment."""
    shape, probes = workload.shape, workload.probes
    health = {
        "command": ["CMD", *workload.health_command],
        "interval": 20,
        "timeout": 5,
        "retries": 3,
        "startPeriod": min(probes.start_seconds, _MOST_START_SECONDS),
    }
    return {
        "name": shape.name,
        "image": known["image"],
        "essential": True,
        "user": str(workload.user),
        "readonlyRootFilesystem": True,
        "privileged": False,
        "linuxParameters": {"initProcessEnabled": True},
        "portMappings": [{"containerPort": workload.port, "protocol": "tcp"}],
        "mountPoints": [{"sourceVolume": _SCRATCH, "containerPath": "/tmp", "readOnly": False}],
        "stopTimeout": _STOP_SECONDS,
        **({"command": list(workload.command)} if workload.command else {}),
        **({"healthCheck": health} if workload.health_command else {}),
        "environment": [{"name": name, "value": value} for name, value in sorted(known["variables"].items())],
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(known["secrets"].items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": known["log_group"],
                "awslogs-region": region,
                "awslogs-stream-prefix": shape.name,
                # What cannot be written waits in memory, and requests do not wait for it.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }


def addresses(names_id: pulumi.Input[str]) -> "aws.servicediscovery.ServiceDnsConfigArgs":
    """A name with the address of each healthy task, asked for again after ten seconds."""
    return aws.servicediscovery.ServiceDnsConfigArgs(
        namespace_id=names_id,
        routing_policy="MULTIVALUE",
        dns_records=[aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(type="A", ttl=10)],
    )


def capacity(spot_percent: int, *, worker: bool) -> "Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]":
    """The first task on demand and the others by their share; a worker's only one on Spot where all are."""
    on_demand, spot = 100 - spot_percent, spot_percent
    if worker:
        on_demand, spot = (0, 100) if spot_percent == 100 else (100, 0)
    shares = (("FARGATE", on_demand, 0 if worker else 1), ("FARGATE_SPOT", spot, 0))
    return [
        aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=weight, base=base)
        for provider, weight, base in shares
        if weight or base
    ]


def autoscaling(
    name: str,
    shape: Shape,
    cluster: pulumi.Output[str],
    service: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Between fewest and most tasks, by the CPU use of those that run."""
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension=_COUNT,
        resource_id=pulumi.Output.concat("service/", cluster, "/", service),
        min_capacity=shape.fewest,
        max_capacity=shape.most,
        opts=opts,
    )
    policy = aws.appautoscaling
    aws.appautoscaling.Policy(
        f"{name}-scaling-policy",
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=policy.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=shape.target_cpu_percent,
            predefined_metric_specification=policy.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type="ECSServiceAverageCPUUtilization"
            ),
            scale_in_cooldown=300,
            scale_out_cooldown=60,
        ),
        opts=opts,
    )
