"""Trainings: when the worker trained last, what it cost, how it ended, and when it may train again.

Kept in the lake: a worker that starts again, or runs elsewhere the next time, waits as long as this one would.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelines.decide import Triggers
from pipelines.lake import Lake

_PLACE = "monitoring/trainings.json"
_DAY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """What is known of the trainings so far."""

    ended: str = ""
    """When the last one ended, ISO 8601; empty before the first."""
    seconds: float = 0.0
    """How long it took."""
    refused: int = 0
    """How many in a row ended without a new champion."""
    events: int = -1
    """New events that the last refused one knew: a gate that is asked about the same ones says the same."""
    recent: tuple[str, ...] = ()
    """When those of the last 24 hours ended, ISO 8601, the oldest first."""

    def next(self, rules: Triggers) -> datetime | None:
        """Before this moment no training starts; None before the first."""
        if not self.ended:
            return None
        wait = timedelta(minutes=rules.least_interval_minutes)
        if self.refused:
            # Capped before it is multiplied: after some thousand refusals 2 to that power is no number of minutes.
            doubled = timedelta(minutes=rules.backoff_minutes * 2 ** min(self.refused - 1, 20))
            wait = max(wait, min(doubled, timedelta(hours=rules.most_backoff_hours)))
        due = datetime.fromisoformat(self.ended) + wait
        if rules.most_a_day is not None and len(self.recent) >= rules.most_a_day:
            due = max(due, datetime.fromisoformat(self.recent[-rules.most_a_day]) + _DAY)
        return due

    def after(self, now: datetime, seconds: float, *, promoted: bool, events: int) -> "Trainings":
        """With one more training."""
        refused = 0 if promoted else self.refused + 1
        recent = (one for one in self.recent if now - datetime.fromisoformat(one) < _DAY)
        return Trainings(
            ended=now.isoformat(),
            seconds=round(seconds, 1),
            refused=refused,
            events=-1 if promoted else events,
            recent=(*recent, now.isoformat()),
        )


def last(lake: Lake) -> Trainings:
    """What is known."""
    stored = lake.get("artifacts", _PLACE)
    if not stored:
        return Trainings()
    known: dict[str, Any] = json.loads(stored)
    return Trainings(**{**known, "recent": tuple(known.get("recent", ()))})


def keep(lake: Lake, trainings: Trainings) -> None:
    """Write it down."""
    lake.put_json("artifacts", _PLACE, asdict(trainings))
