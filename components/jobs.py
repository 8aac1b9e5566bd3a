"""Jobs of modules: the loop's own image by the clock, told where the lake is, with figures for whoever watches."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pydantic import Field

from components.base.identity import Grant, Statement
from components.base.images import found, repository_of
from components.base.watched import Watched
from components.base.workload import Shape, Workload
from mlops.core.config import Config
from mlops.core.fields.containers import ContainerImage
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory
from mlops.core.module import StackFacts

if TYPE_CHECKING:
    from components.foundation import Foundation

IMAGE = "pipelines:0.1.0"
_NOBODY_ASKS = 9108


class ScheduledJobConfig(Config):
    """What a job runs with."""

    image: ContainerImage = IMAGE
    """Image with the loop's package (`services/Dockerfile`, target `pipelines`): a repository of the platform's
    registry with a tag, or a whole reference."""
    cpu: Cpu = "250m"
    """CPU (Kubernetes quantity)."""
    memory: Memory = "1Gi"
    """Memory (Kubernetes quantity)."""
    scratch_gb: int = Field(default=5, ge=1, le=16_384)
    """Room for scratch files, GB."""
    deadline_minutes: int = Field(default=30, ge=1, le=1440)
    """After which a run is given up, minutes."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""

    def misfits(self, what: str, stack: StackFacts) -> tuple[str, ...]:
        """Why it cannot run on that stack, one sentence each.

        Args:
            what: the words that name it, `the job of Feast`.
        """
        repository = repository_of(self.image)
        misplaced = stack.misplaced(what, self.node_group)
        if repository is None or repository in stack.repositories:
            return misplaced
        sentence = (
            f"{what} runs the image {self.image}, and registry.repositories lacks {repository}; add it there, or name "
            "an image of another registry"
        )
        return (sentence, *misplaced)


def job(
    name: str,
    role: str,
    command: tuple[str, ...],
    config: ScheduledJobConfig,
    foundation: "Foundation",
    *,
    metrics: str,
    variables: Mapping[str, pulumi.Input[str]],
    grants: tuple[Grant, ...],
) -> Workload:
    """A job as the cluster runs it.

    Args:
        name: what it is called there.
        role: the plain noun by which resources of it are named.
        command: arguments of `python -m pipelines`.
        metrics: CloudWatch's namespace of its figures.
    """
    buckets = {f"MLOPS_BUCKET_{zone.upper()}": bucket for zone, bucket in foundation.storage.buckets.items()}
    return Workload(
        shape=Shape(
            name=name,
            cpu=config.cpu,
            memory=config.memory,
            scratch_gb=config.scratch_gb,
            worker=True,
            node_group=config.node_group,
        ),
        role=role,
        image=found(config.image, foundation.registry),
        repository=repository_of(config.image),
        port=_NOBODY_ASKS,
        command=command,
        variables={
            "AWS_REGION": foundation.region,
            "MLOPS_METRICS_NAMESPACE": metrics,
            "MLOPS_METRICS_STACK": foundation.prefix,
            **buckets,
            **variables,
        },
        own_variables={"MLOPS_STATE": "/tmp/state"},
        grants=(*grants, publish(metrics)),
    )


def publish(namespace: str) -> Grant:
    """Push figures into one namespace of CloudWatch. The action takes no resource (Service Authorization Reference)."""
    right = Statement(
        actions=("cloudwatch:PutMetricData",),
        resources=("*",),
        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
    )
    return Grant(resource="metrics", access="publish", statements=(right,))


def watched(what: str, namespace: str, foundation: "Foundation", **dimensions: str) -> Watched:
    """What a job pushes, for whoever watches the platform."""
    return Watched(what=what, namespace=namespace, dimensions={"Stack": foundation.prefix, **dimensions})
