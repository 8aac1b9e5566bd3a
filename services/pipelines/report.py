"""Report: the loop's monitor by the clock, with Evidently's own report on drift in the lake.

The worker looks at the same more often and keeps the last look alone; reports stay, for whoever asks later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines import drift, snapshots
from pipelines.lake import Lake
from pipelines.monitor import Monitored, monitor, new_events
from pipelines.privacy import Masker, PrivacyRules
from pipelines.raw import RawLake
from pipelines.tracking import CHAMPION, Tracking

PLACE = "monitoring/reports/"


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What was seen, and where the report lies."""

    seen: Monitored
    report: str | None
    """None where there is nothing to compare: no champion, or too few new events."""


def report(lake: Lake, tracking: Tracking, state: Path, keep: timedelta, now: datetime) -> Reported:
    """Look at everything once, and keep a report; those older than `keep` go."""
    # Nobody is named here, so that no key of pseudonyms is needed.
    raw = RawLake(lake, Masker(b""), PrivacyRules())
    seen = monitor(raw, tracking, None, state, now)
    page = _page(raw, tracking)
    place = None
    if page is not None:
        place = lake.put("artifacts", f"{PLACE}{now:%Y%m%dT%H%M%S}.json", page.encode())
    for key in lake.keys("artifacts", PLACE, before=now - keep):
        lake.delete("artifacts", key)
    return Reported(seen=seen, report=lake.uri("artifacts", place) if place else None)


def _page(raw: RawLake, tracking: Tracking) -> str | None:
    """Evidently's report on the champion's training data against what came since, as Evidently writes it."""
    champion = tracking.aliased(CHAMPION)
    version = champion.tags.get("data_version", "") if champion else ""
    if snapshots.find(raw.lake, version) is None:
        return None
    users, products = raw.users(), raw.products()
    current = drift.known_events(new_events(raw, champion), products)
    if current.num_rows < drift.LEAST_ROWS:
        return None
    reference = snapshots.events(raw.lake, version)
    return drift.page(
        drift.frame(drift.sample(reference), users, products), drift.frame(drift.sample(current), users, products)
    )
