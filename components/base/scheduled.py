"""A call of an AWS API that is made again and again: a schedule of EventBridge, and the role that it calls as."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from components.base.service_role import service_role
from mlops.core.fields.schedules import of_eventbridge

_TRIES, _LATE_SECONDS = 3, 3_600


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is called: `aws-sdk:batch:submitJob` with an input of that API's own words."""

    api: str
    input: pulumi.Input[str]
    """JSON."""
    statements: Sequence[Statement]
    """What it takes to be let."""


def scheduled(
    name: str, call: Call, *, cron: str, paused: bool, key_arn: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> "aws.scheduler.Schedule":
    """Call an API whenever a cron expression says so, in UTC; late by an hour at most, and not at all after that.

    Source: EventBridge Scheduler user guide, "Universal targets" and "Encryption at rest".
    """
    role_arn = service_role(
        f"{name}-scheduler",
        service="scheduler.amazonaws.com",
        description="Starts scheduled work of the MLOps platform",
        statements=[*call.statements, Statement(actions=("kms:Decrypt",), resources=(key_arn,))],
        key_arn=key_arn,
        opts=opts,
    )
    return aws.scheduler.Schedule(
        f"{name}-schedule",
        schedule_expression=of_eventbridge(cron),
        schedule_expression_timezone="UTC",
        state="DISABLED" if paused else "ENABLED",
        flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
        kms_key_arn=key_arn,
        target=aws.scheduler.ScheduleTargetArgs(
            arn=f"arn:aws:scheduler:::{call.api}",
            role_arn=role_arn,
            input=call.input,
            retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=_LATE_SECONDS, maximum_retry_attempts=_TRIES
            ),
        ),
        opts=opts,
    )
