"""Batch scoring: recommendations for many users at once, by the same model and the same function as online.

Past one machine `spark/` does the same with the same function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipelines import publish
from pipelines.errors import InputError
from pipelines.features import FRESHNESS, Features, FeatureStore, latest
from pipelines.lake import Lake
from pipelines.matrices import Floats
from pipelines.schema import PRODUCT_VIEW
from pipelines.scoring import score
from pipelines.tracking import CHAMPION, Tracking
from recommender.manifest import MANIFEST
from recommender.model import Model

SCORES = "scores/"
_USERS_PER_PART = 100_000


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Where the recommendations are: Parquet below `prefix` in the artifacts zone."""

    version: str
    prefix: str
    users: int
    rows: int
    features: str | None
    """Data version of the features that say what is popular now; None where all are older than an hour, and what was
    popular at the training counts."""


def batch_score(lake: Lake, tracking: Tracking, store: FeatureStore, k: int, now: datetime) -> Scored:
    """Score all users that the champion knows.

    What is popular, for those whom neighbours do not fill a list, comes from the feature store: it is refreshed on a
    schedule of its own, and newer than the champion.

    Raises:
        InputError: no model is champion.
    """
    champion = tracking.aliased(CHAMPION)
    if champion is None:
        raise InputError("No model is champion yet: `run-loop` makes one.")
    prefix = f"{SCORES}{champion.number}"
    rows = 0
    with TemporaryDirectory(prefix="batch-") as folder:
        found = tracking.fetch_version(champion.number, Path(folder))
        model = Model.load(next(found.rglob(MANIFEST)).parent).with_version(champion.number)
        features = _fresh(lake, now)
        if features is not None:
            model = model.with_popularity(_popularity(store, features, model))
        shown = publish.shown(lake, model)
        for number, part in enumerate(_parts(model)):
            table = score(model, part, k, shown)
            lake.put_table("artifacts", f"{prefix}/part-{number:04}.parquet", table)
            rows += table.num_rows
    return Scored(
        version=champion.number,
        prefix=prefix,
        users=len(model.users),
        rows=rows,
        features=features.data_version if features else None,
    )


def _fresh(lake: Lake, now: datetime) -> Features | None:
    found = latest(lake)
    return found if found is not None and found.age(now) < FRESHNESS else None


def _popularity(store: FeatureStore, features: Features, model: Model) -> Floats:
    """Of the model's products; those that the features do not know keep what they have."""
    names = model.products.names(range(len(model.products)))
    found = store.offline(features, PRODUCT_VIEW, "product_id", names, ["popularity"])
    values = found["popularity"].to_numpy(np.float64)
    return np.where(np.isnan(values), model.popularity, values)


def _parts(model: Model) -> Iterator[list[str]]:
    users = (model.users.name(row) for row in range(len(model.users)))
    while part := list(islice(users, _USERS_PER_PART)):
        yield part
