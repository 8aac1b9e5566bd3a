"""AWS Step Functions: state machines with nothing to run, and tasks on Fargate, Lambda and AWS Batch.

The loop is a state machine over tasks of its worker's own definition, started by EventBridge Scheduler.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws

from components.base.component import Component
from components.base.identity import Statement
from components.base.logs import log_group
from components.base.service_role import service_role
from components.base.steps import StepKind, TaskSteps
from components.base.watched import Watched
from components.orchestration import LoopConfig, OrchestrationConfig, ScheduleConfig
from components.orchestration.step_functions import rights
from components.orchestration.step_functions.machines import MachineConfig
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import LogDays
from mlops.core.module import StackFacts
from services.pipelines.workflows.step_functions import StepFunctionsSettings, rendered


class StepFunctionsConfig(OrchestrationConfig):
    """AWS Step Functions."""

    card: ClassVar[Card] = Card(
        title="AWS Step Functions",
        best_for="a stack without Kubernetes: no server to run, and paid by the transition from one state to the next",
        not_for="pipelines with many small steps that people look at and start over; anything on the cluster",
        complexity="low",
        trade_offs="a gate that stops is tried again, for it knows no exit codes; one state follows another",
        state="executions and their history lie with AWS for 90 days; definitions and schedules come from this program",
    )
    steps: ClassVar[StepKind] = "tasks"
    exported: ClassVar[frozenset[str]] = frozenset({"orchestrationLoop"})
    example: ClassVar[Mapping[str, object]] = {
        "machines": [{"name": "nightly", "definition": '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'}]
    }

    kind: Literal["step_functions"] = "step_functions"
    machines: Annotated[tuple[MachineConfig, ...], Unique(most=50, by="name")] = ()
    """A team's own state machines, over Lambda functions and jobs of AWS Batch."""
    log_retention_days: LogDays | None = None
    """Days for which what executions did is kept in CloudWatch Logs; null takes the tier's."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """There has to be something to run, and nobody else's machine has the loop's name."""
        problems = []
        if self.loop is None and not self.machines:
            problems.append("it has nothing to run; set loop, or add state machines to machines")
        if any(machine.name == "loop" for machine in self.machines):
            problems.append("machines has one called loop, which is what the loop's own is called; call it otherwise")
        return (*super().conflicts(stack), *problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the state machines and their schedules."""
        return StepFunctions(name, self, around, opts)


class StepFunctions(Component[DependentOutputs]):
    """State machines, each under a role of its own, with one log for all."""

    token = "mlops:index:StepFunctions"

    def __init__(
        self, name: str, config: StepFunctionsConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._foundation = foundation = around.foundation
        self._logs = log_group(
            f"{name}-logs",
            days=config.log_retention_days or foundation.log_retention_days,
            key_arn=foundation.keys.logs,
            # Under this name deliveries need no room in the log group's resource policy, which is short.
            physical_name=f"/aws/vendedlogs/states/{foundation.prefix}-{name}",
            opts=self.child,
        )
        made = {machine.name: self._machine_of(machine) for machine in config.machines}
        exports: dict[str, pulumi.Output[str]] = {}
        if config.loop and isinstance(around.steps, TaskSteps):
            made["loop"] = loop = self._loop(config.loop, around.steps)
            exports["orchestrationLoop"] = loop.arn
        self.publish(
            DependentOutputs(
                exports=exports,
                watched=tuple(
                    Watched(what=one, namespace="AWS/States", dimensions={"StateMachineArn": machine.arn})
                    for one, machine in made.items()
                ),
            )
        )

    def _machine_of(self, machine: MachineConfig) -> "aws.sfn.StateMachine":
        granted = rights.of_machine(machine, self._foundation.keys.data)
        made = self._machine(machine.name, machine.definition, granted)
        if machine.schedule:
            self._schedule(machine.name, made, machine.schedule, "{}")
        return made

    def _loop(self, loop: LoopConfig, steps: TaskSteps) -> "aws.sfn.StateMachine":
        known = pulumi.Output.all(
            cluster=steps.cluster_arn,
            task_definition=steps.definition_arn,
            subnets=list(steps.subnet_ids),
            security_groups=[steps.group_id],
        )
        definition = known.apply(
            lambda given: rendered(
                StepFunctionsSettings(
                    **given,
                    container=steps.container,
                    public=steps.public,
                    deadline_seconds=loop.deadline_minutes * 60,
                )
            )
        )
        made = self._machine("loop", definition, rights.of_tasks(steps))
        self._schedule("loop", made, loop, '{"options": {}}')
        return made

    def _machine(self, machine: str, definition: pulumi.Input[str], granted: list[Statement]) -> "aws.sfn.StateMachine":
        sfn, named, key = aws.sfn, f"{self.name}-{machine}", self._foundation.keys.data
        role = service_role(
            named,
            service="states.amazonaws.com",
            description=f"State machine {machine} of the MLOps platform",
            statements=[*rights.always(key), *granted],
            key_arn=key,
            opts=self.child,
        )
        return sfn.StateMachine(
            named,
            type="STANDARD",
            role_arn=role,
            definition=definition,
            encryption_configuration=sfn.StateMachineEncryptionConfigurationArgs(
                type="CUSTOMER_MANAGED_KMS_KEY", kms_key_id=key, kms_data_key_reuse_period_seconds=300
            ),
            logging_configuration=sfn.StateMachineLoggingConfigurationArgs(
                level="ALL",
                # What goes in and out is in the history, encrypted; the log says what happened.
                include_execution_data=False,
                log_destination=pulumi.Output.concat(self._logs.arn, ":*"),
            ),
            tracing_configuration=sfn.StateMachineTracingConfigurationArgs(enabled=True),
            opts=self.child,
        )

    def _schedule(self, machine: str, made: "aws.sfn.StateMachine", schedule: ScheduleConfig, given: str) -> None:
        named, key = f"{self.name}-{machine}", self._foundation.keys.data
        starts = service_role(
            f"{named}-start",
            service="scheduler.amazonaws.com",
            description=f"Starts state machine {machine} of the MLOps platform",
            statements=[
                Statement(actions=("states:StartExecution",), resources=(made.arn,)),
                Statement(actions=("kms:Decrypt",), resources=(key,)),
            ],
            key_arn=key,
            opts=self.child,
        )
        aws.scheduler.Schedule(
            f"{named}-schedule",
            schedule_expression=schedule.eventbridge,
            schedule_expression_timezone="UTC",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            kms_key_arn=key,
            target=aws.scheduler.ScheduleTargetArgs(
                arn=made.arn,
                role_arn=starts,
                input=given,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=600, maximum_retry_attempts=3
                ),
            ),
            opts=self.child,
        )
