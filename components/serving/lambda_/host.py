"""Workloads as functions: an alias that callers name, a role, a security group and a log for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base.client_group import client_group
from components.base.generated_secret import generated_secret
from components.base.identity import Grant, Statement
from components.base.logs import log_group
from components.base.secret import SecretValue
from components.base.service_role import service_role
from components.base.watched import Watched
from components.base.workload import Application, Host, Room, Running, Working, Workload
from components.foundation import Foundation
from components.serving.lambda_ import trials
from components.serving.lambda_.fronts import FrontParts, function_url, http_api
from components.serving.lambda_.limits import MOST_SECONDS
from mlops.core.fields.kubernetes import mebibytes

ALIAS = "live"
"""What callers name, so that versions can change behind it."""
NETWORK_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
"""Network interfaces take no narrower resource. Source: AWS managed policy reference."""
_LAMBDA, _SCHEDULER = "lambda.amazonaws.com", "scheduler.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What holds for every function."""

    front: Literal["function_url", "http_api"]
    architecture: str
    timeout_seconds: int
    provisioned: bool
    max_concurrency: int | None
    stable_versions: Mapping[str, int]
    """Container -> the version that answers while the newest is tried."""
    awaited: bool
    """Whether images are still to be pushed, so that no function is made yet."""
    log_days: int
    looks: pulumi.Output[str]
    """Name of the group of schedules that wake workers."""


class FunctionHost(Host):
    """Lambda, as what runs containers."""

    def __init__(self, settings: FunctionSettings, foundation: Foundation) -> None:
        self._settings = settings
        self._foundation = foundation

    def room(self, name: str, application: Application, opts: pulumi.ResourceOptions) -> Room:
        """What an application shares are its generated secrets; all else is each workload's own."""
        return FunctionRoom(name, application, self._settings, self._foundation, self.watched, opts)


