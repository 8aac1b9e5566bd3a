"""Amazon Managed Workflows for Apache Airflow (MWAA): Airflow with no server to run, its pages within the network.

DAGs lie in the lake. The loop is a DAG of the platform's own, whose tasks are tasks of its worker's definition on
Fargate.
"""

from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.client_group import client_group
from components.base.component import Component
from components.base.logs import log_group
from components.base.security_group import way_out
from components.base.service_role import service_role
from components.base.steps import StepKind, TaskSteps, run_tasks
from components.base.watched import Watched
from components.orchestration import LoopConfig, OrchestrationConfig
from components.orchestration.mwaa import rights
from components.surroundings import DependentOutputs, Surroundings, granted, lacks
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import LogDays
from mlops.core.fields.containers import GrantWords
from mlops.core.module import StackFacts
from services.pipelines.workflows.airflow import AirflowSettings, AirflowTasks, dag_file

_FOLDER = "mwaa/"
"""Where DAGs and requirements lie in the zone of artifacts."""
_LOGS = {
    "dag_processing_logs": "DAGProcessing",
    "scheduler_logs": "Scheduler",
    "task_logs": "Task",
    "webserver_logs": "WebServer",
    "worker_logs": "Worker",
}
"""Setting of each log -> the end of its group's name. Source: MWAA user guide, "Accessing Airflow logs"."""
_HTTPS, _POSTGRES = 443, 5432

Requirement = Annotated[
    str,
    Form(
        r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._-]+\])?(?:(?:==|>=|<=|~=|<|>)[A-Za-z0-9.*+!-]+)?",
        "a package as pip takes it, `apache-airflow-providers-slack==9.1.0`",
        most=200,
    ),
]


class MwaaConfig(OrchestrationConfig):
    """Amazon MWAA."""

    card: ClassVar[Card] = Card(
        title="Amazon MWAA",
        best_for="teams that write DAGs and want nobody to run Airflow, with or without Kubernetes",
        not_for="a single loop: an environment costs by the hour whether something runs or not; the newest Airflow",
        complexity="medium",
        trade_offs="patches and scaling by AWS, for half an hour to make it, and minutes for each change of packages",
        state="runs, connections and users lie in the environment's own database and go with it: `protect` keeps it; "
        "DAGs and requirements lie in the lake",
    )
    steps: ClassVar[StepKind] = "tasks"
    exported: ClassVar[frozenset[str]] = frozenset({"orchestrationUrl"})

    kind: Literal["mwaa"] = "mwaa"
    version: Literal["3.0.6"] = "3.0.6"
    """Version of Airflow: of those that MWAA has, the ones that the loop's DAG is written for."""
    environment_class: Literal["mw1.small", "mw1.medium", "mw1.large"] = "mw1.small"
    """Size of its servers: up to 50, 250 or 1,000 DAGs."""
    min_workers: int = Field(default=1, ge=1, le=25)
    """Fewest workers."""
    max_workers: int = Field(default=5, ge=1, le=25)
    """Most workers, each of which runs five tasks or more at once."""
    requirements: Annotated[tuple[Requirement, ...], Unique(most=200)] = ()
    """Python packages that DAGs need beside those of Airflow's image. A change makes the environment anew, in place."""
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """What tasks of DAGs may do, in plain words: `read storage/curated`, `write storage/features`, `produce`,
    `consume`, `track`, `invoke`. All DAGs share these: an environment has one role."""
    maintenance_start: Annotated[
        str,
        Form("(?:MON|TUE|WED|THU|FRI|SAT|SUN):(?:[01][0-9]|2[0-3]):(?:00|30)", "a half hour of the week, `SUN:03:30`"),
    ] = "SUN:03:30"
    """When AWS may patch it, UTC."""
    log_retention_days: LogDays | None = None
    """Days for which its logs are kept in CloudWatch Logs; null takes the tier's."""
    protect: bool = True
    """Refuse to delete the environment, with which its database goes."""

    @model_validator(mode="after")
    def _workers(self) -> "MwaaConfig":
        if self.min_workers > self.max_workers:
            raise ValueError(f"min_workers is {self.min_workers} and max_workers {self.max_workers}; raise max_workers")
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Its servers lie in two private subnets with a way to AWS."""
        problems = [*lacks("its grants: a DAG", self.grants, tuple(stack.filled))]
        if not stack.private_subnets:
            problems.append(
                "its servers have no public addresses, and network.mode is public, which has no private subnets with a "
                "way out for them; set network.mode to private"
            )
        if not stack.way_out:
            problems.append(
                "it reaches queues, images and packages by a way out, and network.mode isolated has none; set "
                "network.mode to private, or choose step_functions"
            )
        if stack.zones < 2:
            problems.append("it takes subnets in two availability zones, and network.zones is 1; set it to 2 or 3")
        return (*super().conflicts(stack), *problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the environment, and the loop's DAG."""
        return Mwaa(name, self, around, opts)


