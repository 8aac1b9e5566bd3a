"""Amazon EMR Serverless: Spark without a cluster, by the second.

An application is a frame without machines: workers come with a job and go with it. A job's program and what it imports
lie in the lake, so that there is no image to build.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.client_group import client_group, open_within
from components.base.component import Component
from components.base.failures import failures
from components.base.identity import Grant, Statement
from components.base.logs import log_group
from components.base.scheduled import Call, scheduled
from components.base.service_role import service_role
from components.compute import ZONE, ComputeConfig, WorkConfig, exports, misfits, rights, secrets, variables
from components.network.endpoints import of_actions
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import LogDays
from mlops.core.module import StackFacts

PROGRAMS = "emr/"
"""Folder of the lake, in the zone of artifacts, that programs lie in."""
_SERVICE = "emr-serverless.amazonaws.com"
_GB_A_VCPU = 4

ProgramKey = Annotated[
    str,
    Form(r"(?!/)[A-Za-z0-9._/-]+\.(?:py|jar)", "a path below the folder of programs, `forecast/job.py`", most=500),
]
PackageKey = Annotated[
    str,
    Form(r"(?!/)[A-Za-z0-9._/-]+\.(?:zip|py|egg)", "a path below the folder of programs, `forecast/own.zip`", most=500),
]
MainClass = Annotated[str, Form(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", "a Java class with its package", most=500)]


class EmrJobConfig(WorkConfig):
    """A job whose program lies in the lake."""

    program: ProgramKey
    """What is run: its path in the zone of artifacts, below `emr/`. It has to be there when the job runs."""
    packages: Annotated[tuple[PackageKey, ...], Unique(most=50)] = ()
    """Python packages beside it, likewise."""
    main_class: MainClass | None = None
    """Class whose `main` is run, of a jar."""
    cores: Literal[1, 2, 4, 8, 16] = 2
    """vCPUs of the driver and of an executor, each with 3 GB of heap for one."""
    executors: int = Field(default=2, ge=1, le=1_000)
    """Executors that a run begins with."""
    most_executors: int = Field(default=10, ge=1, le=1_000)
    """Executors to which it grows while tasks wait."""
    timeout_minutes: int = Field(default=240, ge=1, le=7 * 24 * 60)
    """Minutes after which a run is ended; a week at most."""


class EmrServerlessConfig(ComputeConfig):
    """Amazon EMR Serverless."""

    card: ClassVar[Card] = Card(
        title="Amazon EMR Serverless",
        best_for="Spark now and then, without Kubernetes, nodes or images: a program in the lake is all there is",
        not_for="Spark all day, which nodes that are paid anyway run for less; the newest version of Spark",
        complexity="low",
        trade_offs="Nothing to size, patch or stop, for the releases that AWS has and a price by the vCPU hour",
        state="none of its own: programs and what jobs make lie in the lake",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions(("logs:PutLogEvents",))

    kind: Literal["emr_serverless"] = "emr_serverless"
    release: str = Field(default=versions.EMR_SERVERLESS[0], json_schema_extra={"enum": list(versions.EMR_SERVERLESS)})
    """Release of EMR, which says the version of Spark."""
    cpu_architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor of the workers; arm64 costs a fifth less, and needs packages that are built for it."""
    most_vcpus: int = Field(default=64, ge=2, le=10_000)
    """vCPUs of all jobs that run at a time, each with 4 GB: the most that an hour can cost."""
    jobs: Annotated[tuple[EmrJobConfig, ...], Unique(most=50, by="name")] = ()
    """A team's own jobs."""
    log_retention_days: LogDays | None = None
    """Days for which what jobs write is kept; null takes `storage.log_retention_days`."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why EMR would not run these jobs there."""
        problems = [*misfits(stack, self.jobs)]
        if self.release not in versions.EMR_SERVERLESS:
            allowed = ", ".join(versions.EMR_SERVERLESS)
            problems.append(f'release is "{self.release}"; allowed: {allowed} (catalogue of {versions.CATALOGUE_DATE})')
        if not stack.private_subnets:
            problems.append(
                "its workers have no public addresses, and network.mode is public, which has no private subnets with a "
                "way out for them; set network.mode to private"
            )
        for job in self.jobs:
            wanted = job.cores * (1 + job.executors)
            if wanted > self.most_vcpus:
                problems.append(
                    f"job {job.name} begins with {wanted} vCPUs (driver and {job.executors} executors of {job.cores}), "
                    f"and most_vcpus is {self.most_vcpus}, so that it would wait for ever; raise most_vcpus, or ask "
                    "for less"
                )
            if job.most_executors < job.executors:
                problems.append(
                    f"job {job.name} has most_executors {job.most_executors} and executors {job.executors}; set "
                    f"most_executors to {job.executors} or more"
                )
            if job.program.endswith(".jar") != (job.main_class is not None):
                problems.append(
                    f"job {job.name} runs {job.program} with main_class {job.main_class or 'null'}; a jar goes with "
                    "the class whose main is run, and a Python program with none"
                )
        return tuple(problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the application and the jobs."""
        return EmrServerless(name, self, around, opts)


class EmrServerless(Component[DependentOutputs]):
    """An application in the network's private subnets, and for each job a role and a schedule."""

    token = "mlops:index:EmrServerless"

    def __init__(
        self, name: str, config: EmrServerlessConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around = config, around
        foundation = around.foundation
        days = config.log_retention_days or foundation.log_retention_days
        self._logs = log_group(f"{name}-logs", days=days, key_arn=foundation.keys.logs, opts=self.child)
        granted = {job.name: rights(job, around) for job in config.jobs}
        self._application = self._make_application([grant for grants in granted.values() for grant in grants])
        for job in config.jobs:
            self._job(job, granted[job.name])
        failed = failures(
            name,
            "spark",
            source="aws.emr-serverless",
            notice="EMR Serverless Job Run State Change",
            detail={"state": ["FAILED"], "applicationId": [self._application.id]},
            opts=self.child,
        )
        self.publish(DependentOutputs(exports=exports(around, self._application.id), watched=(failed,)))

    def _make_application(self, grants: list[Grant]) -> "aws.emrserverless.Application":
        config, foundation, emr = self._config, self._around.foundation, aws.emrserverless
        group = client_group(
            self.name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{self.name}",
            grants=grants,
            opts=self.child,
        )
        # Driver and executors find one another.
        open_within(self.name, group, protocol="tcp", opts=self.child)
        return emr.Application(
            f"{self.name}-application",
            type="spark",
            release_label=config.release,
            architecture=config.cpu_architecture.upper(),
            auto_start_configuration=emr.ApplicationAutoStartConfigurationArgs(enabled=True),
            auto_stop_configuration=emr.ApplicationAutoStopConfigurationArgs(enabled=True, idle_timeout_minutes=5),
            maximum_capacity=emr.ApplicationMaximumCapacityArgs(
                cpu=f"{config.most_vcpus} vCPU", memory=f"{config.most_vcpus * _GB_A_VCPU} GB"
            ),
            network_configuration=emr.ApplicationNetworkConfigurationArgs(
                subnet_ids=list(foundation.network.private_subnet_ids), security_group_ids=[group.id]
            ),
            opts=self.child,
        )

    def _job(self, job: EmrJobConfig, grants: tuple[Grant, ...]) -> None:
        named, foundation = f"{self.name}-{job.name}", self._around.foundation
        role_arn = self._role(named, job, grants)
        request = {
            "ApplicationId": self._application.id,
            # The same call twice starts one run.
            "ClientToken": "<aws.scheduler.execution-id>",
            "Name": job.name,
            "ExecutionRoleArn": role_arn,
            "ExecutionTimeoutMinutes": job.timeout_minutes,
            "JobDriver": {"SparkSubmit": self._submitted(job)},
            "ConfigurationOverrides": {
                "MonitoringConfiguration": {
                    "CloudWatchLoggingConfiguration": {
                        "Enabled": True,
                        "LogGroupName": self._logs.name,
                        "LogStreamNamePrefix": job.name,
                        "EncryptionKeyArn": foundation.keys.logs,
                    }
                }
            },
        }
        call = Call(
            api="aws-sdk:emrserverless:startJobRun",
            input=pulumi.Output.json_dumps(request, sort_keys=True),
            statements=(
                Statement(actions=("emr-serverless:StartJobRun",), resources=(self._application.arn,)),
                Statement(
                    actions=("iam:PassRole",),
                    resources=(role_arn,),
                    conditions={"StringEquals": {"iam:PassedToService": _SERVICE}},
                ),
            ),
        )
        scheduled(named, call, cron=job.schedule, paused=job.paused, key_arn=foundation.keys.data, opts=self.child)

    def _submitted(self, job: EmrJobConfig) -> dict[str, object]:
        folder = pulumi.Output.concat("s3://", self._around.foundation.storage.buckets[ZONE], f"/{PROGRAMS}")
        # It has no secret variables: a job is told where each lies, and may read it.
        known = secrets(job, self._around)
        told = {
            **variables(job, self._around),
            **{f"{name}_SECRET_ARN": pulumi.Output.concat(one.arn, f"#{one.key or ''}") for name, one in known.items()},
        }
        packages = [pulumi.Output.concat(folder, package) for package in job.packages]
        return {
            "EntryPoint": pulumi.Output.concat(folder, job.program),
            "EntryPointArguments": list(job.arguments),
            "SparkSubmitParameters": pulumi.Output.all(dict(told), packages).apply(
                lambda values: submit_parameters(job, values[0], values[1])
            ),
        }

    def _role(self, named: str, job: EmrJobConfig, grants: tuple[Grant, ...]) -> pulumi.Output[str]:
        foundation = self._around.foundation
        folder = job.program.rpartition("/")[0]
        program = foundation.storage.read(ZONE, f"{PROGRAMS}{folder}/" if folder else PROGRAMS)
        logs = (
            Statement(
                actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
                resources=(pulumi.Output.concat(self._logs.arn, ":*"),),
            ),
            Statement(actions=("logs:DescribeLogGroups",), resources=("*",)),
        )
        return service_role(
            f"{named}-run",
            service=_SERVICE,
            description=f"Spark job {job.name} of the MLOps platform",
            statements=[
                *(statement for grant in (program, *grants) for statement in grant.statements),
                *(right for one in secrets(job, self._around).values() for right in one.read()),
                *logs,
            ],
            key_arn=foundation.keys.data,
            opts=self.child,
        )


def submit_parameters(job: EmrJobConfig, told: Mapping[str, str], packages: list[str]) -> str:
    """What follows `spark-submit`. Source: EMR Serverless user guide, "Spark job properties"."""
    heap = f"{job.cores * 3}g"
    properties = {
        "spark.driver.cores": job.cores,
        "spark.driver.memory": heap,
        "spark.executor.cores": job.cores,
        "spark.executor.memory": heap,
        "spark.dynamicAllocation.initialExecutors": job.executors,
        "spark.dynamicAllocation.maxExecutors": job.most_executors,
        **{f"spark.emr-serverless.driverEnv.{name}": value for name, value in sorted(told.items())},
        **{f"spark.executorEnv.{name}": value for name, value in sorted(told.items())},
        **({"spark.submit.pyFiles": ",".join(packages)} if packages else {}),
    }
    main = f"--class {job.main_class} " if job.main_class else ""
    return main + " ".join(f"--conf {name}={_quoted(str(value))}" for name, value in properties.items())


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
