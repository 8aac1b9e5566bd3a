"""SageMaker as the ML platform: a managed MLflow server, Studio inside the network, a model registry and pipelines.

Nothing runs on a cluster and nothing needs the platform's database: AWS runs the server and keeps what it tracks, and
the platform keeps the artifacts, in the lake. What people and jobs may do are two roles that are made of grants.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant
from components.base.service_role import service_role
from components.base.trust import account_of
from components.foundation import Foundation
from components.ml_platform import MlPlatformConfig, MlPlatformOutputs
from components.ml_platform.sagemaker import access
from components.ml_platform.sagemaker.studio import Studio, StudioArgs, StudioConfig
from components.network.endpoints import of_services
from mlops.core.config import Card, Config
from mlops.core.fields import Form, Unique
from mlops.core.module import StackFacts

ARTIFACTS = "mlflow/"
"""Where the server keeps artifacts in the zone of artifacts: below the same prefix as MLflow on the cluster."""

MlflowVersion = Annotated[
    str, Form(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", "a version of MLflow, `3.0` or `2.16.2`", most=16)
]
MaintenanceStart = Annotated[
    str,
    Form(
        "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun):(?:[01][0-9]|2[0-3]):[0-5][0-9]",
        "a day and a time in UTC, `Sun:03:30`",
        most=9,
    ),
]
EntityName = Annotated[
    str,
    Form(
        "[a-zA-Z0-9](?:-*[a-zA-Z0-9])*",
        "letters, digits and single hyphens between them, as SageMaker names things",
        most=63,
    ),
]
DefinitionKey = Annotated[
    str,
    Form(
        r"[A-Za-z0-9_=@-][A-Za-z0-9._=@-]*(?:/[A-Za-z0-9_=@-][A-Za-z0-9._=@-]*)*\.json",
        "the key of a JSON file in the bucket of artifacts, `pipelines/training-loop.json`",
        most=900,
    ),
]


class TrackingServerConfig(Config):
    """The managed MLflow server. It is charged by the hour while it is started."""

    size: Literal["Small", "Medium", "Large"] = "Small"
    """AWS recommends Small for up to 25 users, Medium for up to 50, Large for up to 100."""
    mlflow_version: MlflowVersion | None = None
    """Version of MLflow that it runs; null takes AWS's newest when it is made, and keeps it. Another version is another
    server: AWS has no way to upgrade one, and what the old one tracked goes with it."""
    maintenance_start: MaintenanceStart = "Sun:03:30"
    """When AWS may begin its weekly maintenance, UTC."""
    register_models: bool = True
    """Register what is registered with MLflow as model packages as well."""
    protect: bool = True
    """Refuse to delete the server: experiments and registered models go with it."""


class PipelineConfig(Config):
    """A SageMaker pipeline by a definition in the lake, as `python -m pipelines workflow --to sagemaker` renders it."""

    name: EntityName
    """Name of the pipeline."""
    definition: DefinitionKey
    """Key of its definition in the bucket of artifacts. AWS reads it when the pipeline is made: put it there first."""
    parallel_steps: int = Field(default=10, ge=1, le=1000)
    """Most steps that run at the same time."""


class SageMakerConfig(MlPlatformConfig):
    """Amazon SageMaker: managed MLflow, Studio, the model registry and pipelines."""

    kind: Literal["sagemaker"] = "sagemaker"
    card: ClassVar[Card] = Card(
        title="Amazon SageMaker AI",
        best_for="teams without a cluster that want experiments, notebooks, jobs and a model registry that AWS runs",
        not_for="clients that must reach MLflow by URL: the address is an ARN, and clients need the plugin "
        "sagemaker-mlflow and AWS credentials",
        complexity="low",
        trade_offs="nothing to run, for a server by the hour whether it is used or not, which cannot be upgraded in "
        "place, and instances that cost more than EC2's own",
        state="experiments and registry lie in the tracking server, which has no backup to ask for: what must outlive "
        "it is exported; artifacts lie in the lake; files of Studio lie in its file system and go with the domain",
    )
    endpoints: ClassVar[frozenset[str]] = of_services(access.SERVICES)

    tracking: TrackingServerConfig = TrackingServerConfig()
    """The MLflow server."""
    studio: StudioConfig | None = StudioConfig()
    """Notebooks and editors inside the network; null makes none."""
    model_groups: Annotated[tuple[EntityName, ...], Unique(most=100)] = ("recommender",)
    """Model package groups: what versions of one model are registered in."""
    pipelines: Annotated[tuple[PipelineConfig, ...], Unique(most=50, by="name")] = ()
    """Pipelines whose definitions lie in the lake."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Studio's subnets have to be private."""
        return self.studio.conflicts(stack) if self.studio else ()

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MlPlatformOutputs]:
        """Make the server, the roles, Studio and the registry."""
        return SageMaker(name, self, foundation, opts)


