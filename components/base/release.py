"""How a new version of a model takes over: at once, for a growing share of the users, unseen, or as an experiment.

One section for everything that serves, so that a trial means the same on each; it replaces a file of A/B tests. The
services read it from one variable through a model of their own with the same schema.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops.core.config import Config
from mlops.core.fields import Unique

Strategy = Literal["rolling", "canary", "shadow", "ab"]
VARIABLE = "MLOPS_RELEASE"
"""Environment variable that hands the section to the services, as JSON."""
_DAY = 24 * 60


class ReleaseStep(Config):
    """A share of the users, and how long it is watched."""

    percent: float = Field(ge=0.1, le=100)
    """Share that the new version answers, in percent; with the strategy shadow, that it is compared on. By users where
    what serves knows them, and a user stays with a version; else by requests."""
    bake_minutes: int = Field(default=60, ge=0, le=90 * _DAY)
    """Least time in this step before the next one, minutes."""


class GuardsConfig(Config):
    """Limits that end a trial at once, whatever else it shows. Null switches a limit off."""

    most_error_percent: float | None = Field(default=1.0, ge=0, le=100)
    """Requests to the new version that may fail, in percent."""
    most_p95_ms: float | None = Field(default=250.0, gt=0, le=900_000)
    """Time within which the new version gives 95 of 100 answers, milliseconds."""
    least_requests: int = Field(default=100, ge=1, le=1_000_000)
    """Requests to the new version below which the limits say nothing, and no step ends."""
    least_overlap_percent: float | None = Field(default=None, ge=0, le=100)
    """Share of the champion's answer that a shadow must give as well, in percent. Only for the strategy shadow."""


STEPS: Mapping[Strategy, tuple[ReleaseStep, ...]] = {
    "rolling": (),
    "canary": (
        ReleaseStep(percent=5, bake_minutes=60),
        ReleaseStep(percent=25, bake_minutes=240),
        ReleaseStep(percent=50, bake_minutes=_DAY),
    ),
    "shadow": (ReleaseStep(percent=100, bake_minutes=_DAY),),
    "ab": (ReleaseStep(percent=50, bake_minutes=7 * _DAY),),
}
"""What is done where no steps are given. An experiment runs for whole weeks, because weekdays differ."""


class ReleaseConfig(Config):
    """How a version that passed its tests takes over from the one that serves."""

    strategy: Strategy = "rolling"
    """rolling: at once, everywhere. canary: answers a growing share, and takes over unless a limit breaks or quality is
    clearly worse. shadow: answers nobody, is compared with what users got, and takes over unless a limit breaks. ab:
    takes over only if its quality is clearly better."""
    steps: Annotated[tuple[ReleaseStep, ...], Unique(most=20, by="percent")] = ()
    """Growing shares, one after the other. Empty takes the strategy's own: 5, 25 and 50 % for an hour, four hours and a
    day (canary), 100 % for a day (shadow), 50 % for a week (ab)."""
    guards: GuardsConfig = GuardsConfig()
    """Limits that end a trial at once."""
    outcome: Literal["view", "cart", "purchase"] = "view"
    """What an answer is to bring: the least that a user does with a product that was shown to count as success."""
    attribution_hours: float = Field(default=24.0, gt=0, le=30 * 24)
    """Time after an answer in which what a user does with its products is put down to it, hours."""
    least_users: int = Field(default=200, ge=0, le=10_000_000)
    """Users of each version whose time of attribution is over, below whom quality is not judged and no step ends; 0
    judges by the limits alone."""
    significance: float = Field(default=0.05, gt=0, le=0.5)
    """Probability, at most, of calling two equal versions different in the whole trial, however often it is looked
    at."""
    horizon_days: float = Field(default=28.0, gt=0, le=365)
    """Longest trial, days. What is not decided then is ended without a change of champion."""
    rollback: Literal["automatic", "manual"] = "automatic"
    """automatic: a trial that fails ends, and the champion answers everybody again. manual: it goes on until somebody
    ends it, and is only reported."""

    @property
    def stages(self) -> tuple[ReleaseStep, ...]:
        """The steps that are taken."""
        return self.steps or STEPS[self.strategy]

    @property
    def environment(self) -> dict[str, str]:
        """The variable that hands the section to the services."""
        return {VARIABLE: self.model_dump_json()}

    @model_validator(mode="after")
    def _fits_together(self) -> "ReleaseConfig":
        if self.strategy == "rolling" and self.steps:
            raise ValueError(
                "strategy is rolling, which takes no steps; set strategy to canary, shadow or ab, or drop steps"
            )
        shares = [step.percent for step in self.steps]
        if shares != sorted(shares):
            raise ValueError(
                f"steps go from {_percents(shares)}; order them so that each share is larger than the one before, "
                "because a user who was given the new version keeps it"
            )
        if self.strategy in {"canary", "ab"} and shares and shares[-1] >= 100:
            raise ValueError(
                f"the last of steps is 100 % and strategy is {self.strategy}, which compares with users who keep the "
                "old version; let it be 99 or less: after the last step the new version answers everybody anyway"
            )
        if self.guards.least_overlap_percent is not None and self.strategy != "shadow":
            raise ValueError(
                f"guards.least_overlap_percent is set and strategy is {self.strategy}; only a shadow answers beside "
                "the champion, so drop it or set strategy to shadow"
            )
        if self.strategy == "ab" and not self.least_users:
            raise ValueError(
                "least_users is 0 and strategy is ab, which is decided by quality alone; set least_users to 1 or more"
            )
        baked = sum(step.bake_minutes for step in self.stages)
        if baked > self.horizon_days * _DAY:
            raise ValueError(
                f"the steps take {baked:,} minutes and horizon_days is {self.horizon_days:g}, "
                f"{self.horizon_days * _DAY:,.0f} minutes, so no trial would come to its end; set horizon_days to "
                f"{-(-baked // _DAY)} or more, or shorten bake_minutes"
            )
        return self


def _percents(shares: list[float]) -> str:
    return " to ".join(f"{share:g}" for share in shares) + " %"