class Mwaa(Component[DependentOutputs]):
    """An environment under a role of its own, with its logs, and what it reads from the lake."""

    token = "mlops:index:Mwaa"

    def __init__(
        self, name: str, config: MwaaConfig, around: Surroundings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._around, self._foundation = config, around, around.foundation
        foundation, mwaa = around.foundation, aws.mwaa
        self._bucket = foundation.storage.buckets["artifacts"]
        physical = f"{foundation.prefix}-{name}"
        logs = {part: self._log(part, f"airflow-{physical}-{end}") for part, end in _LOGS.items()}
        loop = None
        if config.loop and isinstance(around.steps, TaskSteps):
            loop = self._loop(config.loop, around.steps)
        requirements = self._put("requirements", "requirements.txt", "\n".join(config.requirements) + "\n")
        network = foundation.network
        environment = mwaa.Environment(
            f"{name}-environment",
            name=physical,
            airflow_version=config.version,
            environment_class=config.environment_class,
            min_workers=config.min_workers,
            max_workers=config.max_workers,
            schedulers=2,
            source_bucket_arn=foundation.storage.bucket_arns["artifacts"],
            dag_s3_path=f"{_FOLDER}dags",
            requirements_s3_path=requirements.key,
            requirements_s3_object_version=requirements.version_id,
            execution_role_arn=self._role(physical),
            kms_key=foundation.keys.data,
            webserver_access_mode="PRIVATE_ONLY",
            endpoint_management="SERVICE",
            network_configuration=mwaa.EnvironmentNetworkConfigurationArgs(
                subnet_ids=list(network.private_subnet_ids[:2]), security_group_ids=[self._group().id]
            ),
            logging_configuration=mwaa.EnvironmentLoggingConfigurationArgs(
                **{part: {"enabled": True, "log_level": "INFO"} for part in _LOGS}  # type: ignore[arg-type]
            ),
            airflow_configuration_options={"core.load_examples": "False"},
            weekly_maintenance_window_start=config.maintenance_start,
            opts=self.child_with(
                protect=config.protect,
                # MWAA would make groups itself that keep their logs for ever.
                depends_on=[*network.ways_out, *logs.values(), *([loop] if loop else [])],
            ),
        )
        url = pulumi.Output.concat("https://", environment.webserver_url)
        dimensions = {"Environment": environment.name, "Function": "Scheduler"}
        self.publish(
            DependentOutputs(
                exports={"orchestrationUrl": url},
                watched=(Watched(what="scheduler", namespace="AmazonMWAA", dimensions=dimensions),),
            )
        )

    def _log(self, part: str, physical: str) -> "aws.cloudwatch.LogGroup":
        foundation = self._foundation
        return log_group(
            f"{self.name}-{part.replace('_', '-')}",
            days=self._config.log_retention_days or foundation.log_retention_days,
            key_arn=foundation.keys.logs,
            physical_name=physical,
            opts=self.child,
        )

    def _put(self, role: str, file: str, content: pulumi.Input[str]) -> "aws.s3.BucketObjectv2":
        return aws.s3.BucketObjectv2(
            f"{self.name}-{role}",
            bucket=self._bucket,
            key=f"{_FOLDER}{file}",
            content=content,
            kms_key_id=self._foundation.keys.data,
            server_side_encryption="aws:kms",
            opts=self.child,
        )

    def _role(self, physical: str) -> pulumi.Output[str]:
        foundation, steps = self._foundation, self._around.steps
        key = foundation.keys.data
        account = key.apply(lambda arn: arn.split(":")[4])
        grants = [granted(words, self._around) for words in self._config.grants]
        kept = foundation.storage.read("artifacts", _FOLDER)
        starts = run_tasks(steps) if self._config.loop and isinstance(steps, TaskSteps) else []
        bucket = foundation.storage.bucket_arns["artifacts"]
        return service_role(
            self.name,
            service=("airflow.amazonaws.com", "airflow-env.amazonaws.com"),
            description="Airflow of the MLOps platform",
            statements=[
                *rights.own(physical, foundation.region, account, bucket, key),
                *(statement for grant in [kept, *grants] for statement in grant.statements),
                *starts,
            ],
            key_arn=key,
            opts=self.child,
        )

    def _group(self) -> "aws.ec2.SecurityGroup":
        """Its servers reach one another, their database and the endpoint of their pages, which are in the same group,
        AWS, and where DAGs have rights. Source: MWAA user guide, "Security in your VPC on Amazon MWAA"."""
        foundation = self._foundation
        grants = [granted(words, self._around) for words in self._config.grants]
        group = client_group(
            self.name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{self.name}",
            grants=grants,
            opts=self.child,
        )
        for port in (_HTTPS, _POSTGRES):
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-from-itself-{port}",
                security_group_id=group.id,
                referenced_security_group_id=group.id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description="Servers of Airflow",
                opts=self.child,
            )
        way_out(
            f"{self.name}-to-database",
            group,
            block=foundation.network.vpc_cidr,
            port=_POSTGRES,
            description="The environment's database",
            opts=self.child,
        )
        return group

    def _loop(self, loop: LoopConfig, steps: TaskSteps) -> "aws.s3.BucketObjectv2":
        """The loop's DAG, which Airflow finds within minutes of a change."""

        def file(known: dict[str, Any]) -> str:
            tasks = AirflowTasks(
                **known, region=self._foundation.region, container=steps.container, public=steps.public
            )
            return dag_file(
                AirflowSettings(runs=tasks, schedule=loop.cron, deadline_seconds=loop.deadline_minutes * 60)
            )

        known = pulumi.Output.all(
            cluster=steps.cluster_arn,
            task_definition=steps.definition_arn,
            subnets=list(steps.subnet_ids),
            security_groups=[steps.group_id],
        )
        return self._put("loop", "dags/training_loop.py", known.apply(file))
