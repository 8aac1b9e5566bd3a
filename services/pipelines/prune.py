"""Prune: what nobody needs any more goes, so that nothing about people lies about for ever.

What serves is excepted, with everything that it came from: its snapshot, its features and its run.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.batch import SCORES
from pipelines.delivered import PREFIXES
from pipelines.ingest import INBOX
from pipelines.lake import Zone
from pipelines.raw import RawLake
from pipelines.tracking import LOOP_RUN_TAG, Tracking, Version
from pipelines.trials import PREFIX as TRIALS
from recommender.impressions import REPLICAS

_ABANDONED = timedelta(days=1)
"""Age at which parts that no manifest names belong to nobody who still works on them."""


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """How long what the loop makes is kept, in days, and how many versions."""

    inbox_days: int = 30
    """Files that could not be read and that nobody rejected: they hold what people typed."""
    quarantine_days: int = 30
    """Shapes of rows that could not be read, and the records of files of users and products."""
    derived_days: int = 30
    """Snapshots, features and results of runs that no kept version comes from."""
    reports_days: int = 90
    """Quality reports, which hold counts only."""
    trials_days: int = 365
    """What was said of versions that were tried."""
    versions: int = 5
    """Versions of the model that are kept besides those that serve or are tried: to go back to."""


def prune(raw: RawLake, tracking: Tracking, rules: Lifetimes, now: datetime) -> int:
    """Delete what is past its lifetime; safe to repeat; returns how many objects and versions went."""
    gone = _old(raw, now, rules)
    kept, dropped = _versions(tracking.versions(), rules)
    for version in dropped:
        tracking.delete_version(version)
        gone += 1 + raw.lake.delete_below("artifacts", f"{SCORES}{version.number}/")
    data = {version.tags.get("data_version", "") for version in kept}
    runs = {version.tags.get(LOOP_RUN_TAG, "") for version in kept}
    limit = now - timedelta(days=rules.derived_days)
    places: tuple[tuple[Zone, set[str], str], ...]
    places = (("curated", data, ""), ("features", data, ""), ("artifacts", runs, "runs/"))
    for zone, used, prefix in places:
        # A folder is as old as the newest of its files, so that a run in work is whole.
        young = {_folder(key, prefix) for key in raw.lake.keys(zone, prefix, since=limit)}
        folders = (
            {_folder(key, prefix) for key in raw.lake.keys(zone, prefix)} - young - used - {"quality", "refreshed"}
        )
        gone += sum(raw.lake.delete_below(zone, f"{prefix}{folder}/") for folder in sorted(folders))
    return gone


def _old(raw: RawLake, now: datetime, rules: Lifetimes) -> int:
    places: tuple[tuple[Zone, str, int], ...] = (
        ("raw", INBOX, rules.inbox_days),
        ("raw", "quarantine/", rules.quarantine_days),
        ("raw", "deliveries/", rules.quarantine_days),
        ("raw", REPLICAS, rules.derived_days),
        ("curated", "quality/", rules.reports_days),
        ("artifacts", TRIALS, rules.trials_days),
    )
    gone = 0
    for zone, prefix, days in places:
        gone += raw.lake.delete(zone, *raw.lake.keys(zone, prefix, before=now - timedelta(days=days)))
    named = {batch.name for batch in raw.batches()}
    old = raw.lake.keys("raw", "events/", before=now - _ABANDONED)
    abandoned = [key for key in old if _folder(key, "events/") not in named and not key.startswith(PREFIXES)]
    return gone + raw.lake.delete("raw", *abandoned)


def _versions(versions: list[Version], rules: Lifetimes) -> tuple[list[Version], list[Version]]:
    serving = [version for version in versions if version.aliases]
    others = [version for version in versions if not version.aliases]
    return serving + others[: rules.versions], others[rules.versions :]


def _folder(key: str, prefix: str) -> str:
    return key.removeprefix(prefix).split("/")[0]
