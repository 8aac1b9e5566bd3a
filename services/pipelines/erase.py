"""Erase: forget a user wherever the loop keeps anything about users."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import publish, snapshots
from pipelines.batch import SCORES
from pipelines.delivered import take_shown
from pipelines.features import FeatureStore
from pipelines.lake import parquet
from pipelines.privacy import learnt_from
from pipelines.raw import RawLake
from pipelines.rewrite import purge, take_out
from pipelines.serving import Recommender
from pipelines.tracking import CHAMPION, Tracking
from recommender.recent import SECONDS


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What went, and what is left to do."""

    raw_events: int
    quarantined_rows: int
    training_events: int
    feature_rows: int
    scores: int
    rewritten: tuple[str, ...]
    """Versions that the user was taken out of."""
    model_versions: tuple[str, ...]
    """Versions that are left: none holds the user, and the next training learns without them."""


def erase(
    raw: RawLake, store: FeatureStore, tracking: Tracking, recommender: Recommender | None, user_id: str, now: datetime
) -> Erased:
    """Forget a user, with all earlier versions of the objects; safe to repeat.

    The erasure itself is remembered by pseudonym: a replayed stream or an old file is filtered, the recommender does
    not know the user from now on, the models that serve or are tried lose what they hold of the user, and the next
    decision is to train again.
    """
    pseudonym = raw.masker.pseudonyms.of(user_id)
    asked = pa.array([pseudonym])
    # Remembered first: whatever arrives from now on is filtered.
    raw.erasures.add(pseudonym, now, events=0)
    derived = _derived(raw, store, asked)
    raw.erasures.add(pseudonym, now, events=derived.training_events)
    events = raw.forget(asked)
    users = raw.users()
    raw.keep_users(users.filter(pc.not_equal(users["user_id"], pseudonym)))
    quarantined = _quarantine(raw, user_id) + _quarantine(raw, pseudonym)
    rewritten = settle(raw, store, tracking, recommender, now)
    # What they were shown and nobody has taken in yet; the recommender adds no more to it.
    take_shown(raw, now)
    return replace(
        derived,
        raw_events=events,
        quarantined_rows=quarantined,
        rewritten=rewritten,
        model_versions=tuple(version.number for version in tracking.versions()),
    )


def settle(
    raw: RawLake, store: FeatureStore, tracking: Tracking, recommender: Recommender | None, now: datetime
) -> tuple[str, ...]:
    """Carry on what erasures and withdrawals ask for past the raw lake; safe to repeat; the versions rewritten.

    What was derived from users who withdrew goes. Recommenders are told whom not to know, first of all; then versions
    that serve or are tried lose the rows of these users, and others that hold them are deleted.
    """
    pending = raw.erasures.pending()
    if pending:
        gone = _derived(raw, store, pa.array(pending))
        raw.erasures.settled(pending, now, events=gone.training_events)
    if raw.erasures.last() is None:
        return ()
    asked = raw.erasures.asked()
    champion = tracking.aliased(CHAMPION)
    if champion is not None:
        # Of the last day everybody: replicas may remember what they were told themselves.
        lately = frozenset(person.user for person in asked if person.at > now.timestamp() - SECONDS)
        if tracking.suppress(learnt_from(asked, champion.created) | lately):
            _tell(recommender)
    changed, deleted = [], False
    for version in tracking.versions():
        users = learnt_from(asked, version.created)
        if version.aliases and take_out(tracking, version, users).users:
            changed.append(version.number)
        elif users and not version.aliases:
            tracking.delete_version(version)
            deleted = True
    if changed or deleted:
        purge(raw.lake)
        _tell(recommender)
    return tuple(changed)


def _tell(recommender: Recommender | None) -> None:
    if recommender is not None:
        recommender.reload()


def _derived(raw: RawLake, store: FeatureStore, users: pa.Array) -> Erased:
    training = snapshots.forget(raw.lake, users)
    # Candidates hold histories, and what was promoted is in the registry.
    raw.lake.delete_below("artifacts", "candidates/")
    publish.forget(raw.lake)
    return Erased(
        raw_events=0,
        quarantined_rows=0,
        training_events=training,
        feature_rows=store.forget(users),
        scores=_scores(raw, users),
        rewritten=(),
        model_versions=(),
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


def _scores(raw: RawLake, users: pa.Array) -> int:
    gone = 0
    for key in raw.lake.keys("artifacts", SCORES):
        table = raw.lake.get_table("artifacts", key)
        kept = table.filter(pc.invert(pc.is_in(table["user_id"], value_set=users)))
        if kept.num_rows < table.num_rows:
            raw.lake.replace("artifacts", key, parquet(kept))
            gone += table.num_rows - kept.num_rows
    return gone