class FunctionRoom(Room):
    """The functions of one application."""

    def __init__(
        self,
        name: str,
        application: Application,
        settings: FunctionSettings,
        foundation: Foundation,
        watched: list[Watched],
        opts: pulumi.ResourceOptions,
    ) -> None:
        self.name = name
        self._watched = watched
        self._settings = settings
        self._foundation = foundation
        self._opts = opts
        self._generated = {
            variable: generated_secret(
                f"{name}-secret-{variable.lower().replace('_', '-')}",
                description=f"{variable} of {application.name} of the MLOps platform",
                unrotated=application.unrotated,
                key_arn=foundation.keys.data,
                opts=opts,
            )
            for variable in application.generated
        }

    def serve(self, workload: Workload) -> Running:
        """A function behind an alias, and the address under which it is called."""
        settings, named = self._settings, f"{self.name}-{workload.role}"
        role_arn, function = self._function(workload, settings.timeout_seconds, settings.max_concurrency)
        way = Grant(resource=workload.role, access="invoke")
        if function is None:
            return Running(url=None, role_arn=role_arn, way=way)
        alias = self._alias(workload, function)
        if settings.provisioned:
            aws.lambda_.ProvisionedConcurrencyConfig(
                f"{named}-warm",
                function_name=function.name,
                qualifier=alias.name,
                provisioned_concurrent_executions=workload.shape.fewest,
                opts=self._opts,
            )
        front = http_api if settings.front == "http_api" else function_url
        url, statements = front(
            named, function, alias, FrontParts(foundation=self._foundation, log_days=settings.log_days), self._opts
        )
        return Running(
            url=url,
            role_arn=role_arn,
            way=Grant(resource=workload.role, access="invoke", statements=statements),
            signed=True,
        )

    def _alias(self, workload: Workload, function: "aws.lambda_.Function") -> "aws.lambda_.Alias":
        """What callers name: the newest version, or a stable one and the newest for its share of the requests."""
        shape, stable = workload.shape, self._settings.stable_versions.get(workload.shape.name)
        routing = trials.weights(shape.release, stable, function.version) if stable else None
        if stable:
            self._watched.append(
                Watched(
                    what=f"{shape.name}-candidate",
                    namespace="AWS/Lambda",
                    # Of what the alias sends to one version alone (Lambda developer guide, "Types of metrics").
                    dimensions={
                        "FunctionName": function.name,
                        "Resource": pulumi.Output.concat(function.name, ":", ALIAS),
                        "ExecutedVersion": function.version,
                    },
                )
            )
        return aws.lambda_.Alias(
            f"{self.name}-{workload.role}-alias",
            name=ALIAS,
            function_name=function.name,
            function_version=str(stable) if stable else function.version,
            routing_config=routing,
            opts=self._opts,
        )

    def work(self, workload: Workload) -> Working:
        """A function that is woken for one look after another: never twice at once, and never again for the same."""
        named, foundation = f"{self.name}-{workload.role}", self._foundation
        role_arn, function = self._function(workload, MOST_SECONDS, 1)
        if function is None:
            return Working(role_arn=role_arn)
        aws.lambda_.FunctionEventInvokeConfig(
            f"{named}-calls",
            function_name=function.name,
            maximum_event_age_in_seconds=60,
            maximum_retry_attempts=0,
            opts=self._opts,
        )
        may_wake = service_role(
            f"{named}-wake",
            service=_SCHEDULER,
            description=f"Wakes {workload.shape.name} of the MLOps platform",
            statements=[Statement(actions=("lambda:InvokeFunction",), resources=(function.arn,))],
            key_arn=foundation.keys.data,
            opts=self._opts,
        )
        minutes = max(1, round(workload.look_seconds / 60))
        aws.scheduler.Schedule(
            f"{named}-looks",
            group_name=self._settings.looks,
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            kms_key_arn=foundation.keys.data,
            target=aws.scheduler.ScheduleTargetArgs(
                arn=function.arn,
                role_arn=may_wake,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=0
                ),
            ),
            opts=self._opts,
        )
        return Working(role_arn=role_arn)

    def _function(
        self, workload: Workload, timeout_seconds: int, most: int | None
    ) -> "tuple[pulumi.Output[str], aws.lambda_.Function | None]":
        """The ARN of its role, and the function; none while its image is awaited."""
        foundation, settings, shape = self._foundation, self._settings, workload.shape
        named = f"{self.name}-{workload.role}"
        secrets: dict[str, SecretValue] = {**self._generated, **workload.secrets}
        logs = log_group(f"{named}-logs", days=settings.log_days, key_arn=foundation.keys.logs, opts=self._opts)
        role_arn = service_role(
            f"{named}-function",
            service=_LAMBDA,
            description=f"{shape.name} of the MLOps platform",
            statements=[
                *(statement for grant in workload.grants for statement in grant.statements),
                *(statement for secret in secrets.values() for statement in secret.read()),
            ],
            managed={"network": NETWORK_POLICY},
            key_arn=foundation.keys.data,
            opts=self._opts,
        )
        group = client_group(
            named,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{shape.name}",
            grants=workload.grants,
            opts=self._opts,
        )
        if settings.awaited:
            return role_arn, None
        function = aws.lambda_.Function(
            named,
            name=f"{foundation.prefix}-{shape.name}",
            description=f"{shape.name} of the MLOps platform",
            package_type="Image",
            image_uri=workload.image,
            image_config=aws.lambda_.FunctionImageConfigArgs(commands=list(workload.function_command))
            if workload.function_command
            else None,
            architectures=[settings.architecture],
            memory_size=int(mebibytes(shape.memory)),
            ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=max(shape.scratch_gb * 1024, 512)),
            timeout=timeout_seconds,
            reserved_concurrent_executions=most,
            role=role_arn,
            publish=True,
            kms_key_arn=foundation.keys.data,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables(workload, secrets)),
            vpc_config=aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=list(foundation.network.private_subnet_ids), security_group_ids=[group.id]
            ),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=logs.name),
            opts=pulumi.ResourceOptions.merge(
                self._opts, pulumi.ResourceOptions(depends_on=list(foundation.network.ways_out))
            ),
        )
        dimensions = {"FunctionName": function.name}
        self._watched.append(Watched(what=shape.name, namespace="AWS/Lambda", dimensions=dimensions))
        return role_arn, function


def variables(workload: Workload, secrets: Mapping[str, SecretValue]) -> dict[str, pulumi.Input[str]]:
    """What a function is told. Lambda sets the region itself and takes no other. A secret is named, in a variable with
    `_SECRET_ARN` behind its own name, and what runs there fetches it (`services/recommender/by_reference.py`)."""
    plain = {"HOME": "/tmp", **workload.variables, **workload.own_variables}
    plain.pop("AWS_REGION", None)
    named: dict[str, pulumi.Input[str]] = {
        f"{variable}_SECRET_ARN": pulumi.Output.concat(one.arn, f"#{one.key}") if one.key else one.arn
        for variable, one in secrets.items()
    }
    return {**plain, **named}
