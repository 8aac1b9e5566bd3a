"""AWS Batch: containers that run to their end, on Fargate or on machines that come for them.

Nothing runs between two runs. A queue hands jobs to its compute environment, from which it takes its name: so it is
gone before the environment is, in whatever order they are deleted.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.client_group import client_group
from components.base.component import Component
from components.base.failures import failures
from components.base.identity import Grant, Statement
from components.base.logs import log_group
from components.base.scheduled import Call, scheduled
from components.base.service_role import service_role
from components.compute import (
    SCORING,
    ComputeConfig,
    exports,
    misfits,
    rights,
    scoring_rights,
    secrets,
    variables,
    whole,
)
from components.compute.aws_batch import fit
from components.compute.aws_batch import jobs as made
from components.compute.aws_batch.jobs import BatchJobConfig, BatchScoringConfig, Capacity, Program
from components.compute.aws_batch.machines import instance_profile, launch_template
from components.ml_platform import MlPlatformOutputs
from components.network.endpoints import of_actions
from components.storage import Zone
from components.surroundings import DependentOutputs, Surroundings
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import InstanceTypeName, LogDays
from mlops.core.module import StackFacts

_TASKS = "ecs-tasks.amazonaws.com"
_STUCK_SECONDS = 3_600
_READ: tuple[Zone, ...] = ("features", "artifacts")
"""Zones of the lake that scoring on one machine reads."""


class AwsBatchConfig(ComputeConfig):
    """AWS Batch."""

    card: ClassVar[Card] = Card(
        title="AWS Batch",
        best_for="jobs that fit on one machine each, with or without Kubernetes: nothing runs between them",
        not_for="one table that no machine holds, which spark spreads; answers within seconds",
        complexity="low",
        trade_offs="Queues, retries and Spot by AWS and no price of its own, for a minute or more until a job starts",
        state="none of its own: what jobs make lies in the lake, and a run that fails is tried again",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions(("ecr:BatchGetImage", "logs:PutLogEvents"))

    kind: Literal["aws_batch"] = "aws_batch"
    capacity: Capacity = "fargate-spot"
    """fargate: a task of its own for each job. fargate-spot: the same for about a third of the price, with two minutes'
    notice when it is taken away. ec2 and spot: machines of `instance_types`, which come and go with the jobs."""
    cpu_architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor of tasks on Fargate; on EC2 the instance types say it."""
    instance_types: Annotated[tuple[InstanceTypeName, ...], Unique(most=20)] = ("m7i.xlarge", "m6i.xlarge")
    """Machines on EC2; Batch takes those that jobs fill best."""
    most_vcpus: int = Field(default=64, ge=1, le=10_000)
    """vCPUs of all jobs that run at a time: others wait, and none costs more than this."""
    scoring: BatchScoringConfig | None = None
    """Recommendations for all users of the reference workload, on a schedule; null computes none."""
    jobs: Annotated[tuple[BatchJobConfig, ...], Unique(most=50, by="name")] = ()
    """A team's own jobs."""
    log_retention_days: LogDays | None = None
    """Days for which what jobs write is kept; null takes `storage.log_retention_days`."""

    @property
    def fargate(self) -> bool:
        """Whether jobs run on Fargate."""
        return self.capacity.startswith("fargate")

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why Batch would not run these jobs there."""
        sizes = [(f"job {job.name}", job.size) for job in self.jobs]
        sizes += [(SCORING, self.scoring.size)] if self.scoring else []
        if self.fargate:
            own = fit.fargate(self.capacity, self.cpu_architecture, sizes)
        else:
            own = fit.machines(self.capacity, self.instance_types, sizes, stack)
        return (*misfits(stack, self.jobs, self.scoring, made.REPOSITORY), *own)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the environment, the queue and the jobs."""
        return AwsBatch(name, self, around, opts)


