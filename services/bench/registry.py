"""A real MLflow server: for models to swap between, and for the loop."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.fixtures import answers, free_port

NAME = "recommender"
_START_SECONDS = 120.0
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The URL of an MLflow server that keeps everything in the folder."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with (folder / "mlflow.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"),
                *("--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
                *("--artifacts-destination", str(folder / "artifacts")),
            ],
            env={**os.environ, **_QUIET},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: the server's worker outlives it otherwise, and keeps the port.
            start_new_session=True,
        )
    try:
        _wait(f"{uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", process)
        yield uri
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    started = time.monotonic()
    while time.monotonic() - started < _START_SECONDS and process.poll() is None:
        if answers(url):
            return
        time.sleep(0.1)
    raise RuntimeError("MLflow did not come up")


def register(uri: str, folders: Sequence[Path], name: str = NAME) -> list[str]:
    """Register saved models as versions; the versions' numbers."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    client.create_registered_model(name)
    numbers = []
    for folder in folders:
        run = client.create_run("0")
        client.log_artifacts(run.info.run_id, str(folder), "model")
        version = client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
        numbers.append(str(version.version))
    return numbers


def promote(uri: str, version: str, alias: str = "champion", name: str = NAME) -> None:
    """Give the alias to a version."""
    from mlflow.tracking import MlflowClient

    MlflowClient(uri).set_registered_model_alias(name, alias, version)
