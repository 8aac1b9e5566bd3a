"""Refresh: features on a schedule of their own, so that they are fresh at any time and not only after a training."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pipelines.features import Features, FeatureStore, latest
from pipelines.ingest import Ingested
from pipelines.quality import QualityRules
from pipelines.raw import RawLake
from pipelines.validate import validate

_PLACE = "refreshed"


def due(raw: RawLake, every_minutes: float | None, now: datetime) -> bool:
    """Whether the features of a shop that has some are older than they may become."""
    found = latest(raw.lake) if every_minutes is not None else None
    return found is not None and found.age(now) >= timedelta(minutes=every_minutes or 0.0)


def refresh(
    raw: RawLake,
    store: FeatureStore,
    ingested: Ingested,
    rules: QualityRules,
    used: Collection[str],
    now: datetime,
) -> Features:
    """Compute features of everything that is in the lake now; what the refresh before left goes.

    Args:
        used: data versions that a model comes from: they stay.

    Raises:
        GateError: the data is too bad to compute anything from.
    """
    before = raw.lake.get("features", _PLACE)
    version = validate(raw, ingested, rules, now).snapshot.data_version
    # Noted first: a process that dies on the way leaves nothing that the next one does not know of.
    raw.lake.put("features", _PLACE, version.encode())
    found = store.build(version, now)
    left = before.decode() if before else ""
    if left and left != version and left not in used:
        raw.lake.delete_below("curated", f"{left}/")
        raw.lake.delete_below("features", f"{left}/")
    return found
