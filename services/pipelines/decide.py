"""Decide: whether to train again, from typed triggers. Pure: from what was seen to what is to be done."""

from dataclasses import dataclass
from typing import Literal

from pipelines.drift import Drift
from pipelines.monitor import Monitored

Trigger = Literal["no-champion", "erasure", "drift", "performance", "freshness", "schedule"]


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """When to train again. None switches a trigger off."""

    drift_share: float | None = 0.3
    """Share of the watched columns that must have drifted, unless one moved far enough alone."""
    performance_share: float | None = 0.7
    """Share of the promised hit rate below which even the favourable end of the interval must lie."""
    freshness_events: int | None = 10_000
    """New events that the champion does not know."""
    schedule_days: float | None = 7.0
    """Age of the champion, provided there is anything new."""
    erasure: bool = True
    """Train again as soon as a user of the champion was erased or withdrew: its arrays hold the history."""
    least_interval_minutes: float = 15.0
    """Between the end of a training and the next one, whatever fires: a cool-down."""
    most_a_day: int | None = None
    """Trainings in 24 hours at most, whatever fires: a budget. None leaves it to the cool-down."""
    backoff_minutes: float = 15.0
    """Wait after a refused or failed training; it doubles with each one in a row."""
    most_backoff_hours: float = 24.0
    """Longest wait."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A trigger that fired."""

    trigger: Trigger
    text: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether to train again, and why."""

    retrain: bool
    reasons: tuple[Reason, ...]


def decide(seen: Monitored, triggers: Triggers) -> Decision:
    """All triggers that fire."""
    checks = (_champion, _erasure, _drift, _performance, _freshness, _schedule)
    reasons = tuple(reason for check in checks if (reason := check(seen, triggers)) is not None)
    return Decision(retrain=bool(reasons), reasons=reasons)


def drifted(found: Drift, triggers: Triggers) -> bool:
    """Whether enough columns moved, or one of them far enough alone."""
    if triggers.drift_share is None or found.share is None:
        return False
    return found.share >= triggers.drift_share or any(column.drifted_alone for column in found.columns)


def _champion(seen: Monitored, _: Triggers) -> Reason | None:
    return Reason(trigger="no-champion", text="No model is champion.") if seen.champion is None else None


def _erasure(seen: Monitored, triggers: Triggers) -> Reason | None:
    if not triggers.erasure or not seen.erased_since_training:
        return None
    return Reason(
        trigger="erasure", text=f"{seen.erased_since_training} users were erased, or withdrew, since the training."
    )


def _drift(seen: Monitored, triggers: Triggers) -> Reason | None:
    if seen.drift is None or not drifted(seen.drift, triggers):
        return None
    moved = ", ".join(
        f"{column.name} {column.distance:.2f} (limit {column.threshold:g})"
        for column in seen.drift.columns
        if column.drifted
    )
    return Reason(trigger="drift", text=f"{seen.drift.share:.0%} of the watched columns drifted: {moved}.")


def _performance(seen: Monitored, triggers: Triggers) -> Reason | None:
    if triggers.performance_share is None or seen.hit_rate is None or seen.expected_hit_rate is None:
        return None
    least = triggers.performance_share * seen.expected_hit_rate
    if seen.hit_rate.high >= least:
        return None
    return Reason(
        trigger="performance", text=f"The hit rate is {seen.hit_rate}; {least:.3f} is the least that was promised."
    )


def _freshness(seen: Monitored, triggers: Triggers) -> Reason | None:
    if triggers.freshness_events is None or seen.new_events < triggers.freshness_events:
        return None
    return Reason(trigger="freshness", text=f"{seen.new_events:,} events arrived since the training.")


def _schedule(seen: Monitored, triggers: Triggers) -> Reason | None:
    age = seen.champion_age_seconds
    if triggers.schedule_days is None or age is None or not seen.new_events or age < triggers.schedule_days * 86_400:
        return None
    return Reason(trigger="schedule", text=f"The champion is {age / 86_400:.1f} days old.")
