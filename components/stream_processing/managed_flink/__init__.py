"""Amazon Managed Service for Apache Flink: an application for each job, with nothing to run.

Each application has a role of its own, interfaces in the network's private subnets to reach the stream, and a snapshot
whenever it is stopped, from which it goes on.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant, Statement
from components.base.logs import log_group
from components.base.security_group import security_group, way_out
from components.base.service_role import service_role
from components.base.watched import Watched
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.network.endpoints import of_actions
from components.stream_processing import PLACE, StreamProcessingConfig, StreamProcessingOutputs, rights
from components.stream_processing.managed_flink.application import ApplicationConfig, flink_configuration
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import LogDays
from mlops.core.module import StackFacts

_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
)
_NETWORK_READS = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
"""Source: Managed Service for Apache Flink developer guide, "VPC application permissions"."""
_MOST_KPUS = 64
"""Source: the developer guide, quotas: 64 KPUs an application unless more were asked for."""


class ManagedFlinkConfig(StreamProcessingConfig):
    """Amazon Managed Service for Apache Flink."""

    card: ClassVar[Card] = Card(
        title="Amazon Managed Service for Apache Flink",
        best_for="A few jobs that must not be anybody's work to keep running, with or without Kubernetes",
        not_for="Many small jobs: each pays a KPU of its own for orchestration; the newest version of Flink",
        complexity="low",
        trade_offs="Snapshots, scaling and patches by AWS, for the versions that AWS has and a price by the KPU",
        state="snapshots lie with the service and go with the application; results lie where the job writes them",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions(("logs:PutLogEvents",))
    example: ClassVar[Mapping[str, object]] = {"jobs": [{"name": "enrich", "code": "enrich/job.jar"}]}

    kind: Literal["managed_flink"] = "managed_flink"
    jobs: Annotated[tuple[ApplicationConfig, ...], Unique(most=50, by="name")] = Field(min_length=1)
    """The jobs, each an application."""
    log_retention_days: LogDays = 30
    """Days for which the jobs' logs are kept in CloudWatch Logs."""
    protect: bool = True
    """Refuse to delete the applications, with whom their snapshots go."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why AWS would not make these applications there."""
        problems = [
            f"job {job.name} has parallelism {job.parallelism} and parallelism_per_kpu {job.parallelism_per_kpu}, "
            f"which takes {job.kpus} KPUs, and an application has at most {_MOST_KPUS}; lower parallelism, or raise "
            "parallelism_per_kpu"
            for job in self.jobs
            if job.kpus > _MOST_KPUS
        ]
        if not stack.private_subnets:
            problems.append(
                "its applications have no public addresses, and network.mode is public, which has no private subnets "
                "with a way out for them; set network.mode to private"
            )
        return tuple(problems)

    def build(
        self,
        name: str,
        foundation: Foundation,
        data_pipeline: DataPipelineOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[StreamProcessingOutputs]:
        """Make the applications."""
        return ManagedFlink(name, self, foundation, data_pipeline, opts)


def _name(arn: pulumi.Output[str]) -> pulumi.Output[str]:
    return arn.apply(lambda text: text.rpartition("/")[2])


class ManagedFlink(Component[StreamProcessingOutputs]):
    """One application a job, with its role and its log stream, behind one security group."""

    token = "mlops:index:ManagedFlink"

    def __init__(
        self,
        name: str,
        config: ManagedFlinkConfig,
        foundation: Foundation,
        data_pipeline: DataPipelineOutputs | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config, self._foundation, self._stream = config, foundation, data_pipeline
        self._account = foundation.keys.data.apply(lambda arn: arn.split(":")[4])
        self._logs = log_group(
            f"{name}-logs", days=config.log_retention_days, key_arn=foundation.keys.logs, opts=self.child
        )
        self._group = self._security_group()
        made = {job.name: self._application(job) for job in config.jobs}
        self.publish(
            StreamProcessingOutputs(
                jobs={job: arn for job, (arn, _) in made.items()},
                role_arns={job: role for job, (_, role) in made.items()},
                watched=tuple(
                    Watched(what=job, namespace="AWS/KinesisAnalytics", dimensions={"Application": _name(arn)})
                    for job, (arn, _) in made.items()
                ),
            )
        )

    def _security_group(self) -> "aws.ec2.SecurityGroup":
        network = self._foundation.network
        group = security_group(
            self.name,
            vpc_id=network.vpc_id,
            label=f"{self._foundation.prefix}-{self.name}",
            description="Stream processing of the MLOps platform",
            clients={},
            ports=(),
            opts=self.child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self.name}-to-network",
            security_group_id=group.id,
            cidr_ipv4=network.vpc_cidr,
            ip_protocol="-1",
            description="To the stream",
            opts=self.child,
        )
        way_out(f"{self.name}-to-aws", group, description="To AWS", opts=self.child)
        return group

    def _application(self, job: ApplicationConfig) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        named, foundation = f"{self.name}-{job.name}", self._foundation
        log_stream = aws.cloudwatch.LogStream(
            f"{named}-log-stream", log_group_name=self._logs.name, name=job.name, opts=self.child
        )
        role_arn = self._role(named, job, log_stream)
        zone, folder = PLACE
        flink = aws.kinesisanalyticsv2
        application = flink.Application(
            named,
            description=f"Job {job.name} of the MLOps platform",
            runtime_environment=job.runtime,
            service_execution_role=role_arn,
            start_application=job.start,
            cloudwatch_logging_options=flink.ApplicationCloudwatchLoggingOptionsArgs(log_stream_arn=log_stream.arn),
            application_configuration=flink.ApplicationApplicationConfigurationArgs(
                application_code_configuration=flink.ApplicationApplicationConfigurationApplicationCodeConfigurationArgs(
                    code_content_type="ZIPFILE",
                    code_content=flink.ApplicationApplicationConfigurationApplicationCodeConfigurationCodeContentArgs(
                        s3_content_location=flink.ApplicationApplicationConfigurationApplicationCodeConfigurationCodeContentS3ContentLocationArgs(
                            bucket_arn=foundation.storage.bucket_arns[zone], file_key=f"{folder}{job.code}"
                        )
                    ),
                ),
                # A stop takes a snapshot, and a start goes on from it.
                application_snapshot_configuration=flink.ApplicationApplicationConfigurationApplicationSnapshotConfigurationArgs(
                    snapshots_enabled=True
                ),
                environment_properties=flink.ApplicationApplicationConfigurationEnvironmentPropertiesArgs(
                    property_groups=self._properties(job)
                ),
                flink_application_configuration=flink_configuration(job),
                run_configuration=flink.ApplicationApplicationConfigurationRunConfigurationArgs(
                    application_restore_configuration=flink.ApplicationApplicationConfigurationRunConfigurationApplicationRestoreConfigurationArgs(
                        application_restore_type="RESTORE_FROM_LATEST_SNAPSHOT"
                    )
                )
                if job.start
                else None,
                vpc_configuration=flink.ApplicationApplicationConfigurationVpcConfigurationArgs(
                    subnet_ids=list(foundation.network.private_subnet_ids), security_group_ids=[self._group.id]
                ),
            ),
            opts=self.child_with(protect=self._config.protect),
        )
        return application.arn, role_arn

    def _properties(
        self, job: ApplicationConfig
    ) -> "list[aws.kinesisanalyticsv2.ApplicationApplicationConfigurationEnvironmentPropertiesPropertyGroupArgs]":
        group = aws.kinesisanalyticsv2.ApplicationApplicationConfigurationEnvironmentPropertiesPropertyGroupArgs
        found = []
        if self._stream:
            # An application has no secret variables: it is told where each lies, and may read it.
            secrets = {f"{variable}_SECRET": value.arn for variable, value in self._stream.secrets.items()}
            known = {**self._stream.client_variables(), **secrets}
            found.append(group(property_group_id="stream", property_map=known))
        if job.properties:
            found.append(group(property_group_id="job", property_map=dict(job.properties)))
        return found

    def _role(self, named: str, job: ApplicationConfig, log_stream: "aws.cloudwatch.LogStream") -> pulumi.Output[str]:
        """ARN of the application's role, known once it has its rights: AWS tries them when it is made."""
        zone, folder = PLACE
        secrets = self._stream.secrets.values() if self._stream else ()
        grants: tuple[Grant, ...] = (
            self._foundation.storage.read(zone, f"{folder}{job.code}"),
            *rights(self._foundation, self._stream, job.name, job.zones),
            self._in_the_network(),
        )
        logs = (
            Statement(actions=("logs:PutLogEvents",), resources=(log_stream.arn,)),
            Statement(
                actions=("logs:DescribeLogGroups", "logs:DescribeLogStreams"),
                resources=(pulumi.Output.concat(self._logs.arn, ":*"),),
            ),
        )
        return service_role(
            named,
            description=f"Job {job.name} of the MLOps platform",
            service="kinesisanalytics.amazonaws.com",
            key_arn=self._foundation.keys.data,
            statements=[
                *(statement for grant in grants for statement in grant.statements),
                *(statement for value in secrets for statement in value.read()),
                *logs,
            ],
            opts=self.child,
        )

    def _in_the_network(self) -> Grant:
        """Interfaces in the network's own subnets; describing takes no narrower resource."""
        foundation = self._foundation

        def here(kind: str, identity: pulumi.Input[str] = "*") -> pulumi.Output[str]:
            return pulumi.Output.concat(f"arn:aws:ec2:{foundation.region}:", self._account, f":{kind}/", identity)

        subnets = [here("subnet", subnet) for subnet in foundation.network.private_subnet_ids]
        group = here("security-group", self._group.id)
        return Grant(
            resource="network",
            access="join",
            statements=(
                Statement(actions=_INTERFACES, resources=(here("network-interface"), group, *subnets)),
                Statement(actions=_NETWORK_READS, resources=("*",)),
            ),
        )
