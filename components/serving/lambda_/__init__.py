"""Containers on Lambda: nothing runs, and nothing is paid for, while nobody asks.

A container is a function of its image, which asks Lambda for its work instead of listening; a worker is woken for one
look after another. Callers sign their requests (IAM), for a function's address lies on the internet.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.release import Strategy
from components.base.workload import Shape
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from components.serving import Released, Served, ServingConfig, ServingOutputs
from components.serving.lambda_ import limits, trials
from components.serving.lambda_.host import FunctionHost, FunctionSettings
from components.serving.lambda_.trials import StableVersion
from mlops.core.config import Card
from mlops.core.fields.aws import LogDays
from mlops.core.fields.containers import WorkloadName
from mlops.core.module import StackFacts


class LambdaServingConfig(ServingConfig):
    """Containers as functions."""

    kind: Literal["lambda"] = "lambda"
    card: ClassVar[Card] = Card(
        title="AWS Lambda",
        best_for="requests that come rarely or in bursts: what nobody asks costs nothing",
        not_for="models by their artifacts, GPUs, trainings of more than 15 minutes, images of more than 10 GB, steady "
        "load, which is cheaper on tasks or nodes",
        complexity="low",
        trade_offs="The first request after a pause waits for the image and the model (a cold start: seconds), unless "
        "concurrency is provisioned and paid for; images are pushed before their functions are made",
        state="none of its own: images lie in the registry, models in the lake, and an `up` makes the rest",
    )
    serves: ClassVar[frozenset[Served]] = frozenset({"containers", "workers"})
    endpoints: ClassVar[frozenset[str]] = frozenset({"ecr.api", "ecr.dkr", "lambda", "secretsmanager"})

    # A shadow answers beside the champion in the background, and Lambda freezes a process between two requests.
    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        **ServingConfig.strategies,
        "model": frozenset({"rolling", "canary", "ab"}),
        "image": frozenset({"rolling", "canary", "ab"}),
    }

    front: Literal["function_url", "http_api"] = "function_url"
    """function_url: an address for each function, calls of up to 15 minutes; http_api: an API Gateway for each, whose
    calls end after 30 seconds. Both ask callers for a signature (IAM), and neither streams its answers."""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor of the functions; arm64 costs a fifth less, and needs images that are built for it."""
    timeout_seconds: int = Field(default=30, ge=1, le=limits.MOST_SECONDS)
    """Longest request."""
    provisioned: bool = False
    """Whether as many copies as `min_replicas` are always warm: no cold start, and paid for day and night."""
    max_concurrency: int | None = Field(default=None, ge=1, le=10_000)
    """Most copies of each function at once, beyond which requests are answered with 429; null shares what the account
    has (1,000 unless raised)."""
    stable_versions: dict[WorkloadName, StableVersion] = Field(default={}, max_length=100)
    """Container -> number of the version of its function that answers while the newest is tried: with release.strategy
    canary or ab that one answers the share of the first of its release.steps, until you drop the step. Leaving the
    container out here lets the newest answer everybody; AWS counts versions up by each change of the image."""
    images: Literal["pushed", "awaited"] = "pushed"
    """pushed: functions are made. awaited: all but the functions, for the first `up` of a stack: Lambda makes none
    before its image lies in the registry that this `up` makes."""
    log_retention_days: LogDays | None = None
    """Days for which what functions write is kept; null takes `storage.log_retention_days`."""

    @model_validator(mode="after")
    def _api_waits_less(self) -> "LambdaServingConfig":
        if self.front == "http_api" and self.timeout_seconds > limits.MOST_API_SECONDS:
            raise ValueError(
                f"timeout_seconds is {self.timeout_seconds}, and front is http_api, which waits for at most "
                f"{limits.MOST_API_SECONDS}; use less, or set front to function_url"
            )
        return self

    @property
    def named_containers(self) -> Mapping[str, str]:
        """Those of which two versions answer."""
        return dict.fromkeys(self.stable_versions, "stable_versions")

    def misfits(self, what: str, shape: Shape, stack: StackFacts) -> tuple[str, ...]:
        """Functions have limits, and no nodes; two versions share the requests where one of them is known."""
        stable = self.stable_versions.get(shape.name)
        return (*limits.misfits(what, shape), *trials.misfits(what, shape, stable, provisioned=self.provisioned))

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Functions in a network never have a public address."""
        if stack.private_subnets:
            return ()
        sentence = (
            "lambda runs functions in the network, where none has a public address, and network.mode public has no "
            "other way to AWS. Set network.mode to private or isolated"
        )
        return (sentence,)

    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make what functions have in common; each comes with its workload."""
        return LambdaServing(name, self, foundation, opts)


class LambdaServing(Component[ServingOutputs]):
    """What functions have in common: the group of schedules that wake workers."""

    token = "mlops:index:LambdaServing"

    def __init__(
        self,
        name: str,
        config: LambdaServingConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        looks = aws.scheduler.ScheduleGroup(f"{name}-looks", name=f"{foundation.prefix}-looks", opts=self.child)
        settings = FunctionSettings(
            front=config.front,
            architecture=config.architecture,
            timeout_seconds=config.timeout_seconds,
            provisioned=config.provisioned,
            max_concurrency=config.max_concurrency,
            stable_versions=config.stable_versions,
            awaited=config.images == "awaited",
            log_days=config.log_retention_days or foundation.log_retention_days,
            looks=looks.name,
        )
        self.publish(ServingOutputs(endpoints={}, protocol="none", host=FunctionHost(settings, foundation)))
