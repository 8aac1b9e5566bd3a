"""The workloads that a stack declares, and what they ask of whatever serves them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import pulumi

from components.base.component import INTERNAL
from components.base.steps import PodSteps, TaskSteps
from components.base.workload import Shape
from components.surroundings import Surroundings
from components.workloads.container import Container, ContainerConfig
from components.workloads.recommender import REPOSITORIES, Recommender, RecommenderConfig
from mlops.core.config import Config
from mlops.core.fields import Unique


@dataclass(frozen=True, kw_only=True)
class WorkloadsOutputs:
    """Where workloads answer."""

    recommender_url: pulumi.Output[str] | None
    container_urls: dict[str, pulumi.Output[str]]
    """Of the containers that answer, by name."""
    steps: PodSteps | TaskSteps | None = field(default=None, metadata=INTERNAL)
    """What an orchestrator starts the loop's steps with."""


class WorkloadsConfig(Config):
    """What runs on the platform, on whatever kind of serving it has."""

    recommender: RecommenderConfig | None = None
    """The reference workload: a recommender and the loop that trains its model; null deploys neither."""
    containers: Annotated[tuple[ContainerConfig, ...], Unique(most=100, by="name")] = ()
    """A team's own containers."""

    def shapes(self, slots: Sequence[str]) -> dict[str, Shape]:
        """What a kind of serving must know of each, by the words that name it in a sentence.

        Args:
            slots: names of the slots that are filled.
        """
        found: dict[str, Shape] = {}
        if self.recommender and "ml_platform" in slots:
            for shape in self.recommender.shapes(loop="data_pipeline" in slots):
                found["the loop" if shape.worker else "the recommender"] = shape
        return found | {f"container {one.name}": one.shape for one in self.containers}

    def repositories(self) -> dict[str, tuple[str, ...]]:
        """Repositories of the platform's registry by the setting that runs their images."""
        found: dict[str, tuple[str, ...]] = {"workloads.recommender": REPOSITORIES} if self.recommender else {}
        for one in self.containers:
            if one.repository:
                found[f"workloads.containers: {one.name}"] = (one.repository,)
        return found

    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> WorkloadsOutputs:
        """Make the reference workload, once there is a registry that its model can lie in, and each container."""
        recommender = None
        if self.recommender and around.ml_platform:
            recommender = Recommender(f"{name}-workload", self.recommender, around, around.ml_platform, opts).outputs
        containers = {one.name: Container(f"{name}-{one.name}", one, around, opts).outputs for one in self.containers}
        return WorkloadsOutputs(
            recommender_url=recommender.url if recommender else None,
            container_urls={known: made.url for known, made in containers.items() if made.url is not None},
            steps=recommender.steps if recommender else None,
        )
