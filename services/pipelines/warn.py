"""Warn: what a training does not help, and somebody has to look at. Pure, as the triggers are."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.monitor import Monitored

Kind = Literal["silent-stream", "stale-features", "slow-answers", "stale-champion"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From when on to warn. None switches a warning off."""

    silence_hours: float | None = 24.0
    """Age of the newest event: nobody came, or what sends events is dead."""
    feature_minutes: float | None = 60.0
    """Age of the features."""
    refresh_minutes: float | None = 45.0
    """Age at which the worker computes the features anew; None leaves that to trainings."""
    p95_ms: float | None = 250.0
    """The recommender's answers within the last minutes."""
    champion_days: float | None = 30.0
    """Age of the champion: the schedule should have replaced it long since."""


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A limit that is exceeded."""

    kind: Kind
    text: str


def warnings(seen: Monitored, limits: Limits) -> tuple[Warned, ...]:
    """Everything that exceeds its limit; what was not seen exceeds none."""
    checks: tuple[tuple[Kind, float | None, float | None, float, str], ...] = (
        ("silent-stream", seen.newest_event_age_seconds, limits.silence_hours, 3_600, "The newest event is {} h old"),
        ("stale-features", seen.feature_age_seconds, limits.feature_minutes, 60, "The features are {} min old"),
        ("slow-answers", seen.p95_seconds, limits.p95_ms, 1e-3, "95 % of the answers took up to {} ms"),
        ("stale-champion", seen.champion_age_seconds, limits.champion_days, 86_400, "The champion is {} days old"),
    )
    return tuple(
        Warned(kind=kind, text=f"{text.format(f'{value / unit:.0f}')}; {limit:g} is the limit.")
        for kind, value, limit, unit, text in checks
        if value is not None and limit is not None and value > limit * unit
    )
