"""Slot: what works through much at once. A variant runs batch jobs on a schedule, on as many machines as they want, and
what they make lies in the lake for as long as each job says."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import pulumi
from pydantic import Field, model_validator

from components.base.identity import Grant
from components.base.secret import SecretReference, SecretValue
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from components.storage import Zone
from components.surroundings import DependentConfig, Surroundings, granted, lacks, told
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import Days
from mlops.core.fields.containers import (
    Argument,
    ContainerImage,
    GrantWords,
    PlainVariable,
    SecretVariable,
    VariableValue,
    WorkloadName,
    of_registry,
)
from mlops.core.fields.kubernetes import ImageTag
from mlops.core.fields.schedules import Cron
from mlops.core.module import StackFacts

ZONE: Zone = "artifacts"
"""Zone of the lake that predictions lie in."""
PREDICTIONS, SCORES = "predictions/", "scores/"
"""Folders there: of a team's jobs, one for each job below it, and of the reference workload, one for each version of
the model below it, where its loop finds them when a person is erased or a version goes."""
SCORING = "scoring"
"""What the job of the reference workload is called."""
_MODELS = "mlflow/"
_LIVE = ("produce", "consume")
"""Rights of what works on events while they pass."""


class ScheduledConfig(Config):
    """When something runs, and how long what it made is kept."""

    schedule: Cron = "0 3 * * *"
    """When it runs, in UTC: five fields of cron with weekdays by name (`30 6 * * MON-FRI`)."""
    paused: bool = False
    """Keep it declared and do not run it."""
    keep_days: Days = 90
    """Days for which what a run leaves in its folder of the lake is kept; then S3 deletes it."""


class ScoringConfig(ScheduledConfig):
    """Recommendations for all users of the reference workload, by the version of its model that is champion when the
    job runs. They lie in `scores/`, below the version and, where the day is known, below that (`dt=2026-11-28/`)."""

    image_tag: ImageTag = "0.1.0"
    """Tag of the job's image in the platform's registry, which the kind names."""
    products: int = Field(default=10, ge=1, le=1_000)
    """Recommendations a user."""


class WorkConfig(ScheduledConfig):
    """Batch work of a team's own, whatever it is made of."""

    name: WorkloadName
    """What it is called: lower case, digits and hyphens, at most 20 characters."""
    arguments: Annotated[tuple[Argument, ...], Field(max_length=100)] = ()
    """Arguments of the program. No secrets: whoever may look at the job sees them."""
    grants: Annotated[tuple[GrantWords, ...], Unique(most=30)] = ()
    """What it may do besides writing into its own folder, in plain words: `read storage/curated`, `track`, `invoke`."""
    environment: Annotated[Mapping[PlainVariable, VariableValue], Field(max_length=100)] = {}
    """Variables, none of them secret. It is told where its folder is (MLOPS_OUTPUT: a run writes below a day's own,
    `dt=2026-11-28/`), and where the lake and the tracking server are as its grants say."""
    secrets: Annotated[Mapping[SecretVariable, SecretReference], Field(max_length=50)] = {}
    """Variables that hold a secret of AWS Secrets Manager, by reference."""

    @property
    def place(self) -> str:
        """Its own folder."""
        return f"{PREDICTIONS}{self.name}/"

    @model_validator(mode="after")
    def _variables_are_named_once(self) -> "WorkConfig":
        if twice := sorted(self.environment.keys() & self.secrets.keys()):
            raise ValueError(f"{', '.join(twice)} is in environment and in secrets; keep it in one of them")
        return self

    def misfits(self, stack: StackFacts) -> tuple[str, ...]:
        """Why it cannot run on that stack, one sentence each."""
        problems = [*lacks(f"job {self.name}", [word for word in self.grants if word not in _LIVE], stack.filled)]
        if live := [word for word in self.grants if word in _LIVE]:
            problems.append(
                f"job {self.name} is to {' and '.join(live)} events, which a batch job does not: it reads them in the "
                "lake (`read storage/raw`); what works on events while they pass is a job of stream_processing"
            )
        return tuple(problems)


class JobConfig(WorkConfig):
    """A batch job in an image of its own."""

    image: ContainerImage
    """Image with a tag or digest: a repository of the platform's registry (`forecast:1.0.0`), or a whole reference."""

    @property
    def repository(self) -> str | None:
        """The repository of the platform's registry that the image lies in; None for a whole reference."""
        return None if of_registry(self.image) else self.image.partition("@")[0].partition(":")[0]

    def image_in(self, foundation: Foundation) -> pulumi.Input[str]:
        """The whole reference of its image."""
        name = self.repository
        return whole(foundation, name, self.image.removeprefix(name)) if name else self.image

    def misfits(self, stack: StackFacts) -> tuple[str, ...]:
        """Why it cannot run on that stack, one sentence each."""
        found = super().misfits(stack)
        if self.repository and self.repository not in stack.repositories:
            return (*found, no_repository(f"job {self.name}", self.repository))
        return found


