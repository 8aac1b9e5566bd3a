"""Slot: training that wants more than the loop's own worker: GPUs, many machines, hours. What a job makes lies in a
folder of its own in the lake, its checkpoints included, so that a run that was cut off goes on."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pulumi

from components.base.identity import Grant
from components.compute import JobConfig, output, secrets
from components.storage import Zone
from components.surroundings import DependentConfig, Surroundings, granted, told

ZONE: Zone = "artifacts"
TRAINED = "training/"
"""Folder of the lake, in the zone of artifacts, with a folder of each job's own."""

__all__ = ["TRAINED", "ZONE", "TrainingConfig", "TrainingJobConfig", "exports", "rights", "secrets", "variables"]


class TrainingJobConfig(JobConfig):
    """Training in an image of its own."""

    @property
    def place(self) -> str:
        """Its own folder."""
        return f"{TRAINED}{self.name}/"


class TrainingConfig(DependentConfig):
    """Training on many machines or on GPUs."""

    exported: ClassVar[frozenset[str]] = frozenset({"training", "trained"})

    @property
    def asks_from_outside(self) -> bool:
        """What runs outside the cluster, and asks what runs on it."""
        asking = any({"track", "invoke"} & set(job.grants) for job in self._jobs)
        return "cluster" not in self.needs and asking

    @property
    def emptied(self) -> dict[tuple[Zone, str], int]:
        """Of what its jobs make."""
        return {(ZONE, job.place): job.keep_days for job in self._jobs}

    @property
    def _jobs(self) -> Sequence[TrainingJobConfig]:
        jobs: Sequence[TrainingJobConfig] = getattr(self, "jobs", ())
        return jobs


def rights(job: TrainingJobConfig, around: Surroundings) -> tuple[Grant, ...]:
    """What a job may do: what its settings say, and write into its own folder."""
    named = tuple(granted(words, around) for words in job.grants)
    return (around.foundation.storage.write(ZONE, job.place), *named)


def variables(job: TrainingJobConfig, around: Surroundings) -> Mapping[str, pulumi.Input[str]]:
    """What a job is told."""
    return {**told(job.grants, around), "MLOPS_OUTPUT": output(around, job.place, "s3"), **job.environment}


def exports(around: Surroundings, training: pulumi.Input[str]) -> dict[str, pulumi.Output[str]]:
    """What the stack exports: where jobs are handed in, and the folder below which they leave what they make."""
    return {"training": pulumi.Output.from_input(training), "trained": output(around, TRAINED, "s3")}
