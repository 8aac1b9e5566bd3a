"""A container as whatever serves may run it: what is known of it beforehand, what the platform adds, where it runs.

Kubernetes, Fargate and Lambda differ in how they run a container and agree on what one is. Whoever deploys a workload
describes it here; each kind of serving makes of it what it has.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pulumi

from components.base.identity import Grant
from components.base.release import ReleaseConfig
from components.base.secret import SecretValue
from components.base.steps import PodSteps, TaskSteps
from components.base.watched import Watched


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a kind of serving must know to say whether it can run a workload."""

    name: str
    """What the workload is called on the platform, and as what it answers."""
    cpu: str
    """CPU of a replica (Kubernetes quantity)."""
    memory: str
    """Memory of a replica (Kubernetes quantity)."""
    scratch_gb: int
    """Room for scratch files in each replica, below /tmp. GB."""
    fewest: int = 1
    most: int = 1
    target_cpu_percent: int = 60
    """CPU use, in percent of `cpu`, above which a replica is added."""
    worker: bool = False
    """Whether nobody asks it anything: one copy, which works by itself and is never there twice."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its own, those that name a secret included; the platform adds what it tells of itself."""
    release: ReleaseConfig = field(default_factory=ReleaseConfig)
    """How a new image takes over."""
    foreign_image: bool = False
    """Whether its image lies in another registry than the platform's."""
    node_group: str | None = None
    """Node group that it runs on, where there are nodes."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Paths under which a workload says how it is."""

    health: str = "/health"
    """Answered with 200 while the process is in order."""
    ready: str = "/ready"
    """Answered with 200 while requests may come."""
    start_seconds: int = 60
    """After which a start that has not come to `health` is given up."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One container with all that it runs with."""

    shape: Shape
    role: str
    """The plain noun by which resources of it are named: `recommender`."""
    image: pulumi.Input[str]
    repository: str | None = None
    """The repository of the platform's registry that the image lies in; None for a foreign image."""
    port: int
    """Where it answers; a worker with its health and its metrics."""
    command: tuple[str, ...] = ()
    """Arguments for the image's entry point; none leaves it the image's own."""
    function_command: tuple[str, ...] = ()
    """The same for a function, which asks Lambda's runtime API for its work; none leaves it the image's own."""
    look_seconds: int = 300
    """Between two looks of a worker, where something else wakes it for each."""
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What it is told of the platform; whatever else does a worker's work is told the same."""
    own_variables: Mapping[str, str] = field(default_factory=dict)
    """What concerns its own process alone: where its scratch files lie."""
    secrets: Mapping[str, SecretValue] = field(default_factory=dict)
    """Variable -> the secret that it holds, beside the application's generated ones."""
    grants: tuple[Grant, ...] = ()
    user: int = 10001
    """Number of the user that it runs as; the images of `services/` have this one (`services/Dockerfile`)."""
    probes: Probes = Probes()
    health_command: tuple[str, ...] = ()
    """Command within the image that ends with 0 while it is healthy, for where nothing else asks; none has none."""
    metrics: str | None = None
    """Path of its metrics in Prometheus' format; None has none for anybody."""
    metrics_port: int | None = None
    """Port that hands them out, where it is another one than `port`."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports that others come to."""
        return (self.port,) if self.metrics_port is None else (self.port, self.metrics_port)


def asked_by_python(port: int, path: str) -> tuple[str, ...]:
    """A health command for an image that has Python: it asks its own container."""
    ask = (
        f"import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=3); "
        f"c.request('GET', '{path}'); sys.exit(c.getresponse().status != 200)"
    )
    return ("python", "-c", ask)


@dataclass(frozen=True, kw_only=True)
class Application:
    """Workloads that belong together: they know one another's address, and share what is generated for them."""

    name: str
    """Name of the place where they run."""
    secret: str
    """Name of the secret with what is generated."""
    generated: tuple[str, ...] = ()
    """Variables of every workload in it whose values are random, made once and seen by nobody."""
    unrotated: str = ""
    """Why nothing replaces these values by itself."""
    asks_models: bool = False
    """Whether its workloads may ask models."""
    tracks: bool = False
    """Whether its workloads may reach the tracking server."""
    stored: bool = False
    """Whether its workloads are given secrets of AWS Secrets Manager."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels of the place, by which modules know who may reach them."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A workload that answers requests."""

    url: pulumi.Output[str] | None
    """Where it answers; from where it is reached, the kind of serving says. None before it is there."""
    role_arn: pulumi.Output[str]
    way: Grant
    """The right and the way to ask it."""
    signed: bool = False
    """Whether it asks callers for a signature (IAM)."""


@dataclass(frozen=True, kw_only=True)
class Working:
    """A worker."""

    role_arn: pulumi.Output[str]
    steps: PodSteps | TaskSteps | None = None
    """What an orchestrator starts steps of its work with; None where nothing but the worker itself can run."""


class Room(ABC):
    """Where the workloads of one application run, each with an identity of its own."""

    @abstractmethod
    def serve(self, workload: Workload) -> Running:
        """Make a workload that answers requests."""

    @abstractmethod
    def work(self, workload: Workload) -> Working:
        """Make a worker."""


class Host(ABC):
    """What a kind of serving runs containers with."""

    @cached_property
    def watched(self) -> list[Watched]:
        """What it runs that CloudWatch has metrics of; grows with each workload."""
        return []

    @property
    def exposed(self) -> bool:
        """Whether somebody from outside the network reaches what it runs without a signature (IAM): a workload then has
        to ask for a login itself."""
        return False

    @abstractmethod
    def room(self, name: str, application: Application, opts: pulumi.ResourceOptions) -> Room:
        """Make a closed room for an application; resources are named `name-…` and are children as `opts` say."""


class NoHost(Host):
    """The host of a kind that runs no containers, which the settings know (`ServingConfig.serves`)."""

    def room(self, name: str, application: Application, opts: pulumi.ResourceOptions) -> Room:
        raise LookupError(
            f"{application.name} is to run where nothing runs containers: a kind of serving that says it serves "
            "containers publishes a host."
        )