class ComputeConfig(DependentConfig):
    """Batch predictions and distributed work."""

    exported: ClassVar[frozenset[str]] = frozenset({"compute", "predictions"})

    @property
    def asks_from_outside(self) -> bool:
        """What runs outside the cluster, and asks what runs on it."""
        asking = any({"track", "invoke"} & set(job.grants) for job in self._jobs)
        return "cluster" not in self.needs and (asking or SCORES in self._made())

    @property
    def _jobs(self) -> Sequence[WorkConfig]:
        jobs: Sequence[WorkConfig] = getattr(self, "jobs", ())
        return jobs

    @property
    def emptied(self) -> dict[tuple[Zone, str], int]:
        """Of what its jobs make."""
        return {(ZONE, place): one.keep_days for place, one in self._made().items()}

    def _made(self) -> Mapping[str, ScheduledConfig]:
        """What runs on a schedule, by the folder that it fills."""
        scoring: ScoringConfig | None = getattr(self, "scoring", None)
        return {**{job.place: job for job in self._jobs}, **({SCORES: scoring} if scoring else {})}


def misfits(
    stack: StackFacts, jobs: Sequence[WorkConfig], scoring: ScoringConfig | None = None, repository: str = ""
) -> tuple[str, ...]:
    """Why jobs cannot run on that stack, one sentence each.

    Args:
        repository: of the platform's registry, in which the image of `scoring` lies.
    """
    problems = [problem for job in jobs for problem in job.misfits(stack)]
    if scoring and "ml_platform" not in stack.filled:
        problems.append(
            "scoring asks the registry which model is champion, and this stack has no ml_platform; add one, or set "
            "scoring to null"
        )
    if scoring and repository not in stack.repositories:
        problems.append(no_repository("scoring", repository))
    if scoring and any(job.name == SCORING for job in jobs):
        problems.append(f"a job is called {SCORING}, as the reference workload's is; call it otherwise")
    return tuple(problems)


def no_repository(what: str, repository: str) -> str:
    """Why an image of a repository that the registry lacks cannot be run."""
    return (
        f"{what} runs an image of the repository {repository}, which registry.repositories lacks; add it there, or "
        "name an image of another registry"
    )


def whole(foundation: Foundation, repository: str, rest: str) -> pulumi.Output[str]:
    """The reference of an image in the platform's registry; `rest` is `:1.0.0` or `@sha256:…`."""
    return pulumi.Output.concat(foundation.registry.urls[repository], rest)


def rights(job: WorkConfig, around: Surroundings) -> tuple[Grant, ...]:
    """What a job may do: what its settings say, and write into its own folder."""
    named = tuple(granted(words, around) for words in job.grants)
    return (around.foundation.storage.write(ZONE, job.place), *named)


def variables(job: WorkConfig, around: Surroundings) -> dict[str, pulumi.Input[str]]:
    """What a job is told."""
    return {**told(job.grants, around), "MLOPS_OUTPUT": output(around, job.place, "s3"), **job.environment}


def secrets(job: WorkConfig, around: Surroundings) -> dict[str, SecretValue]:
    """Variables that hold secrets: what its settings name, and who it is where the tracking server asks for that."""
    tracking = around.ml_platform.secrets if around.ml_platform and "track" in job.grants else {}
    return {**tracking, **{variable: one.value for variable, one in job.secrets.items()}}


def output(around: Surroundings, place: str, scheme: str) -> pulumi.Output[str]:
    """A folder's address: `s3` as AWS writes it, `s3a` as Hadoop does."""
    return pulumi.Output.concat(f"{scheme}://", around.foundation.storage.buckets[ZONE], f"/{place}")


def scoring_rights(around: Surroundings, tracking: MlPlatformOutputs) -> tuple[Grant, ...]:
    """What the reference workload's scoring may do: ask for the champion, fetch it, write scores."""
    storage = around.foundation.storage
    return (storage.write(ZONE, SCORES), storage.read(ZONE, _MODELS), tracking.track())


def exports(around: Surroundings, compute: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    """What the stack exports: where jobs are handed in, and the folder below which teams' jobs leave what they make."""
    return {"compute": compute, "predictions": output(around, PREDICTIONS, "s3")}
