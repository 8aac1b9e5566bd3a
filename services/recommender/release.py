"""How a new version takes over: what the stack file's section `release` says, read from one variable.

The same schema as `components/base/release.py`, which these packages do not import; a test holds both equal.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Strategy = Literal["rolling", "canary", "shadow", "ab"]
Outcome = Literal["view", "cart", "purchase"]
VARIABLE = "MLOPS_RELEASE"
_DAY = 24 * 60


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class Step(_Section):
    """A share of the users, and how long it is watched."""

    percent: float = Field(ge=0.1, le=100)
    """Share that the new version answers, or, unseen, is compared on; in percent of the users."""
    bake_minutes: int = Field(default=60, ge=0, le=90 * _DAY)
    """Least time before the next step."""


class Guards(_Section):
    """Limits that end a trial at once; None switches one off."""

    most_error_percent: float | None = Field(default=1.0, ge=0, le=100)
    """Requests to the new version that may fail."""
    most_p95_ms: float | None = Field(default=250.0, gt=0, le=900_000)
    """Time within which the new version gives 95 of 100 answers."""
    least_requests: int = Field(default=100, ge=1, le=1_000_000)
    """Requests to the new version below which the limits say nothing, and no step ends."""
    least_overlap_percent: float | None = Field(default=None, ge=0, le=100)
    """Share of the champion's products that a shadow must recommend as well."""


STEPS: Mapping[Strategy, tuple[Step, ...]] = {
    "rolling": (),
    "canary": (
        Step(percent=5, bake_minutes=60),
        Step(percent=25, bake_minutes=240),
        Step(percent=50, bake_minutes=_DAY),
    ),
    "shadow": (Step(percent=100, bake_minutes=_DAY),),
    "ab": (Step(percent=50, bake_minutes=7 * _DAY),),
}
"""What is done where no steps are given."""


class Release(_Section):
    """How a version that passed the gate takes over from the champion."""

    strategy: Strategy = "rolling"
    """At once; by growing shares; unseen; or only if it is clearly better."""
    steps: Annotated[tuple[Step, ...], Field(max_length=20, json_schema_extra={"uniqueItems": True})] = ()
    """Growing shares. Empty takes the strategy's own."""
    guards: Guards = Guards()
    """Limits that end a trial at once."""
    outcome: Outcome = "view"
    """The least that a user does with a product that was shown to count as success."""
    attribution_hours: float = Field(default=24.0, gt=0, le=30 * 24)
    """Time after a user's first answer in which what the user does with what was shown is put down to it."""
    least_users: int = Field(default=200, ge=0, le=10_000_000)
    """Users of each version below whom quality is not judged and no step ends; 0 judges by the limits alone."""
    significance: float = Field(default=0.05, gt=0, le=0.5)
    """Probability, at most, of calling equal versions different in the whole trial, however often it is looked at."""
    horizon_days: float = Field(default=28.0, gt=0, le=365)
    """Longest trial; what is not decided then is ended without a change of champion."""
    rollback: Literal["automatic", "manual"] = "automatic"
    """Whether a trial that fails ends by itself, or is only reported."""

    @property
    def stages(self) -> tuple[Step, ...]:
        """The steps that are taken."""
        return self.steps or STEPS[self.strategy]
