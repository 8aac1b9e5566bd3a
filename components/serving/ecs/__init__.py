"""Containers on ECS with Fargate: no nodes to look after, and no Kubernetes.

Workloads find one another by names of the VPC; a load balancer with TLS stands before them where a domain is given,
because there is no certificate without one.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.release import Strategy
from components.base.steps import StepKind
from components.base.workload import Shape
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from components.serving import Released, Served, ServingConfig, ServingOutputs
from components.serving.ecs import release, sizes
from components.serving.ecs.balancer import Balancer, BalancerArgs
from components.serving.ecs.host import FargateHost, Surroundings
from mlops.core.config import Card
from mlops.core.fields.aws import CertificateArn, LogDays
from mlops.core.fields.kubernetes import HostName
from mlops.core.module import StackFacts


class EcsServingConfig(ServingConfig):
    """Containers on Fargate."""

    kind: Literal["ecs"] = "ecs"
    card: ClassVar[Card] = Card(
        title="Amazon ECS on Fargate",
        best_for="a few services and workers that run all day, without Kubernetes and without nodes",
        not_for="models by their artifacts, GPUs, or requests so rare that a task would only wait",
        complexity="low",
        trade_offs="A vCPU costs more than on a node, and there is no node to pay for, patch or fill; sizes come in "
        "steps, and a task takes a minute to start",
        state="none of its own: images lie in the registry, models in the lake, and an `up` makes the rest",
    )
    serves: ClassVar[frozenset[Served]] = frozenset({"containers", "workers"})
    steps: ClassVar[StepKind | None] = "tasks"
    endpoints: ClassVar[frozenset[str]] = frozenset({"ecr.api", "ecr.dkr", "secretsmanager"})

    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        **ServingConfig.strategies,
        "image": frozenset({"rolling", "canary"}),
    }

    cpu_architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor of the tasks; arm64 costs a fifth less, and needs images that are built for it."""
    spot_percent: int = Field(default=0, ge=0, le=100)
    """Share of the tasks beyond the first of each service that run on Fargate Spot, percent: two minutes' notice, at
    about a third of the price. Workers run on it from 100 percent on."""
    log_retention_days: LogDays | None = None
    """Days for which what containers write is kept; null takes `storage.log_retention_days`."""
    insights: Literal["disabled", "enabled", "enhanced"] = "enabled"
    """Container Insights: metrics of cluster and services; enhanced adds those of tasks and containers."""
    domain: HostName | None = None
    """Domain under which an internal load balancer answers: the recommender as `recommender.<domain>`. Its DNS record,
    `*.<domain>`, is yours to make. Null leaves workloads to names of the VPC, where they answer without TLS."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate of `*.<domain>`."""
    deletion_protection: bool = True
    """AWS refuses to delete the load balancer."""
    deregistration_seconds: int = Field(default=30, ge=0, le=3600)
    """Time that requests have to end before their task is stopped, behind the load balancer."""

    @model_validator(mode="after")
    def _domain_and_certificate(self) -> "EcsServingConfig":
        if (self.domain is None) != (self.certificate_arn is None):
            given, missing = ("domain", "certificate_arn") if self.domain else ("certificate_arn", "domain")
            raise ValueError(
                f"{given} is set without {missing}: the load balancer speaks TLS only. Give both, or neither, and "
                "workloads answer inside the network"
            )
        return self

    @property
    def balanced(self) -> bool:
        """Whether there is a load balancer, whose log lies in the platform's bucket of logs."""
        return self.domain is not None

    def misfits(self, what: str, shape: Shape, stack: StackFacts) -> tuple[str, ...]:
        """Fargate has certain sizes, and no nodes; weights are a load balancer's."""
        return (*sizes.misfits(what, shape), *release.misfits(what, shape.release, balanced=self.balanced))

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """An internal load balancer lies in private subnets, in two zones."""
        if self.domain is None or (stack.private_subnets and stack.zones > 1):
            return ()
        lacks = "has one zone" if stack.private_subnets else "has no private subnet"
        sentence = (
            f"domain is {self.domain}, which is reached through an internal load balancer in private subnets of two "
            f"zones, and the network {lacks}. Set network.mode to private and network.zones to 2, or leave domain out"
        )
        return (sentence,)

    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make the cluster that tasks run in."""
        return EcsServing(name, self, foundation, opts)


class EcsServing(Component[ServingOutputs]):
    """An ECS cluster without machines, the names of its services, and the load balancer before them."""

    token = "mlops:index:EcsServing"

    def __init__(
        self,
        name: str,
        config: EcsServingConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=foundation.prefix,
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value=config.insights)],
            opts=self.child,
        )
        capacity = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=self.child,
        )
        names = aws.servicediscovery.PrivateDnsNamespace(
            f"{name}-names",
            name=f"{foundation.prefix}.internal",
            description="Workloads of the MLOps platform",
            vpc=foundation.network.vpc_id,
            opts=self.child,
        )
        balancer = None
        if config.domain and config.certificate_arn:
            balancer_args = BalancerArgs(
                foundation=foundation,
                domain=config.domain,
                certificate_arn=config.certificate_arn,
                protected=config.deletion_protection,
                deregistration_seconds=config.deregistration_seconds,
            )
            balancer = Balancer(f"{name}-balancer", balancer_args, self.child)
        around = Surroundings(
            foundation=foundation,
            # Services name a capacity provider, and the cluster has to have it by then.
            cluster_arn=pulumi.Output.all(cluster.arn, capacity.id).apply(lambda values: str(values[0])),
            cluster_name=cluster.name,
            names_id=names.id,
            names=f"{foundation.prefix}.internal",
            balancer=balancer,
            cpu_architecture=config.cpu_architecture,
            spot_percent=config.spot_percent,
            log_days=config.log_retention_days or foundation.log_retention_days,
        )
        watched = (balancer.outputs.watched,) if balancer else ()
        self.publish(ServingOutputs(endpoints={}, protocol="none", host=FargateHost(around), watched=watched))
