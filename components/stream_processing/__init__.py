"""Slot: what is computed on events while they pass. A variant runs the jobs that the settings declare."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Grant
from components.base.watched import Watched
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.storage import Zone
from mlops.core.module import SlotConfig

PLACE: tuple[Zone, str] = ("artifacts", "flink/")
"""Zone of the lake, and the folder in it, where jobs lie and keep their checkpoints and savepoints."""


@dataclass(frozen=True, kw_only=True)
class StreamProcessingOutputs:
    """The jobs."""

    jobs: Mapping[str, pulumi.Output[str]]
    """Job by its name: the address of its own page inside the cluster, or the ARN of its application."""
    role_arns: Mapping[str, pulumi.Output[str]]
    """Role of each job."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""


class StreamProcessingConfig(SlotConfig):
    """What is computed on events while they pass."""

    @abstractmethod
    def build(
        self,
        name: str,
        foundation: Foundation,
        data_pipeline: DataPipelineOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[StreamProcessingOutputs]:
        """Make what runs jobs, and the jobs."""


def rights(
    foundation: Foundation, data_pipeline: DataPipelineOutputs | None, job: str, zones: tuple[Zone, ...]
) -> tuple[Grant, ...]:
    """What a job may do: read and write events, keep its state, and write into the zones that it names."""
    zone, folder = PLACE
    events = (data_pipeline.consume(), data_pipeline.produce()) if data_pipeline else ()
    storage = foundation.storage
    return (storage.write(zone, f"{folder}{job}/"), *(storage.write(one) for one in zones), *events)
