"""What the steps of a worker's work run with where an orchestrator starts them, one after another, in its place: the
worker's own image, identity, settings and secrets, as its kind of serving has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

from components.base.identity import Statement
from components.base.secret import SecretValue

StepKind = Literal["pods", "tasks"]
"""As what steps run: pods on the cluster, or tasks of ECS."""


@dataclass(frozen=True, kw_only=True)
class PodSteps:
    """Steps as pods in the worker's own namespace, under its account. Whoever starts them there needs a role there."""

    namespace: pulumi.Output[str]
    service_account: pulumi.Output[str]
    """Known once its role has its rights."""
    settings: pulumi.Output[str]
    """ConfigMap with the variables."""
    secrets: tuple[pulumi.Output[str], ...]
    """Secrets whose keys are variables."""
    variables: Mapping[str, pulumi.Input[str]]
    """The same, for pods elsewhere, which find neither that nor the secrets."""
    stored: Mapping[str, SecretValue]
    """Variable -> secret of AWS Secrets Manager, of those that lie there."""
    image: pulumi.Input[str]
    place: Mapping[str, object]
    """The fields of a pod that bring it into the worker's node group."""


@dataclass(frozen=True, kw_only=True)
class TaskSteps:
    """Steps as tasks of the worker's own definition, each with a command and a size laid over it."""

    cluster_arn: pulumi.Output[str]
    definition_arn: pulumi.Output[str]
    container: str
    """Name of the one container."""
    role_arns: tuple[pulumi.Output[str], ...]
    """Roles that whoever starts a task hands over."""
    subnet_ids: tuple[pulumi.Output[str], ...]
    group_id: pulumi.Output[str]
    """Security group that leads where the worker's grants lead."""
    public: bool
    """Whether a task needs a public address to reach AWS."""


def run_tasks(steps: TaskSteps) -> list[Statement]:
    """Start tasks of the worker's own definition on its cluster, hand its roles over, look at tasks and stop them."""
    task = steps.cluster_arn.apply(lambda arn: f"{arn.replace(':cluster/', ':task/')}/*")
    return [
        Statement(actions=("ecs:RunTask",), resources=(steps.definition_arn,)),
        Statement(actions=("ecs:DescribeTasks", "ecs:StopTask"), resources=(task,)),
        Statement(
            actions=("iam:PassRole",),
            resources=steps.role_arns,
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]
