"""Slot: what runs jobs of several steps on a schedule. A variant runs the loop, step by step, in its worker's place,
and what a team writes for it.

The loop's steps are defined and rendered in `services/pipelines/workflows`, which the images of the loop carry as well.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.steps import StepKind
from components.surroundings import DependentConfig, DependentOutputs, Surroundings
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.module import StackFacts, kind_of, variants
from mlops.core.windows import DAYS, Clock, Day


class ScheduleConfig(Config):
    """When something begins, in UTC."""

    at: Clock = "03:00"
    """The first time of the day."""
    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 24
    """Hours from one time to the next."""
    days: Annotated[tuple[Day, ...], Unique(most=7)] = Field(default=DAYS, min_length=1)
    """Days of the week."""

    @property
    def cron(self) -> str:
        """As cron writes it."""
        minute, hours = self._times()
        return f"{minute} {hours} * * {'*' if len(self.days) == len(DAYS) else ','.join(self.days)}"

    @property
    def eventbridge(self) -> str:
        """As EventBridge Scheduler writes it. Source: its user guide, "Schedule types"."""
        minute, hours = self._times()
        days = "*" if len(self.days) == len(DAYS) else ",".join(self.days).upper()
        return f"cron({minute} {hours} ? * {days} *)"

    def _times(self) -> tuple[int, str]:
        hour, minute = (int(part) for part in self.at.split(":"))
        hours = sorted((hour + offset) % 24 for offset in range(0, 24, self.every_hours))
        return minute, ",".join(map(str, hours))


class LoopConfig(ScheduleConfig):
    """The loop of `workloads.recommender`, run here. Its worker goes on to take events in, to refresh features and to
    judge trials, and trains no more; both hold the same lease, one at a time."""

    deadline_minutes: int = Field(default=60, ge=10, le=1440)
    """After which a run is given up. No longer than from one run to the next."""

    @model_validator(mode="after")
    def _one_at_a_time(self) -> "LoopConfig":
        if self.deadline_minutes > self.every_hours * 60:
            raise ValueError(
                f"deadline_minutes is {self.deadline_minutes}, and a run begins every {self.every_hours} hours: two at "
                "once would wait for each other's lease. Lower deadline_minutes, or raise every_hours"
            )
        return self


class OrchestrationConfig(DependentConfig):
    """What runs jobs of several steps."""

    steps: ClassVar[StepKind]
    """As what it starts steps of the loop."""

    apart: ClassVar[bool] = False
    """Whether it does so elsewhere than where the worker runs."""

    loop: LoopConfig | None = None
    """When the loop runs here; null leaves it to its own worker, which trains when a trigger fires."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """The loop has to be there, and to run as what is started here."""
        if self.loop is None:
            return ()
        if not stack.loop:
            needed = "a recommender in workloads, serving, an ml_platform and a data_pipeline"
            return (f"loop is set, and this stack has none: it takes {needed}. Add what is missing, or leave it out",)
        if stack.steps == self.steps:
            return ()
        kinds = (one for one in variants(OrchestrationConfig) if issubclass(one, OrchestrationConfig))
        able = [kind_of(one) for one in kinds if one.steps == stack.steps]
        sentence = (
            f"loop is set, and its steps would be {self.steps} of the worker's own, which serving "
            f"{stack.filled.get('serving')} has not; choose {' or '.join(able) or 'another kind of serving'}, or leave "
            "the loop to its worker"
        )
        return (sentence,)

    @abstractmethod
    def build(self, name: str, around: Surroundings, opts: pulumi.ResourceOptions) -> Component[DependentOutputs]:
        """Make the orchestrator, and the loop on it."""
