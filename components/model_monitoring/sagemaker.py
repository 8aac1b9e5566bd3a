"""Amazon SageMaker Model Monitor: what endpoints were asked, as SageMaker captured it, held against a baseline by the
clock.

A baseline is what a job of SageMaker's suggests of the training data, `constraints.json` and `statistics.json`; nobody
can choose it for a team, so that it lies in the lake beforehand.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.client_group import client_group
from components.base.component import Component
from components.base.identity import Grant, Statement
from components.base.service_role import service_role
from components.foundation import Foundation
from components.ml_platform.sagemaker.access import in_the_network, logs
from components.model_monitoring import ModelMonitoringConfig
from components.network.endpoints import of_services
from components.serving.sagemaker.parts import CAPTURED, metrics, volumes
from components.surroundings import DependentOutputs, Surroundings
from mlops.core import offerings
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import Folder
from mlops.core.fields.kubernetes import ShortName
from mlops.core.module import StackFacts

REPORTS = "monitoring/sagemaker/"
"""Where reports lie in the zone of artifacts."""
_OURS = "/opt/ml/processing"
ACCOUNTS: Mapping[str, str] = {
    "ap-east-1": "001633400207",
    "ap-northeast-1": "574779866223",
    "ap-northeast-2": "709848358524",
    "ap-south-1": "126357580389",
    "ap-southeast-1": "245545462676",
    "ap-southeast-2": "563025443158",
    "ca-central-1": "536280801234",
    "eu-central-1": "048819808253",
    "eu-north-1": "895015795356",
    "eu-west-1": "468650794304",
    "eu-west-2": "749857270468",
    "eu-west-3": "680080141114",
    "me-south-1": "607024016150",
    "sa-east-1": "539772159869",
    "us-east-1": "156813124566",
    "us-east-2": "777275614652",
    "us-west-1": "890145073186",
    "us-west-2": "159807026194",
}
"""Region -> AWS's account whose registry has the analyzer. Source: aws/sagemaker-python-sdk,
src/sagemaker/image_uri_config/model-monitor.json, at 021937b."""

JobInstance = Annotated[
    str, Form(r"ml\.[a-z0-9-]+\.[a-z0-9]+", "an instance type of SageMaker, `ml.m5.large`", most=40)
]


class SageMakerMonitorConfig(ModelMonitoringConfig):
    """SageMaker Model Monitor."""

    kind: Literal["sagemaker"] = "sagemaker"
    card: ClassVar[Card] = Card(
        title="Amazon SageMaker Model Monitor",
        best_for="models on SageMaker endpoints, whose requests SageMaker captures already",
        not_for="models that are served elsewhere, and requests that must not be kept as they came",
        complexity="low",
        trade_offs="Nothing to run, for an instance by the hour of each look and tables of CSV or JSON alone",
        state="None of its own: captured requests, baselines and reports lie in the lake, whose "
        "versions bring them back",
    )
    beside: ClassVar[Mapping[str, tuple[str, ...]]] = {"serving": ("sagemaker",)}
    endpoints: ClassVar[frozenset[str]] = of_services(("cloudwatch", "ecr", "ec2", "kms", "logs", "sagemaker", "sts"))

    models: Annotated[tuple[ShortName, ...], Unique(most=100)] = ()
    """Models of `serving.models` that are looked at; none looks at all whose requests are captured
    (`capture_percent`)."""
    baselines: Folder = "baselines"
    """Folder of the zone of artifacts with a folder for each model, which holds `constraints.json` and
    `statistics.json`. A look fails until they are there."""
    every_hours: int = Field(default=1, ge=1, le=24)
    """Between two looks, hours; SageMaker has no shorter one."""
    instance_type: JobInstance = "ml.m5.large"
    """Instance of a look, charged while it works."""
    volume_gb: int = Field(default=20, ge=1, le=16_384)
    """Its volume, GB."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Endpoints that capture, a region with the analyzer and the instance, a private network."""
        wrong = [
            f"model {name} is to be looked at, and no endpoint captures its requests; captured are "
            f"{', '.join(sorted(stack.captured)) or 'none'}. Set capture_percent of its mode in serving"
            for name in self.models
            if name not in stack.captured
        ]
        if stack.region not in ACCOUNTS:
            wrong.append(
                f"AWS's analyzer of Model Monitor is in no registry of {stack.region} that is known; choose another "
                f"kind, or one of {', '.join(sorted(ACCOUNTS))}"
            )
        if not stack.private_subnets:
            wrong.append("looks run in private subnets, and network.mode public has none; set network.mode to private")
        if problem := offerings.problem("sagemaker_jobs", stack.region, self.instance_type):
            wrong.append(f"instance_type: {problem}")
        return tuple(wrong)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the looks."""
        return SageMakerMonitor(name, self, around, opts)


class SageMakerMonitor(Component[DependentOutputs]):
    """A role, a closed security group, and a definition and a schedule for each model."""

    token = "mlops:index:SageMakerMonitor"

    def __init__(
        self,
        name: str,
        config: SageMakerMonitorConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation = around.foundation
        urls, captured = (around.serving.endpoints, around.serving.captured) if around.serving else ({}, frozenset())
        grants = rights(foundation, config.baselines)
        self._role = service_role(
            name,
            service="sagemaker.amazonaws.com",
            description="Looks at what models of the MLOps platform were asked",
            statements=[row for grant in grants for row in grant.statements],
            key_arn=foundation.keys.data,
            opts=self.child,
        )
        self._group = client_group(
            name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-model-monitor",
            grants=(),
            opts=self.child,
        )
        for model in config.models or sorted(captured):
            # Taken from the endpoint's own address, so that the look waits for it.
            self._look(model, urls[model].apply(lambda url: url.split("/")[4]))
        self.publish(DependentOutputs())

    def _look(self, model: str, endpoint: pulumi.Output[str]) -> None:
        sm, config, foundation = aws.sagemaker, self._config, self._foundation
        buckets, key = foundation.storage.buckets, foundation.keys.data
        baseline = pulumi.Output.concat("s3://", buckets["artifacts"], f"/{config.baselines}/{model}")
        account = ACCOUNTS[foundation.region]
        image = f"{account}.dkr.ecr.{foundation.region}.amazonaws.com/sagemaker-model-monitor-analyzer"
        definition = sm.DataQualityJobDefinition(
            f"{self.name}-{model}-definition",
            data_quality_app_specification=sm.DataQualityJobDefinitionDataQualityAppSpecificationArgs(image_uri=image),
            data_quality_baseline_config=sm.DataQualityJobDefinitionDataQualityBaselineConfigArgs(
                constraints_resource=sm.DataQualityJobDefinitionDataQualityBaselineConfigConstraintsResourceArgs(
                    s3_uri=pulumi.Output.concat(baseline, "/constraints.json")
                ),
                statistics_resource=sm.DataQualityJobDefinitionDataQualityBaselineConfigStatisticsResourceArgs(
                    s3_uri=pulumi.Output.concat(baseline, "/statistics.json")
                ),
            ),
            data_quality_job_input=sm.DataQualityJobDefinitionDataQualityJobInputArgs(
                endpoint_input=sm.DataQualityJobDefinitionDataQualityJobInputEndpointInputArgs(
                    endpoint_name=endpoint, local_path=f"{_OURS}/input"
                )
            ),
            data_quality_job_output_config=sm.DataQualityJobDefinitionDataQualityJobOutputConfigArgs(
                kms_key_id=key,
                monitoring_outputs=sm.DataQualityJobDefinitionDataQualityJobOutputConfigMonitoringOutputsArgs(
                    s3_output=sm.DataQualityJobDefinitionDataQualityJobOutputConfigMonitoringOutputsS3OutputArgs(
                        s3_uri=pulumi.Output.concat("s3://", buckets["artifacts"], f"/{REPORTS}{model}"),
                        local_path=f"{_OURS}/output",
                    )
                ),
            ),
            job_resources=sm.DataQualityJobDefinitionJobResourcesArgs(
                cluster_config=sm.DataQualityJobDefinitionJobResourcesClusterConfigArgs(
                    instance_count=1,
                    instance_type=config.instance_type,
                    volume_size_in_gb=config.volume_gb,
                    volume_kms_key_id=key,
                )
            ),
            network_config=sm.DataQualityJobDefinitionNetworkConfigArgs(
                vpc_config=sm.DataQualityJobDefinitionNetworkConfigVpcConfigArgs(
                    security_group_ids=[self._group.id], subnets=list(foundation.network.private_subnet_ids)
                )
            ),
            role_arn=self._role,
            opts=self.child,
        )
        sm.MonitoringSchedule(
            f"{self.name}-{model}-schedule",
            monitoring_schedule_config=sm.MonitoringScheduleMonitoringScheduleConfigArgs(
                monitoring_type="DataQuality",
                monitoring_job_definition_name=definition.name,
                schedule_config=sm.MonitoringScheduleMonitoringScheduleConfigScheduleConfigArgs(
                    schedule_expression=every(config.every_hours)
                ),
            ),
            opts=self.child,
        )


def every(hours: int) -> str:
    """When SageMaker looks: of the forms that it takes, every hour, every so many hours, or once a day (SageMaker
    developer guide, "The cron expression for a monitoring schedule")."""
    if hours == 1:
        return "cron(0 * ? * * *)"
    return "cron(0 3 ? * * *)" if hours == 24 else f"cron(0 0/{hours} ? * * *)"


def rights(foundation: Foundation, baselines: str) -> list[Grant]:
    """Read what was captured and the baselines, write reports, and what every job in the network does."""
    storage, region = foundation.storage, foundation.region
    analyzer = f"arn:aws:ecr:{region}:{ACCOUNTS[region]}:repository/sagemaker-model-monitor-analyzer"
    pull = Grant(
        resource="registry/aws",
        access="pull",
        statements=(
            Statement(
                actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                resources=(analyzer,),
            ),
            Statement(actions=("ecr:GetAuthorizationToken",), resources=("*",)),
        ),
    )
    return [
        storage.read("raw", CAPTURED),
        storage.read("artifacts", f"{baselines}/"),
        storage.write("artifacts", REPORTS),
        pull,
        in_the_network(foundation),
        logs(foundation),
        metrics(),
        volumes(foundation.keys.data),
    ]