class SageMaker(Component[MlPlatformOutputs]):
    """A tracking server, the role of people, the role of jobs, and what each of them works with."""

    token = "mlops:index:SageMaker"

    def __init__(
        self, name: str, config: SageMakerConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._account = foundation.keys.data.apply(account_of)
        outputs = self._tracking()
        jobs = self._role("jobs", [*access.of_jobs(foundation, self._here), outputs.track()])
        for group in config.model_groups:
            aws.sagemaker.ModelPackageGroup(
                f"{name}-models-{group}",
                model_package_group_name=group,
                model_package_group_description="Versions of a model of the MLOps platform",
                opts=self.child,
            )
        for pipeline in config.pipelines:
            self._pipeline(pipeline, jobs)
        roles = {"jobs": jobs}
        if config.studio:
            people = [*access.of_people(foundation, self._here, jobs), outputs.track()]
            roles["studio"] = self._role("studio", people)
            studio = StudioArgs(network=foundation.network, key_arn=foundation.keys.data, prefix=foundation.prefix)
            Studio(f"{name}-studio", config.studio, studio, roles["studio"], self.child)
        self.publish(
            MlPlatformOutputs(
                tracking_uri=outputs.tracking_uri,
                artifacts_uri=outputs.artifacts_uri,
                track_statements=outputs.track_statements,
                roles=roles,
            )
        )

    def _here(self, resource: str) -> pulumi.Output[str]:
        """ARN of a resource of SageMaker in this account and region, a pattern or not."""
        return pulumi.Output.concat(f"arn:aws:sagemaker:{self._foundation.region}:", self._account, ":", resource)

    def _tracking(self) -> MlPlatformOutputs:
        config, storage = self._config.tracking, self._foundation.storage
        artifacts = storage.write("artifacts", ARTIFACTS)
        role = self._role("tracking", [artifacts, *([access.registry(self._here)] if config.register_models else [])])
        uri = pulumi.Output.concat("s3://", storage.buckets["artifacts"], "/", ARTIFACTS.rstrip("/"))
        server = aws.sagemaker.MlflowTrackingServer(
            f"{self.name}-tracking",
            tracking_server_name=self._foundation.prefix,
            artifact_store_uri=uri,
            role_arn=role,
            tracking_server_size=config.size,
            mlflow_version=config.mlflow_version,
            automatic_model_registration=config.register_models,
            weekly_maintenance_window_start=config.maintenance_start,
            opts=self.child_with(protect=config.protect),
        )
        # Clients read and write artifacts themselves: the managed server hands none through.
        statements = (*access.tracking(server.arn), *artifacts.statements)
        return MlPlatformOutputs(tracking_uri=server.arn, artifacts_uri=uri, track_statements=statements)

    def _pipeline(self, config: PipelineConfig, role: pulumi.Output[str]) -> None:
        aws.sagemaker.Pipeline(
            f"{self.name}-pipeline-{config.name}",
            pipeline_name=config.name,
            pipeline_display_name=config.name,
            pipeline_definition_s3_location=aws.sagemaker.PipelinePipelineDefinitionS3LocationArgs(
                bucket=self._foundation.storage.buckets["artifacts"], object_key=config.definition
            ),
            parallelism_configuration=aws.sagemaker.PipelineParallelismConfigurationArgs(
                max_parallel_execution_steps=config.parallel_steps
            ),
            role_arn=role,
            opts=self.child,
        )

    def _role(self, part: str, grants: list[Grant]) -> pulumi.Output[str]:
        """ARN of a role that SageMaker takes, known once it has its rights: SageMaker tries them when it is given."""
        return service_role(
            f"{self.name}-{part}",
            description=f"SageMaker, {part} of the MLOps platform",
            service="sagemaker.amazonaws.com",
            key_arn=self._foundation.keys.data,
            statements=[statement for grant in grants for statement in grant.statements],
            opts=self.child,
        )
