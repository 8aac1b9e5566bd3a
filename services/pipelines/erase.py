"""Erase: forget a user wherever the loop keeps anything about users."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import snapshots
from pipelines.batch import SCORES
from pipelines.features import FeatureStore
from pipelines.lake import parquet
from pipelines.raw import RawLake
from pipelines.tracking import Tracking


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What went, and what is left to do."""

    raw_events: int
    quarantined_rows: int
    training_events: int
    feature_rows: int
    scores: int
    model_versions: tuple[str, ...]
    """Versions whose arrays may hold the user until they are trained again (the champion) or deleted (the others)."""


def erase(raw: RawLake, store: FeatureStore, tracking: Tracking, user_id: str, now: datetime) -> Erased:
    """Forget a user, with all earlier versions of the objects; safe to repeat.

    The erasure itself is remembered by pseudonym, so that a replayed stream or an old file is filtered, and the next
    decision is to train again.
    """
    pseudonym = raw.masker.pseudonyms.of(user_id)
    # Remembered first: whatever arrives from now on is filtered.
    raw.erasures.add(pseudonym, now, events=0)
    training = snapshots.forget(raw.lake, pseudonym)
    raw.erasures.add(pseudonym, now, events=training)
    events = raw.forget(pa.array([pseudonym]))
    users = raw.users()
    raw.keep_users(users.filter(pc.not_equal(users["user_id"], pseudonym)))
    # Candidates hold histories, and what was promoted is in the registry.
    raw.lake.delete_below("artifacts", "candidates/")
    return Erased(
        raw_events=events,
        quarantined_rows=_quarantine(raw, user_id) + _quarantine(raw, pseudonym),
        training_events=training,
        feature_rows=store.forget(pseudonym),
        scores=_scores(raw, pseudonym),
        model_versions=tuple(version.number for version in tracking.versions()),
    )


def _quarantine(raw: RawLake, user_id: str) -> int:
    gone = 0
    # The whole id and nothing but it: 1 is no part of 21, and AB1 is not ab1.
    named = re.compile(rf"(?<![\w.@+-]){re.escape(user_id.strip())}(?![\w@+-]|\.\w)")
    for key in raw.lake.keys("raw", "quarantine/"):
        lines = raw.lake.need("raw", key).decode().split("\n")[:-1]
        kept = [line for line in lines if not named.search(json.loads(line)["row"])]
        if len(kept) < len(lines):
            raw.lake.replace("raw", key, "".join(f"{line}\n" for line in kept).encode())
            gone += len(lines) - len(kept)
    return gone


def _scores(raw: RawLake, user_id: str) -> int:
    gone = 0
    for key in raw.lake.keys("artifacts", SCORES):
        table = raw.lake.get_table("artifacts", key)
        kept = table.filter(pc.not_equal(table["user_id"], user_id))
        if kept.num_rows < table.num_rows:
            raw.lake.replace("artifacts", key, parquet(kept))
            gone += table.num_rows - kept.num_rows
    return gone
