"""`python -m spark --model FOLDER --version 3 --to s3a://BUCKET/scores/3`, or the same file for spark-submit."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from recommender.model import ModelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Score all users; the exit code: 0 done, 2 the model cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m spark", description="Batch scoring on Spark.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a saved model")
    parser.add_argument("--version", required=True, help="what the column model_version says")
    parser.add_argument("--k", type=int, default=10, help="products a user")
    parser.add_argument("--to", required=True, help="where Parquet files go, in Spark's spelling (s3a://…)")
    parser.add_argument("--tasks", type=int, help="pieces that the users are split into")
    options = parser.parse_args(arguments)
    # Workers would take whichever python3 is first on PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    from spark.scoring import write

    session = SparkSession.builder.appName("batch-score").getOrCreate()
    try:
        rows = write(session, options.model, options.version, options.k, options.to, options.tasks)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        session.stop()
    sys.stdout.write(json.dumps({"rows": rows, "to": options.to}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