class AwsBatch(Component[DependentOutputs]):
    """A compute environment, a queue, and for each job a definition, a role and a schedule."""

    token = "mlops:index:AwsBatch"

    def __init__(
        self, name: str, config: AwsBatchConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around = config, around
        foundation = around.foundation
        days = config.log_retention_days or foundation.log_retention_days
        self._logs = log_group(f"{name}-logs", days=days, key_arn=foundation.keys.logs, opts=self.child)
        known: list[tuple[Program, Sequence[Grant]]] = []
        if config.scoring and around.ml_platform:
            scoring = self._scoring(config.scoring, around.ml_platform)
            # What is popular now, and what is shown at all, lie beside the model.
            read = [foundation.storage.read(zone) for zone in _READ]
            known.append((scoring, (*scoring_rights(around, around.ml_platform), *read)))
        known += [(self._program(job), rights(job, around)) for job in config.jobs]
        self._queue = self._make_queue(self._environment([grant for _, grants in known for grant in grants]))
        for program, grants in known:
            self._job(program, grants)
        failed = failures(
            name,
            "batch",
            source="aws.batch",
            notice="Batch Job State Change",
            detail={"status": ["FAILED"], "jobQueue": [self._queue.arn]},
            opts=self.child,
        )
        self.publish(DependentOutputs(exports=exports(around, self._queue.arn), watched=(failed,)))

    def _environment(self, grants: Sequence[Grant]) -> "aws.batch.ComputeEnvironment":
        config, foundation = self._config, self._around.foundation
        group = client_group(
            self.name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{self.name}",
            grants=grants,
            opts=self.child,
        )
        batch = aws.batch
        resources: dict[str, Any] = {
            "type": config.capacity.upper().replace("-", "_"),
            "max_vcpus": config.most_vcpus,
            "subnets": list(foundation.network.private_subnet_ids),
            "security_group_ids": [group.id],
        }
        if not config.fargate:
            label = f"{foundation.prefix}-{self.name}"
            template = launch_template(
                self.name, label=label, key_arn=foundation.keys.cluster, tags=foundation.tags, opts=self.child
            )
            # Spot where the most room is for the least; on demand what costs least.
            best = "SPOT_PRICE_CAPACITY_OPTIMIZED" if config.capacity == "spot" else "BEST_FIT_PROGRESSIVE"
            resources |= {
                "min_vcpus": 0,
                "allocation_strategy": best,
                "instance_types": list(config.instance_types),
                "instance_role": instance_profile(self.name, foundation.prefix, self.child),
                "launch_template": batch.ComputeEnvironmentComputeResourcesLaunchTemplateArgs(
                    launch_template_id=template.id,
                    version=template.latest_version.apply(lambda version: str(int(version))),
                ),
                "tags": {**foundation.tags, "Name": label},
            }
        return batch.ComputeEnvironment(
            f"{self.name}-environment",
            type="MANAGED",
            state="ENABLED",
            compute_resources=batch.ComputeEnvironmentComputeResourcesArgs(**resources),
            opts=self.child,
        )

    def _make_queue(self, environment: "aws.batch.ComputeEnvironment") -> "aws.batch.JobQueue":
        """A job that asks for more than the environment has would wait for ever, and hold up those behind it."""
        batch = aws.batch
        return batch.JobQueue(
            f"{self.name}-queue",
            state="ENABLED",
            priority=1,
            compute_environment_orders=[
                batch.JobQueueComputeEnvironmentOrderArgs(order=1, compute_environment=environment.arn)
            ],
            job_state_time_limit_actions=[
                batch.JobQueueJobStateTimeLimitActionArgs(
                    action="CANCEL",
                    state="RUNNABLE",
                    reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
                    max_time_seconds=_STUCK_SECONDS,
                )
            ],
            opts=self.child,
        )

    def _scoring(self, config: BatchScoringConfig, tracking: MlPlatformOutputs) -> Program:
        """The loop's own command."""
        foundation = self._around.foundation
        buckets = {f"MLOPS_BUCKET_{zone.upper()}": bucket for zone, bucket in foundation.storage.buckets.items()}
        return Program(
            name=SCORING,
            when=config,
            size=config.size,
            image=whole(foundation, made.REPOSITORY, f":{config.image_tag}"),
            repository=made.REPOSITORY,
            arguments=["batch-score", "--k", str(config.products)],
            variables={
                **buckets,
                "AWS_REGION": foundation.region,
                "MLFLOW_TRACKING_URI": tracking.tracking_uri,
                "MLOPS_STATE": "/tmp/state",
            },
            secrets=tracking.secrets,
        )

    def _program(self, job: BatchJobConfig) -> Program:
        return Program(
            name=job.name,
            when=job,
            size=job.size,
            image=job.image_in(self._around.foundation),
            repository=job.repository,
            arguments=job.arguments,
            variables=variables(job, self._around),
            secrets=secrets(job, self._around),
        )

    def _job(self, program: Program, grants: Sequence[Grant]) -> None:
        named, key_arn = f"{self.name}-{program.name}", self._around.foundation.keys.data
        definition = self._definition(named, program, grants)
        scheduled(
            named,
            Call(
                api="aws-sdk:batch:submitJob",
                input=pulumi.Output.json_dumps(
                    {"JobName": program.name, "JobQueue": self._queue.arn, "JobDefinition": definition.arn}
                ),
                statements=(Statement(actions=("batch:SubmitJob",), resources=(self._queue.arn, definition.arn)),),
            ),
            cron=program.when.schedule,
            paused=program.when.paused,
            key_arn=key_arn,
            opts=self.child,
        )

    def _definition(self, named: str, program: Program, grants: Sequence[Grant]) -> "aws.batch.JobDefinition":
        config, foundation, size = self._config, self._around.foundation, program.size
        public, arm = foundation.network.public, config.cpu_architecture == "arm64"
        known = pulumi.Output.all(
            image=program.image,
            variables=dict(program.variables),
            secrets={variable: one.value_from for variable, one in program.secrets.items()},
            role=service_role(
                f"{named}-task",
                service=_TASKS,
                description=f"Batch job {program.name} of the MLOps platform",
                statements=[statement for grant in grants for statement in grant.statements],
                key_arn=foundation.keys.data,
                opts=self.child,
            ),
            execution=self._execution(named, program),
            log_group=self._logs.name,
        )
        properties = known.apply(
            lambda told: json.dumps(
                made.container(program, told, fargate=config.fargate, arm=arm, public=public), sort_keys=True
            )
        )
        batch = aws.batch
        return batch.JobDefinition(
            named,
            type="container",
            platform_capabilities=["FARGATE" if config.fargate else "EC2"],
            container_properties=properties,
            propagate_tags=True,
            retry_strategy=batch.JobDefinitionRetryStrategyArgs(attempts=size.attempts),
            timeout=batch.JobDefinitionTimeoutArgs(attempt_duration_seconds=size.timeout_minutes * 60),
            opts=self.child,
        )

    def _execution(self, named: str, program: Program) -> pulumi.Output[str]:
        """The role that starts a run: it fetches the image, reads secrets and writes what the run says."""
        foundation = self._around.foundation
        pulled = foundation.registry.pull(program.repository).statements if program.repository else ()
        logs = Statement(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(pulumi.Output.concat(self._logs.arn, ":*"),),
        )
        return service_role(
            f"{named}-execution",
            service=_TASKS,
            description=f"Starts batch job {program.name} of the MLOps platform",
            statements=[logs, *pulled, *(right for one in program.secrets.values() for right in one.read())],
            key_arn=foundation.keys.data,
            opts=self.child,
        )
