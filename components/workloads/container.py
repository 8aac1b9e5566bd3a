"""A team's own container: an image that runs on whatever serves, with the rights that are named in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.images import found, repository_of
from components.base.release import ReleaseConfig
from components.base.secret import SecretReference
from components.base.workload import Application, Probes, Shape, Workload
from components.surroundings import OF_MODULES, Surroundings, granted, lacking_offers, lacks, offers, told
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.containers import (
    Argument,
    ContainerImage,
    GrantWords,
    PlainVariable,
    SecretVariable,
    UrlPath,
    VariableValue,
    WorkloadName,
)
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, Memory, check_replicas
from mlops.core.module import SlotConfig


class ContainerConfig(Config):
    """A container of a team's own. Its file system is read-only but for /tmp, and it runs as nobody."""

    name: WorkloadName
    """What it is called and answers as: lower case, digits and hyphens, at most 20 characters."""
    image: ContainerImage
    """Image with a tag or digest: a repository of the platform's registry (`fraud:1.0.0`), or a whole reference
    (`123456789012.dkr.ecr.eu-west-1.amazonaws.com/fraud:1.0.0`)."""
    runs: Literal["service", "worker"] = "service"
    """service: answers requests, with replicas that follow the load; worker: one copy that works by itself."""
    command: Annotated[tuple[Argument, ...], Field(max_length=100)] = ()
    """Arguments for the image's entry point; none leaves it the image's own."""
    port: int = Field(default=8000, ge=1024, le=65_535)
    """Port on which it answers requests, or its health where it is a worker."""
    cpu: Cpu = "250m"
    """CPU of a replica (Kubernetes quantity). Fargate has certain pairs of CPU and memory, and says which."""
    memory: Memory = "512Mi"
    """Memory of a replica (Kubernetes quantity)."""
    scratch_gb: int = Field(default=1, ge=1, le=16_384)
    """Room below /tmp in each replica, GB."""
    min_replicas: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Fewest replicas; from two on they lie in different zones."""
    max_replicas: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Most replicas."""
    target_cpu_percent: int = Field(default=60, ge=1, le=100)
    """CPU use, in percent of `cpu`, above which a replica is added."""
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """What it may do, in plain words: `read storage/curated`, `write storage/features`, `produce`, `consume`, `track`,
    `invoke`, `read features`, `write features`, `log experiments`, `observe models`, `version data`. Its role, its keys
    and its way through the network follow."""
    environment: Annotated[Mapping[PlainVariable, VariableValue], Field(max_length=100)] = {}
    """Variables, none of them secret. It is told where the lake, the stream and the tracking server are as its grants
    say: MLOPS_BUCKET_CURATED, MLOPS_STREAM, MLFLOW_TRACKING_URI, AWS_REGION."""
    secrets: Annotated[Mapping[SecretVariable, SecretReference], Field(max_length=50)] = {}
    """Variables that hold a secret of AWS Secrets Manager, by reference."""
    health_path: UrlPath = "/health"
    """Path that answers with 200 while the process is in order."""
    ready_path: UrlPath = "/ready"
    """Path that answers with 200 while requests may come."""
    metrics_path: UrlPath | None = None
    """Path on the same port that answers with metrics in Prometheus' format, which whoever watches the platform
    fetches; null has none."""
    start_seconds: int = Field(default=60, ge=5, le=3600)
    """Longest start, seconds."""
    health_command: Annotated[tuple[Argument, ...], Field(max_length=100)] = ()
    """Command within the image that ends with 0 while it is healthy, where nothing else asks: on Fargate without a load
    balancer. None looks only whether the process is there."""
    user: int = Field(default=10_001, ge=1, le=65_534)
    """Number of the user that it runs as; 0 would be root."""
    release: ReleaseConfig = ReleaseConfig()
    """How a new image takes over from the one that runs. What each kind of serving can, it says when asked for more;
    of the limits it keeps to those on errors."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not, where containers run on nodes; null leaves it to any node."""

    @property
    def repository(self) -> str | None:
        """The repository of the platform's registry that the image lies in; None for a whole reference."""
        return repository_of(self.image)

    @property
    def shape(self) -> Shape:
        """What a kind of serving must know of it."""
        return Shape(
            name=self.name,
            cpu=self.cpu,
            memory=self.memory,
            scratch_gb=self.scratch_gb,
            fewest=self.min_replicas,
            most=self.max_replicas,
            target_cpu_percent=self.target_cpu_percent,
            worker=self.runs == "worker",
            environment={
                **self.environment,
                **{f"{variable}_SECRET_ARN": f"{one.arn}#{one.key or ''}" for variable, one in self.secrets.items()},
            },
            release=self.release,
            foreign_image=self.repository is None,
            node_group=self.node_group,
        )

    def lacks(self, modules: Mapping[str, SlotConfig], *, outside: bool) -> tuple[str, ...]:
        """Why its rights cannot be granted on a stack with these modules, one sentence each.

        Args:
            modules: by slot.
            outside: whether it runs outside the cluster.
        """
        who = f"workloads.containers: {self.name}"
        plain = [word for word in self.grants if word not in OF_MODULES]
        return (*lacks(who, plain, modules), *lacking_offers(who, self.grants, modules, outside=outside))

    @model_validator(mode="after")
    def _replicas(self) -> "ContainerConfig":
        check_replicas(self.min_replicas, self.max_replicas)
        if self.runs == "worker" and self.max_replicas > 1:
            raise ValueError(
                f"max_replicas is {self.max_replicas}, and a worker is one copy, for two would do the same work; set "
                "it to 1, or runs to service"
            )
        if twice := sorted(self.environment.keys() & self.secrets.keys()):
            raise ValueError(f"{', '.join(twice)} is in environment and in secrets; keep it in one of them")
        return self


