"""Batch scoring: recommendations for many users at once, by the same model and the same function as online.

Past one machine `spark/` does the same with the same function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines import publish
from pipelines.errors import InputError
from pipelines.lake import Lake
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


def batch_score(lake: Lake, tracking: Tracking, k: int) -> Scored:
    """Score all users that the champion knows.

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
        shown = publish.shown(lake, model)
        for number, part in enumerate(_parts(model)):
            table = score(model, part, k, shown)
            lake.put_table("artifacts", f"{prefix}/part-{number:04}.parquet", table)
            rows += table.num_rows
    return Scored(version=champion.number, prefix=prefix, users=len(model.users), rows=rows)


def _parts(model: Model) -> Iterator[list[str]]:
    users = (model.users.name(row) for row in range(len(model.users)))
    while part := list(islice(users, _USERS_PER_PART)):
        yield part
