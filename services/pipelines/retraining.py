"""When to train again: what the stack file's section `retraining` says, read from one variable.

The same schema as `components/base/retraining.py`, which these packages do not import; a test holds both equal.
"""

from pydantic import BaseModel, ConfigDict, Field

VARIABLE = "MLOPS_RETRAINING"
_DAY = 24 * 60


class Retraining(BaseModel):
    """When a model is trained again; None switches a trigger off."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    drift_percent: float | None = Field(default=30.0, gt=0, le=100)
    """Columns that must have drifted, in percent of those that are watched, unless one moved far enough alone."""
    performance_percent: float | None = Field(default=70.0, gt=0, le=100)
    """The hit rate that was promised, in percent, below which what is measured must lie beyond doubt."""
    new_events: int | None = Field(default=10_000, ge=1, le=10_000_000_000)
    """Events that the champion does not know."""
    every_days: float | None = Field(default=7.0, gt=0, le=3650)
    """Age of the champion, provided there is anything new."""
    cool_down_minutes: float = Field(default=15.0, ge=0, le=365 * _DAY)
    """Between the end of a training and the next one, whatever fires."""
    most_a_day: int | None = Field(default=None, ge=1, le=_DAY)
    """Trainings in 24 hours at most."""
    backoff_minutes: float = Field(default=15.0, gt=0, le=365 * _DAY)
    """Wait after a refused or failed training; it doubles with each one in a row."""
    most_backoff_hours: float = Field(default=24.0, gt=0, le=365 * 24)
    """Longest wait."""

    @property
    def triggers(self) -> dict[str, float | None]:
        """The loop's option of that name (`pipelines.decide.Triggers`), as far as the section says something."""
        return {
            "drift_share": _share(self.drift_percent),
            "performance_share": _share(self.performance_percent),
            "freshness_events": self.new_events,
            "schedule_days": self.every_days,
            "least_interval_minutes": self.cool_down_minutes,
            "most_a_day": self.most_a_day,
            "backoff_minutes": self.backoff_minutes,
            "most_backoff_hours": self.most_backoff_hours,
        }


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
