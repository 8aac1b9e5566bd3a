"""Rewrite: take people out of the registered models that serve or are tried, where they are.

A model holds of a person one row, by pseudonym: what they took. That row goes at once, out of MLflow's files too; what
everybody together taught, which the next training learns again without them, stays. The version keeps its number, its
card and its trial; a tag tells recommenders that its files are others, so that none of them keeps the old ones.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.lake import Lake
from pipelines.tracking import Tracking, Version
from recommender.manifest import MANIFEST, ModelError
from recommender.model import Model
from recommender.registry import REWRITTEN_TAG

_LOOKED_TAG = "erased"
"""For whom the version was looked through last: a digest."""
MODELS = "mlflow/"
"""Where MLflow keeps its files in the zone of artifacts. They are written once: what a later one replaced, and what was
deleted, is needed by nobody."""


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """What was done to a version."""

    version: str
    users: int
    """Rows that went."""


def take_out(tracking: Tracking, version: Version, users: frozenset[str]) -> Rewritten:
    """Take users out of a version's files; safe to repeat, and cheap where it was done.

    A version that cannot be read here is left: recommenders refuse it as well, and know nobody who is suppressed.
    """
    digest = hashlib.sha256("\n".join(sorted(users)).encode()).hexdigest()[:16]
    if not users or version.tags.get(_LOOKED_TAG) == digest:
        return Rewritten(version=version.number, users=0)
    gone = 0
    with TemporaryDirectory(prefix="rewrite-") as scratch:
        whole = tracking.fetch_version(version.number, Path(scratch) / "version")
        stored = next(whole.rglob(MANIFEST)).parent
        try:
            model = Model.load(stored, mmap=False)
        except ModelError:
            return Rewritten(version=version.number, users=0)
        kept = model.without(users)
        gone = len(model.users) - len(kept.users)
        if gone:
            fresh = kept.save(Path(scratch) / "fresh")
            tracking.replace_files(version, fresh, stored.relative_to(whole))
            tracking.tag(version.number, {REWRITTEN_TAG: digest})
    tracking.tag(version.number, {_LOOKED_TAG: digest})
    return Rewritten(version=version.number, users=gone)


def purge(lake: Lake) -> int:
    """Delete what lies below MLflow's files and was replaced or deleted there; returns how many versions went."""
    return lake.delete_superseded("artifacts", MODELS)
