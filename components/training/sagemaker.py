"""SageMaker training jobs: machines with GPUs for as long as a run takes, and none before or after.

A run is a call of SageMaker's API that a schedule makes; the loop or people make the same call. On Spot a run that is
cut off goes on from the checkpoints in its folder of the lake.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import pulumi
from pydantic import Field

from components.base.client_group import client_group, open_within
from components.base.component import Component
from components.base.failures import failures
from components.base.identity import Grant, Statement
from components.base.scheduled import Call, scheduled
from components.base.service_role import service_role
from components.base.watched import Watched
from components.compute import misfits
from components.ml_platform.sagemaker.access import in_the_network, logs
from components.network.endpoints import of_services
from components.storage import ZONES, Zone
from components.surroundings import DependentOutputs, Surroundings
from components.training import (
    ZONE,
    TrainingConfig,
    TrainingJobConfig,
    exports,
    rights,
    secrets,
    variables,
)
from mlops.core import offerings
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.containers import PlainVariable, VariableValue
from mlops.core.module import StackFacts

_SERVICE = "sagemaker.amazonaws.com"
_EBS_SERIES = ("c", "m", "r", "t")
"""Series whose machines have no disks of their own unless a `d` says so: only volumes take a key."""

MachineType = Annotated[
    str, Form(r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+", "the name of a SageMaker instance type, `ml.g5.xlarge`", most=40)
]
ChannelName = Annotated[str, Form("[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, `_`, `.` and `-`, `train`", most=64)]
ChannelPlace = Annotated[
    str,
    Form(
        r"(?:raw|curated|features|artifacts)(?:/[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]*)*",
        "a zone of the lake or a folder of it, `features/daily`",
        most=500,
    ),
]


class SageMakerJobConfig(TrainingJobConfig):
    """A training job."""

    machine: MachineType = "ml.g5.xlarge"
    """Instance type of each machine."""
    machines: int = Field(default=1, ge=1, le=100)
    """How many."""
    volume_gb: int = Field(default=50, ge=1, le=16_384)
    """Room on each machine for data and model, GB."""
    spot: bool = True
    """Take machines on Spot, for up to nine tenths less; a run that is cut off goes on from its checkpoints."""
    run_minutes: int = Field(default=240, ge=1, le=28 * 24 * 60)
    """Minutes of training after which a run is ended."""
    wait_minutes: int = Field(default=240, ge=0, le=28 * 24 * 60)
    """Minutes that a run on Spot waits for machines, all its cuts together, besides `run_minutes`."""
    channels: Annotated[Mapping[ChannelName, ChannelPlace], Field(max_length=20)] = {}
    """What it reads, by the name under which it finds it (`/opt/ml/input/data/train`): `{train: features/daily}`."""
    hyperparameters: Annotated[Mapping[PlainVariable, VariableValue], Field(max_length=100)] = {}
    """What the algorithm is told, in `/opt/ml/input/config/hyperparameters.json`."""

    @property
    def disks(self) -> bool:
        """Whether its machines have disks of their own, which are encrypted by themselves and take no key."""
        family = self.machine.split(".")[1]
        return family[0] not in _EBS_SERIES or "d" in family[1:]


class SageMakerTrainingConfig(TrainingConfig):
    """SageMaker training jobs."""

    card: ClassVar[Card] = Card(
        title="Amazon SageMaker training jobs",
        best_for="GPUs for a few hours now and then, on Spot, with nothing to run in between",
        not_for="GPUs that work all day: nodes of one's own cost less by the hour and start at once",
        complexity="low",
        trade_offs="Machines of any size within minutes and checkpoints on Spot, for a surcharge and SageMaker's own "
        "layout of a container",
        state="none of its own: checkpoints and models lie in the lake",
    )
    endpoints: ClassVar[frozenset[str]] = of_services(("ecr", "logs", "sagemaker", "sts"))
    example: ClassVar[Mapping[str, object]] = {
        "jobs": [{"name": "ranker", "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/ranker:1.0.0"}]
    }

    kind: Literal["sagemaker"] = "sagemaker"
    jobs: Annotated[tuple[SageMakerJobConfig, ...], Unique(most=50, by="name")] = Field(min_length=1)
    """The jobs, each on a schedule; one that only the loop or people start is `paused`."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Why SageMaker would not run these jobs there."""
        problems = [*misfits(stack, self.jobs)]
        if not stack.private_subnets:
            problems.append(
                "its machines have no public addresses, and network.mode is public, which has no private subnets with "
                "a way out for them; set network.mode to private"
            )
        for job in self.jobs:
            if problem := offerings.problem("sagemaker_jobs", stack.region, job.machine):
                problems.append(f"job {job.name}: {problem}")
            if ".amazonaws.com/" not in job.image and job.repository is None:
                problems.append(
                    f"job {job.name} runs {job.image}, and SageMaker takes images from ECR alone; push it to a "
                    "repository of registry.repositories"
                )
        return tuple(problems)

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the jobs' roles, group and schedules."""
        return SageMakerTraining(name, self, around, opts)


