"""Real servers on loopback, started once: MLflow and moto (S3, Kinesis), each in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import psutil
import pytest

from pipelines.settings import Settings

_BIN = Path(sys.executable).parent
_START_SECONDS = 90.0
REGION = "eu-west-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A server process. Ready means that our own process answers, not whoever took the port."""

    def __init__(self, command: list[str], port: int, environment: Mapping[str, str], log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **CREDENTIALS, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, answers: Callable[[str], bool]) -> None:
        """Wait until our process answers."""
        end = time.monotonic() + _START_SECONDS
        while not (self._owns_port() and answers(self.url)):
            assert self.process.poll() is None, f"ended:\n{self._log.read_text()[-2000:]}"
            assert time.monotonic() < end, f"not ready:\n{self._log.read_text()[-2000:]}"
            time.sleep(0.1)

    def _owns_port(self) -> bool:
        try:
            family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
            listening = [link for process in family for link in process.net_connections("tcp")]
        except psutil.Error:
            return False
        return any(link.status == psutil.CONN_LISTEN and link.laddr.port == self._port for link in listening)

    def stop(self) -> None:
        """End the whole group: MLflow's workers would outlive their parent and keep the port."""
        for name, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            try:
                os.killpg(self.process.pid, name)
                self.process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        # The group lives as long as one of its processes does.
        end = time.monotonic() + 10.0
        while time.monotonic() < end:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            time.sleep(0.05)


def _ok(path: str, body: dict[str, object] | None = None) -> Callable[[str], bool]:
    def answers(url: str) -> bool:
        try:
            answer = httpx.post(url + path, json=body) if body is not None else httpx.get(url + path)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    return answers


@contextmanager
def running(
    command: list[str], port: int, environment: Mapping[str, str], log: Path, answers: Callable[[str], bool]
) -> Iterator[str]:
    """A server that is ready; gives its address."""
    server = Server(command, port, environment, log)
    try:
        server.wait(answers)
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session", autouse=True)
def _aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of S3 and Kinesis."""
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "log"
    with running(
        [str(_BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], port, {}, log, _ok("/moto-api/")
    ) as url:
        yield url


@pytest.fixture(scope="session")
def mlflow_url(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an MLflow server: SQLite behind it, artifacts on S3."""
    # As on the platform: below a prefix of a bucket that keeps what is replaced.
    s3(moto_url).create_bucket(Bucket="mlflow", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3(moto_url).put_bucket_versioning(Bucket="mlflow", VersioningConfiguration={"Status": "Enabled"})
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    command = [
        *(str(_BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", "s3://mlflow/mlflow"),
    ]
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": moto_url,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    # /health answers before the store is set up; this does not.
    ready = _ok("/api/2.0/mlflow/experiments/search", {"max_results": 1})
    with running(command, port, environment, folder / "log", ready) as url:
        yield url


def s3(url: str) -> Any:
    """An S3 client."""
    return boto3.client("s3", endpoint_url=url, region_name=REGION)


@pytest.fixture
def settings(moto_url: str, tmp_path: Path) -> Settings:
    """Settings with empty, versioned buckets and a stream of their own; nobody answers for MLflow."""
    return make_settings(moto_url, "http://127.0.0.1:9", tmp_path)


@pytest.fixture
def platform(settings: Settings, mlflow_url: str) -> Settings:
    """The same with MLflow."""
    return replace(settings, tracking_uri=mlflow_url)


def make_settings(moto_url: str, mlflow: str, folder: Path) -> Settings:
    """Fresh buckets, a stream and a model name."""
    name = uuid4().hex[:12]
    client = boto3.client("s3", endpoint_url=moto_url, region_name=REGION)
    for zone in ("raw", "curated", "features", "artifacts"):
        client.create_bucket(Bucket=f"{name}-{zone}", CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=f"{name}-{zone}", VersioningConfiguration={"Status": "Enabled"})
    boto3.client("kinesis", endpoint_url=moto_url, region_name=REGION).create_stream(StreamName=name, ShardCount=1)
    return Settings(
        bucket_raw=f"{name}-raw",
        bucket_curated=f"{name}-curated",
        bucket_features=f"{name}-features",
        bucket_artifacts=f"{name}-artifacts",
        stream=name,
        tracking_uri=mlflow,
        region=REGION,
        state=folder / "state",
        endpoint_url=moto_url,
        model_name=f"recommender-{name}",
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that give these settings."""
    values = {
        "MLOPS_BUCKET_RAW": settings.bucket_raw,
        "MLOPS_BUCKET_CURATED": settings.bucket_curated,
        "MLOPS_BUCKET_FEATURES": settings.bucket_features,
        "MLOPS_BUCKET_ARTIFACTS": settings.bucket_artifacts,
        "MLOPS_STREAM": settings.stream,
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "AWS_REGION": settings.region,
        "MLOPS_STATE": str(settings.state),
        "AWS_ENDPOINT_URL": settings.endpoint_url or "",
        "MLOPS_SERVING_URL": settings.serving_url or "",
        "MLOPS_ADMIN_TOKEN": settings.admin_token or "",
        "MLOPS_PII_SALT": settings.pii_salt or "",
        "MLOPS_MODEL_NAME": settings.model_name,
    }
    return {name: value for name, value in values.items() if value}


@pytest.fixture
def environment() -> Callable[[Settings], dict[str, str]]:
    """Settings as environment variables."""
    return as_environment


@contextmanager
def recommender(settings: Settings, folder: Path) -> Iterator[Settings]:
    """A recommender for settings; gives the settings with its address."""
    port = free_port()
    served = replace(settings, serving_url=f"http://127.0.0.1:{port}", admin_token=uuid4().hex)
    environment = {
        **as_environment(served),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "MLOPS_POLL_SECONDS": "0.5",
        "MLOPS_IMPRESSION_SECONDS": "0.2",
        "MLOPS_MODEL_CACHE": str(folder / "cache"),
    }
    command = [sys.executable, "-m", "recommender"]
    with running(command, port, environment, folder / f"recommender-{port}.log", _ok("/health")):
        yield served


@pytest.fixture
def recommender_of() -> Iterator[Callable[[Settings, Path], Settings]]:
    """Starts recommenders that end with the test."""
    with ExitStack() as stack:
        yield lambda settings, folder: stack.enter_context(recommender(settings, folder))
