"""When the loop trains again: by drift, performance, new events or age, how often at most, and after which pause.

The services read it from one variable through a model of their own with the same schema.
"""

from pydantic import Field, model_validator

from mlops.core.config import Config

VARIABLE = "MLOPS_RETRAINING"
"""Environment variable that hands the section to the services, as JSON."""
_DAY = 24 * 60


class RetrainingConfig(Config):
    """When a model is trained again. Each trigger is enough by itself, and null switches it off; besides, there is a
    training where no model serves yet, and after a person's data was erased, whatever stands here."""

    drift_percent: float | None = Field(default=30.0, gt=0, le=100)
    """Columns that must have drifted, in percent of those that are watched, unless one moved far enough alone."""
    performance_percent: float | None = Field(default=70.0, gt=0, le=100)
    """The hit rate that was promised, in percent, below which what is measured must lie beyond doubt."""
    new_events: int | None = Field(default=10_000, ge=1, le=10_000_000_000)
    """Events that the model that serves does not know."""
    every_days: float | None = Field(default=7.0, gt=0, le=3650)
    """Age of the model that serves, days, provided there is anything new."""
    cool_down_minutes: float = Field(default=15.0, ge=0, le=365 * _DAY)
    """Between the end of a training and the next one, whatever fires, minutes."""
    most_a_day: int | None = Field(default=None, ge=1, le=_DAY)
    """Trainings in 24 hours at most: their budget. Null leaves it to the cool-down."""
    backoff_minutes: float = Field(default=15.0, gt=0, le=365 * _DAY)
    """Wait after a training that failed or was refused, minutes; it doubles with each one in a row."""
    most_backoff_hours: float = Field(default=24.0, gt=0, le=365 * 24)
    """Longest of these waits, hours."""

    @property
    def environment(self) -> dict[str, str]:
        """The variable that hands the section to the services."""
        return {VARIABLE: self.model_dump_json()}

    @model_validator(mode="after")
    def _fits_together(self) -> "RetrainingConfig":
        if self.backoff_minutes > self.most_backoff_hours * 60:
            raise ValueError(
                f"backoff_minutes is {self.backoff_minutes:g} and most_backoff_hours {self.most_backoff_hours:g}, "
                f"which is shorter; set most_backoff_hours to {self.backoff_minutes / 60:g} or more, or lower "
                "backoff_minutes"
            )
        if self.every_days is not None and self.every_days * _DAY < self.cool_down_minutes:
            raise ValueError(
                f"every_days is {self.every_days:g} and cool_down_minutes {self.cool_down_minutes:g}, which is longer: "
                "no training would be on time. Lower cool_down_minutes, or raise every_days"
            )
        if self.every_days is not None and self.most_a_day is not None and 1 / self.every_days > self.most_a_day:
            raise ValueError(
                f"every_days is {self.every_days:g}, more than the {self.most_a_day} trainings of most_a_day; raise "
                "most_a_day, or every_days"
            )
        return self
