"""What a state machine may do, by what it starts.

Source: Step Functions developer guide, "IAM policies for integrated services" (Amazon ECS, AWS Batch, Lambda), "Logging
in CloudWatch Logs", "Data at rest encryption".
"""

import pulumi

from components.base.identity import Statement
from components.base.steps import TaskSteps, run_tasks
from components.orchestration.step_functions.machines import MachineConfig

DELIVERY = (
    *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies"),
    *("logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
)
"""Deliveries of logs take no narrower resource."""
_TRACES = ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments")
_RULES = ("events:DescribeRule", "events:PutRule", "events:PutTargets")
"""By which Step Functions hears that what it started has ended; the rule is its own."""


def always(key_arn: pulumi.Output[str]) -> list[Statement]:
    """Write its log and its traces, and read what it keeps encrypted."""
    return [
        Statement(actions=DELIVERY, resources=("*",)),
        Statement(actions=_TRACES, resources=("*",)),
        Statement(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(key_arn,)),
    ]


def of_tasks(steps: TaskSteps) -> list[Statement]:
    """Run tasks of the worker's own definition, and hear how they end."""
    return [*run_tasks(steps), Statement(actions=_RULES, resources=(_rule(steps.cluster_arn, "ECSTaskRule"),))]


def of_machine(machine: MachineConfig, key_arn: pulumi.Output[str]) -> list[Statement]:
    """Call the functions and submit the jobs that its settings name."""
    found: list[Statement] = []
    if machine.functions:
        every = [f"{arn}{version}" for arn in machine.functions for version in ("", ":*")]
        found.append(Statement(actions=("lambda:InvokeFunction",), resources=tuple(every)))
    if machine.batch:
        # A job definition is submitted in any revision where none is named.
        jobs = [f"{arn}:*" if ":job-definition/" in arn and arn.count(":") == 5 else arn for arn in machine.batch]
        found.append(Statement(actions=("batch:SubmitJob",), resources=tuple(jobs)))
        found.append(Statement(actions=("batch:DescribeJobs",), resources=("*",)))
        found.append(Statement(actions=("batch:TerminateJob",), resources=(_beside(key_arn, "batch", "job/*"),)))
        found.append(Statement(actions=_RULES, resources=(_rule(key_arn, "BatchJobsRule"),)))
    return found


def _rule(beside: pulumi.Output[str], what: str) -> pulumi.Output[str]:
    """ARN of Step Functions' own rule."""
    return _beside(beside, "events", f"rule/StepFunctionsGetEventsFor{what}")


def _beside(known: pulumi.Output[str], service: str, resource: str) -> pulumi.Output[str]:
    """An ARN in the region and account of a known one."""

    def arn(text: str) -> str:
        _, _, _, region, account, *_ = text.split(":")
        return f"arn:aws:{service}:{region}:{account}:{resource}"

    return known.apply(arn)
