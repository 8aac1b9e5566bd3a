"""The loop as a state machine of AWS Step Functions: the same steps, each a task of the same image on Fargate.

A state machine has no graph of needs: one state follows another, in the definition's order, in which every step comes
after all that it needs. Source of the form: the Amazon States Language specification (states-language.net) and the Step
Functions developer guide, "Run Amazon ECS or Fargate tasks with Step Functions".
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .steps import FIRST_PAUSE_SECONDS, PAUSE_FACTOR, STEPS, Step

_MIB = {"Mi": 1, "Gi": 1024}
_SERVICE = ("ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException", "States.Timeout")


@dataclass(frozen=True, kw_only=True)
class StepFunctionsSettings:
    """What the account adds."""

    cluster: str
    """ARN of the ECS cluster."""
    task_definition: str
    """ARN of the task definition of the loop's worker: image, roles, variables and secrets are its own."""
    container: str
    """Name of the container in it."""
    subnets: Sequence[str]
    security_groups: Sequence[str]
    """Where the tasks run."""
    public: bool = False
    """Whether tasks have public addresses, which they need where the subnets' way out is an internet gateway."""
    deadline_seconds: int = 3600
    """After which a run is given up: features are stale by then."""


def state_machine(settings: StepFunctionsSettings) -> dict[str, Any]:
    """The definition, in Amazon States Language with JSONPath."""
    following = [step.name for step in STEPS[1:]]
    states = {step.name: _state(step, after, settings) for step, after in zip(STEPS, [*following, None], strict=True)}
    return {
        "Comment": "The training loop",
        "StartAt": STEPS[0].name,
        "TimeoutSeconds": settings.deadline_seconds,
        "States": states,
    }


def rendered(settings: StepFunctionsSettings) -> str:
    """The definition as JSON."""
    return json.dumps(state_machine(settings), indent=1)


def _state(step: Step, after: str | None, settings: StepFunctionsSettings) -> dict[str, Any]:
    cpu, memory = str(_units(step.cpu)), str(_mebibytes(step.memory))
    # The name of an execution is its run's: whoever looks for one finds the other.
    arguments = step.arguments("$$.Execution.Name", "States.JsonToString($.options)")
    quoted = ", ".join(one if one.startswith(("$", "States.")) else f"'{one}'" for one in arguments)
    task = {
        "Cluster": settings.cluster,
        "TaskDefinition": settings.task_definition,
        "LaunchType": "FARGATE",
        "PropagateTags": "TASK_DEFINITION",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": list(settings.subnets),
                "SecurityGroups": list(settings.security_groups),
                "AssignPublicIp": "ENABLED" if settings.public else "DISABLED",
            }
        },
        "Overrides": {
            "Cpu": cpu,
            "Memory": memory,
            "ContainerOverrides": [{"Name": settings.container, "Command.$": f"States.Array({quoted})"}],
        },
    }
    backoff = {"IntervalSeconds": FIRST_PAUSE_SECONDS, "BackoffRate": float(PAUSE_FACTOR)}
    attempts = {"MaxAttempts": step.attempts - 1, **backoff}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": task,
        "TimeoutSeconds": step.timeout_seconds,
        # What a step says by its exit code Step Functions cannot tell apart: a gate that stops would stop again.
        "Retry": [
            {"ErrorEquals": list(_SERVICE), **attempts},
            {"ErrorEquals": ["States.TaskFailed"], **attempts},
        ],
        # What a task leaves in the state's output is of no use to the next; the options are.
        "ResultPath": None,
        **({"Next": after} if after else {"End": True}),
    }


def _units(quantity: str) -> int:
    """CPU units: 1024 to a vCPU. Fargate has sizes of 256, 512, 1024 and so on."""
    millicores = int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000
    return -(-millicores * 1024 // 1000)


def _mebibytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * _MIB[unit]