class SageMakerTraining(Component[DependentOutputs]):
    """For each job a role, a security group and a schedule."""

    token = "mlops:index:SageMakerTraining"

    def __init__(
        self,
        name: str,
        config: SageMakerTrainingConfig,
        around: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._around = around
        watched = tuple(self._job(job) for job in config.jobs)
        named = pulumi.Output.from_input(f"{around.foundation.prefix}-")
        self.publish(DependentOutputs(exports=exports(around, named), watched=watched))

    def _job(self, job: SageMakerJobConfig) -> Watched:
        named, foundation = f"{self.name}-{job.name}", self._around.foundation
        granted = (*rights(job, self._around), *self._reads(job))
        role_arn = self._role(named, job, granted)
        group = client_group(
            named,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{named}",
            grants=granted,
            opts=self.child,
        )
        if job.machines > 1:
            open_within(named, group, protocol="-1", opts=self.child)
        runs = f"{foundation.prefix}-{job.name}"
        account = foundation.keys.data.apply(lambda arn: arn.split(":")[4])
        jobs_arn = pulumi.Output.concat(f"arn:aws:sagemaker:{foundation.region}:", account, f":training-job/{runs}-*")
        call = Call(
            api="aws-sdk:sagemaker:createTrainingJob",
            input=pulumi.Output.json_dumps(self._request(job, runs, role_arn, group.id), sort_keys=True),
            statements=(
                Statement(actions=("sagemaker:AddTags", "sagemaker:CreateTrainingJob"), resources=(jobs_arn,)),
                Statement(
                    actions=("iam:PassRole",),
                    resources=(role_arn,),
                    conditions={"StringEquals": {"iam:PassedToService": _SERVICE}},
                ),
            ),
        )
        scheduled(named, call, cron=job.schedule, paused=job.paused, key_arn=foundation.keys.data, opts=self.child)
        return failures(
            named,
            job.name,
            source="aws.sagemaker",
            notice="SageMaker Training Job State Change",
            detail={"TrainingJobStatus": ["Failed"], "TrainingJobName": [{"prefix": f"{runs}-"}]},
            opts=self.child,
        )

    def _request(
        self, job: SageMakerJobConfig, runs: str, role_arn: pulumi.Output[str], group: pulumi.Output[str]
    ) -> dict[str, Any]:
        """CreateTrainingJob's own words. Source: SageMaker API reference."""
        foundation = self._around.foundation
        key = {} if job.disks else {"VolumeKmsKeyId": foundation.keys.data}
        folder = pulumi.Output.concat("s3://", foundation.storage.buckets[ZONE], f"/{job.place.rstrip('/')}")
        # It has no secret variables: a job is told where each lies, and may read it.
        told = {
            **variables(job, self._around),
            **{
                f"{name}_SECRET_ARN": pulumi.Output.concat(one.arn, f"#{one.key or ''}")
                for name, one in secrets(job, self._around).items()
            },
        }
        stop: dict[str, int] = {"MaxRuntimeInSeconds": job.run_minutes * 60}
        if job.spot:
            stop["MaxWaitTimeInSeconds"] = (job.run_minutes + job.wait_minutes) * 60
        arguments = {"ContainerArguments": list(job.arguments)} if job.arguments else {}
        return {
            # A run's name is nobody else's: EventBridge puts the number of its call there.
            "TrainingJobName": f"{runs}-<aws.scheduler.execution-id>",
            "RoleArn": role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": job.image_in(foundation),
                "TrainingInputMode": "FastFile",
                **arguments,
            },
            "HyperParameters": dict(job.hyperparameters),
            "Environment": told,
            "InputDataConfig": [self._channel(name, place) for name, place in job.channels.items()],
            "OutputDataConfig": {"S3OutputPath": folder, "KmsKeyId": foundation.keys.data},
            "CheckpointConfig": {"S3Uri": pulumi.Output.concat(folder, "/checkpoints")},
            "ResourceConfig": {
                "InstanceType": job.machine,
                "InstanceCount": job.machines,
                "VolumeSizeInGB": job.volume_gb,
                **key,
            },
            "VpcConfig": {"Subnets": list(foundation.network.private_subnet_ids), "SecurityGroupIds": [group]},
            "EnableInterContainerTrafficEncryption": job.machines > 1,
            "EnableManagedSpotTraining": job.spot,
            "StoppingCondition": stop,
            "RetryStrategy": {"MaximumRetryAttempts": 2},
            "Tags": [{"Key": name, "Value": value} for name, value in sorted(foundation.tags.items())],
        }

    def _channel(self, name: str, place: str) -> dict[str, Any]:
        zone, _, folder = place.partition("/")
        source = {
            "S3DataType": "S3Prefix",
            "S3DataDistributionType": "FullyReplicated",
            "S3Uri": pulumi.Output.concat("s3://", self._around.foundation.storage.buckets[_zone(zone)], f"/{folder}"),
        }
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    def _reads(self, job: SageMakerJobConfig) -> Sequence[Grant]:
        storage = self._around.foundation.storage
        places = [place.partition("/") for place in job.channels.values()]
        return [storage.read(_zone(zone), f"{folder}/" if folder else "") for zone, _, folder in places]

    def _role(self, named: str, job: SageMakerJobConfig, granted: Sequence[Grant]) -> pulumi.Output[str]:
        foundation = self._around.foundation
        pulled = [foundation.registry.pull(job.repository)] if job.repository else []
        grants = [*granted, *pulled, in_the_network(foundation), logs(foundation)]
        return service_role(
            f"{named}-run",
            service=_SERVICE,
            description=f"Training job {job.name} of the MLOps platform",
            statements=[
                *(statement for grant in grants for statement in grant.statements),
                *(right for one in secrets(job, self._around).values() for right in one.read()),
            ],
            key_arn=foundation.keys.data,
            opts=self.child,
        )


def _zone(text: str) -> Zone:
    return next(zone for zone in ZONES if zone == text)
