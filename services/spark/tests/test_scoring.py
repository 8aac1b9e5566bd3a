"""Spark and one machine recommend the same to everybody, on the same model."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines.scoring import SCHEMA, score
from recommender.arrays import CompressedRows
from recommender.model import Model
from spark import __main__ as command
from spark import champion
from spark.scoring import score_all, write

K = 7
USERS, PRODUCTS, TAKEN, NEIGHBOURS = 3_000, 120, 9, 20
SERVICES = Path(__file__).resolve().parents[2]
LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "1g",
}


class Rows:
    """Compressed rows in plain arrays; the model needs no more of a sparse matrix."""

    def __init__(self, columns: np.ndarray, values: np.ndarray, of: int) -> None:
        count, width = columns.shape
        self.indices = np.sort(columns, axis=1).ravel().astype(np.int32)
        self.indptr = np.arange(0, count * width + 1, width, dtype=np.int64)
        self.data = values.ravel().astype(np.float32)
        self.shape = (count, of)


def made_model() -> Model:
    """Random tastes in few values, so that scores tie often: the order of ties has to be the same as well."""
    draw = np.random.default_rng(11)
    taken: CompressedRows = Rows(_choices(draw, USERS, TAKEN), draw.integers(1, 3, (USERS, TAKEN)), PRODUCTS)
    alike: CompressedRows = Rows(
        _choices(draw, PRODUCTS, NEIGHBOURS), draw.integers(1, 4, (PRODUCTS, NEIGHBOURS)) / 4, PRODUCTS
    )
    popularity = np.bincount(taken.indices, minlength=PRODUCTS).astype(np.float32)
    users = [f"usér-{number:05}" for number in range(USERS)]
    products = [f"product-{number:03}" for number in range(PRODUCTS)]
    return Model.collaborative(users, products, taken, alike, popularity, model_version="", data_version="random")


def _choices(draw: np.random.Generator, rows: int, width: int) -> np.ndarray:
    return np.stack([draw.choice(PRODUCTS, width, replace=False) for _ in range(rows)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("saved") / "model"
    made_model().save(target)
    return target


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for key, value in LOCAL.items():
        builder = builder.config(key, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    yield made
    made.stop()


@contextmanager
def registry(answer: Mapping[str, object]) -> Iterator[str]:
    """An MLflow server that knows one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/2.0/mlflow/registered-models/alias?name=recommender&alias=champion"
            body = json.dumps(answer).encode()
            self.send_response(200 if "model_version" in answer else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def on_one_machine(folder: Path) -> pa.Table:
    model = Model.load(folder).with_version("4")
    return score(model, [model.users.name(row) for row in range(len(model.users))], K)


def in_order(table: pa.Table) -> pa.Table:
    return table.cast(SCHEMA).sort_by([("user_id", "ascending"), ("rank", "ascending")]).combine_chunks()


@pytest.mark.parametrize("tasks", [1, 2, 7])
def test_every_user_gets_the_same_products_and_scores_however_they_are_split(
    session: SparkSession, folder: Path, tasks: int
) -> None:
    expected = in_order(on_one_machine(folder))
    assert expected.num_rows == USERS * K
    assert in_order(score_all(session, folder, "4", K, tasks).toArrow()).equals(expected)


def test_the_files_hold_the_same_and_a_second_run_replaces_them(
    session: SparkSession, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "scores"
    for _ in range(2):
        assert write(session, folder, "4", K, str(target)) == USERS * K
    assert in_order(pq.read_table(target)).equals(in_order(on_one_machine(folder)))


def test_as_a_command_it_tells_what_it_wrote_and_refuses_what_is_no_model(folder: Path, tmp_path: Path) -> None:
    def run(model: Path) -> subprocess.CompletedProcess[str]:
        submit = " ".join(f"--conf {key}={value}" for key, value in LOCAL.items())
        return subprocess.run(
            [sys.executable, "-m", "spark", "--model", model, "--version", "4", "--to", tmp_path / "out", "--k", "2"],
            cwd=SERVICES,
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": f"--master local[1] {submit} pyspark-shell"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert f'"rows": {2 * USERS}' in done.stdout
    refused = run(tmp_path)
    assert refused.returncode == 2, refused.stderr
    assert "manifest.json" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_registered_model_is_scored_below_its_version_and_the_day(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str]] = []

    def fetched(name: str, version: str, target: Path) -> Path:
        asked.append((name, version))
        return folder

    scored: list[tuple[Path, str, str]] = []

    def keep(model: Path, version: str, k: int, target: str, tasks: int | None) -> int:
        scored.append((model, version, target))
        return k

    with registry({"model_version": {"name": "recommender", "version": "4"}}) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setattr(champion, "get", fetched)
        monkeypatch.setattr(command, "_score", keep)
        assert command.main(["--registered", "recommender", "--to", "s3a://lake/scores"]) == 0
    assert asked == [("recommender", "4")]
    ((model, version, target),) = scored
    assert (model, version) == (folder, "4")
    assert re.fullmatch(r"s3a://lake/scores/4/dt=\d{4}-\d\d-\d\d", target)
    assert target in capsys.readouterr().out


def test_without_a_champion_it_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with registry({"message": "Registered model alias champion not found."}) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert command.main(["--registered", "recommender", "--to", "s3a://lake/scores"]) == 3
    assert capsys.readouterr().err.startswith("No version of recommender is champion: Registered model alias")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert command.main(["--registered", "recommender", "--to", "s3a://lake/scores"]) == 3
    assert "MLFLOW_TRACKING_URI is not set" in capsys.readouterr().err
