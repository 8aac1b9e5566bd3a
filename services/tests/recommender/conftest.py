"""A small model, and a service process that answers from it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.fixtures import ServiceProcess, answers, free_port, make_model, service
from recommender.model import Model

AWS = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}

ModelMaker = Callable[..., Model]


def tiny(
    version: str = "1",
    taken: Sequence[Sequence[float]] = ((1, 0, 0, 0), (0, 2, 1, 0)),
    similar: Sequence[Sequence[float]] = ((0, 0.5, 0.9, 0), (0.5, 0, 0, 0.2), (0.9, 0, 0, 0.2), (0, 0.2, 0.2, 0)),
    users: Sequence[str] = ("ana", "bo"),
    products: Sequence[str] = ("cup", "hat", "pan", "rug"),
    popularity: Sequence[float] = (4, 3, 2, 1),
) -> Model:
    """Two users and four products, small enough to work the answer out by hand."""
    shape = len(users), len(products)
    return Model.collaborative(
        users,
        products,
        csr_array(np.asarray(taken, np.float32).reshape(shape)),
        csr_array(np.asarray(similar, np.float32).reshape(shape[1], shape[1])),
        popularity,
        model_version=version,
        data_version="day-1",
    )


@pytest.fixture
def make_tiny() -> ModelMaker:
    return tiny


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One process for every test that only asks; its model has 100 users and 50 products."""
    folder = tmp_path_factory.mktemp("service")
    make_model(100, 50, 1_400, seed=1, version="7").save(folder / "model")
    environment = {"MLOPS_MODEL_PATH": str(folder / "model"), "MLOPS_ADMIN_TOKEN": "s3cret", "MLOPS_STREAM": ""}
    with service(environment, folder) as process:
        process.wait()
        yield process


@pytest.fixture
def client(running: ServiceProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, trust_env=False, timeout=30) as connected:
        yield connected


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a moto server."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60
    while not answers(f"{url}/moto-api/data.json"):
        assert process.poll() is None, "moto ended"
        assert time.monotonic() < end, "moto did not come up"
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="session")
def kinesis(moto: str) -> Any:
    """A client of moto's Kinesis."""
    return boto3.client("kinesis", endpoint_url=moto, **AWS)


@pytest.fixture(scope="session")
def stream(kinesis: Any) -> str:
    """Name of a stream with one shard."""
    kinesis.create_stream(StreamName="events", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="events", WaiterConfig={"Delay": 1})
    return "events"


@pytest.fixture(scope="session")
def streaming(moto: str, stream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A process that puts events on the stream."""
    folder = tmp_path_factory.mktemp("streaming")
    make_model(100, 50, 1_400, seed=1, version="7").save(folder / "model")
    with service(
        {**_streaming_environment(moto, stream), "MLOPS_MODEL_PATH": str(folder / "model")}, folder
    ) as process:
        process.wait()
        yield process


def _streaming_environment(endpoint: str, stream: str) -> dict[str, str]:
    """What a service needs to write to a stand-in's stream."""
    return {
        "MLOPS_STREAM": stream,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": AWS["region_name"],
        "AWS_ACCESS_KEY_ID": AWS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": AWS["aws_secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLOPS_ADMIN_TOKEN": "s3cret",
    }


@pytest.fixture
def streaming_environment() -> Callable[[str, str], dict[str, str]]:
    return _streaming_environment


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return tiny().save(tmp_path / "model")
