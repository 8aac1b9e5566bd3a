"""`python -m spark --model FOLDER --version 3 --to s3a://BUCKET/scores/3`, or the same file for spark-submit.

With `--registered recommender` it asks MLflow (MLFLOW_TRACKING_URI) which version is champion, and writes below that
and the day: `s3a://BUCKET/scores/3/dt=2026-11-28`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from recommender.model import ModelError
from spark.champion import NoChampionError, fetch


def main(arguments: Sequence[str] | None = None) -> int:
    """Score all users; the exit code: 0 done, 2 the model cannot be read, 3 there is none yet."""
    parser = argparse.ArgumentParser(prog="python -m spark", description="Batch scoring on Spark.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="folder of a saved model")
    source.add_argument("--registered", help="name of a registered model, whose champion is fetched")
    parser.add_argument("--alias", default="champion", help="which version of a registered model")
    parser.add_argument("--version", help="what the column model_version says, with --model")
    parser.add_argument("--k", type=int, default=10, help="products a user")
    parser.add_argument("--to", required=True, help="where Parquet files go, in Spark's spelling (s3a://…)")
    parser.add_argument("--tasks", type=int, help="pieces that the users are split into")
    options = parser.parse_args(arguments)
    if (options.model is None) == (options.version is not None):
        parser.error("--version goes with --model: a registered model knows its own")
    # Workers would take whichever python3 is first on PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory(prefix="champion-") as cache:
        folder, version, target = options.model, options.version, options.to
        try:
            if options.registered:
                folder, version = fetch(options.registered, options.alias, Path(cache))
                target = f"{target}/{version}/dt={datetime.now(UTC):%Y-%m-%d}"
            rows = _score(folder, version, options.k, target, options.tasks)
        except (ModelError, NoChampionError) as error:
            sys.stderr.write(f"{error}\n")
            return 2 if isinstance(error, ModelError) else 3
    sys.stdout.write(json.dumps({"rows": rows, "to": target}) + "\n")
    return 0


def _score(folder: Path, version: str, k: int, target: str, tasks: int | None) -> int:
    from pyspark.sql import SparkSession

    from spark.scoring import write

    session = SparkSession.builder.appName("batch-score").getOrCreate()
    try:
        return write(session, folder, version, k, target, tasks)
    finally:
        session.stop()


if __name__ == "__main__":
    raise SystemExit(main())
