"""Score every user of a saved model on a Spark cluster.

Row numbers of users are spread over the cluster; each worker process maps the model's arrays from its own disk and
asks the same function as one machine does (`pipelines.scoring.score`). Nothing is shuffled.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import SparkFiles

from pipelines.scoring import SCHEMA, score
from recommender.model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = "user_id string, rank int, product_id string, score double, model_version string"
"""`pipelines.scoring.SCHEMA` in Spark's words."""
_ROW = "row"
_SERVICES = Path(__file__).resolve().parent.parent
_USERS_AT_ONCE = 2_000
"""Users whose recommendations are in a worker's memory at a time."""
_USERS_PER_TASK = 20_000


def score_all(session: "SparkSession", folder: Path, version: str, k: int, tasks: int | None = None) -> "DataFrame":
    """Recommendations of all users that a model knows, lazily.

    Args:
        session: whose cluster does the work.
        folder: a saved model (`python -m recommender.fetch get … --to FOLDER`).
        version: written into the column `model_version`.
        k: products a user.
        tasks: pieces that the users are split into; by default one for 20,000 users, and at least one for each core.

    Raises:
        ModelError: the folder holds no model that can be read here.
    """
    Model.verify(folder)
    users = len(Model.load(folder).users)
    context = session.sparkContext
    name = _hand_out(session, folder)
    split = tasks or max(context.defaultParallelism, -(-users // _USERS_PER_TASK))

    def of_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model = _model(SparkFiles.get(name), version)
        rows = (row for batch in batches for row in batch.column(_ROW).to_pylist())
        while part := list(islice(rows, _USERS_AT_ONCE)):
            yield from score(model, map(model.users.name, part), k).to_batches()

    return session.range(0, users, 1, split).toDF(_ROW).mapInArrow(of_task, COLUMNS)


def write(session: "SparkSession", folder: Path, version: str, k: int, target: str, tasks: int | None = None) -> int:
    """Score all users into Parquet files below `target`; the number of rows. What was there is replaced."""
    score_all(session, folder, version, k, tasks).write.mode("overwrite").parquet(target)
    return session.read.parquet(target).count()


@cache
def _model(folder: str, version: str) -> Model:
    """Once a worker process; tasks that follow find it mapped."""
    return Model.load(Path(folder)).with_version(version)


def _hand_out(session: "SparkSession", folder: Path) -> str:
    """Give every worker the model's files and the packages that read them; the name under which the model is found.

    Workers fetch both when their first task comes, so they lie there until this process ends; and under names of their
    own, because Spark refuses another file under a name that it has handed out.
    """
    context = session.sparkContext
    scratch = Path(tempfile.mkdtemp(prefix="batch-score-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    for name in ("pipelines", "recommender", "spark"):
        shutil.copytree(_SERVICES / name, scratch / "packages" / name, ignore=_only_modules)
    context.addPyFile(shutil.make_archive(str(scratch / scratch.name), "zip", scratch / "packages"))
    model = scratch / f"{scratch.name}-model"
    shutil.copytree(folder, model)
    context.addFile(str(model), recursive=True)
    return model.name


def _only_modules(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".py")}


__all__ = ["COLUMNS", "SCHEMA", "score_all", "write"]