@dataclass(frozen=True, kw_only=True)
class ContainerOutputs:
    """Where the container answers, and as whom it runs."""

    url: pulumi.Output[str] | None
    """None for a worker."""
    role_arn: pulumi.Output[str]


class Container(Component[ContainerOutputs]):
    """A room of its own with one workload in it."""

    token = "mlops:index:Container"

    def __init__(
        self,
        name: str,
        config: ContainerConfig,
        args: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        workload = described(config, args)
        application = Application(
            name=f"container-{config.name}",
            secret=config.name,
            asks_models="invoke" in config.grants,
            tracks="track" in config.grants,
            stored=bool(workload.secrets),
            labels={key: value for one in offers(config.grants, args) for key, value in one.labels.items()},
        )
        room = args.host.room(name, application, self.child)
        if config.runs == "worker":
            self.publish(ContainerOutputs(url=None, role_arn=room.work(workload).role_arn))
        else:
            running = room.serve(workload)
            self.publish(ContainerOutputs(url=running.url, role_arn=running.role_arn))


def described(config: ContainerConfig, args: Surroundings) -> Workload:
    """The container as whatever serves may run it."""
    return Workload(
        shape=config.shape,
        role=config.runs,
        image=found(config.image, args.foundation.registry),
        repository=config.repository,
        port=config.port,
        command=config.command,
        variables={**told(config.grants, args), **config.environment},
        secrets={
            **(args.stream.secrets if args.stream and {"produce", "consume"} & set(config.grants) else {}),
            **{variable: value for one in offers(config.grants, args) for variable, value in one.secrets.items()},
            **(args.ml_platform.secrets if args.ml_platform and "track" in config.grants else {}),
            **{variable: one.value for variable, one in config.secrets.items()},
        },
        grants=tuple(granted(words, args) for words in config.grants),
        user=config.user,
        health_command=config.health_command,
        probes=Probes(health=config.health_path, ready=config.ready_path, start_seconds=config.start_seconds),
        metrics=config.metrics_path,
    )
