"""The service on a real MLflow server: what is promoted is served, without a dropped request."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx
import pytest
from mlflow.tracking import MlflowClient

from bench.fixtures import ServiceProcess, free_port, make_model, service
from bench.load import Generator, recommendation_paths
from bench.registry import NAME, mlflow_server, promote, register
from recommender import child
from recommender.manifest import ModelError
from recommender.model import Model
from recommender.registry import HttpRegistry, RegistryError
from recommender.settings import Settings

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where MLflow keeps everything."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def mlflow(folder: Path) -> Iterator[str]:
    """A server with versions 1, 2 and 3, of which the last is damaged."""
    with mlflow_server(folder) as uri:
        folders = [make_model(100, 50, 1_400, seed=seed).save(folder / str(seed)) for seed in (1, 2, 3)]
        damaged = bytearray((folders[2] / "neighbours_data.npy").read_bytes())
        damaged[-2] ^= 0x55
        (folders[2] / "neighbours_data.npy").write_bytes(damaged)
        assert register(uri, folders) == ["1", "2", "3"]
        yield uri


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: a version is fetched once, as on a machine that is restarted."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(mlflow: str, cache: Path) -> dict[str, str]:
    promote(mlflow, "1")
    MlflowClient(mlflow).delete_registered_model_alias(NAME, "challenger")
    return {
        "MLFLOW_TRACKING_URI": mlflow,
        "MLOPS_MODEL_NAME": NAME,
        "MLOPS_MODEL_CACHE": str(cache),
        "MLOPS_POLL_SECONDS": "0.2",
    }


def ready(process: ServiceProcess) -> dict:
    return httpx.get(f"{process.url}/ready", trust_env=False).json()


def wait_for(process: ServiceProcess, roles: dict[str, str], problem: str | None = None) -> dict:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        body = ready(process)
        served = {role: model["version"] for role, model in body["models"].items()}
        if (
            served == roles
            and (problem is None) == (body["problem"] is None)
            and (problem or "") in str(body["problem"])
        ):
            return body
        time.sleep(0.1)
    raise AssertionError(f"{body} is not {roles}, {problem}")


def test_swaps_under_load_drop_nothing(mlflow: str, environment: dict[str, str], tmp_path: Path) -> None:
    with service(environment, tmp_path) as process, ThreadPoolExecutor(1) as pool:
        process.wait()
        generator = Generator(process.url, recommendation_paths(100))
        load = pool.submit(asyncio.run, generator.run(100, 60))
        try:
            for version in ("2", "1", "2"):
                promote(mlflow, version)
                wait_for(process, {"champion": version})
        finally:
            generator.stop = True
        report = load.result(30)
    assert not report.failures
    assert set(report.versions) == {"1", "2"}


def test_a_damaged_version_is_refused_and_the_old_one_goes_on(
    mlflow: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with service(environment, tmp_path) as process:
        process.wait()
        promote(mlflow, "3")
        wait_for(process, {"champion": "1"}, problem="Version 3 is refused")
        assert httpx.get(f"{process.url}/recommendations/user-1", trust_env=False).status_code == 200
        promote(mlflow, "2")
        wait_for(process, {"champion": "2"})


def test_tags_make_a_challenger_a_canary_or_a_shadow(mlflow: str, environment: dict[str, str], tmp_path: Path) -> None:
    client = MlflowClient(mlflow)
    with service(environment, tmp_path) as process:
        process.wait()
        client.set_model_version_tag(NAME, "2", "deploy.mode", "canary")
        client.set_model_version_tag(NAME, "2", "deploy.percent", "50")
        promote(mlflow, "2", "challenger")
        assert wait_for(process, {"champion": "1", "canary": "2"})["percent"] == 50
        with httpx.Client(base_url=process.url, trust_env=False) as asked:
            versions = [asked.get(f"/recommendations/user-{n}").headers["x-model-version"] for n in range(60)]
            assert {"1", "2"} == set(versions)
            assert versions == [asked.get(f"/recommendations/user-{n}").headers["x-model-version"] for n in range(60)]
        client.set_model_version_tag(NAME, "2", "deploy.mode", "shadow")
        wait_for(process, {"champion": "1", "shadow": "2"})
        client.delete_registered_model_alias(NAME, "challenger")
        wait_for(process, {"champion": "1"})


def test_a_registry_that_goes_away_is_not_missed_even_by_a_restart(
    mlflow: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with service(environment, tmp_path) as process:
        process.wait()
        wait_for(process, {"champion": "1"})
    gone = {**environment, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    with service(gone, tmp_path) as process:
        process.wait()
        body = wait_for(process, {"champion": "1"}, problem="does not answer")
        assert body["models"]["champion"]["users"] == 100
        assert httpx.get(f"{process.url}/recommendations/user-1", trust_env=False).status_code == 200


def test_a_damaged_cache_is_fetched_again(environment: dict[str, str], cache: Path, tmp_path: Path) -> None:
    (folder,) = (cache / NAME).glob("1-*")
    (folder / "popularity.npy").write_bytes(b"nothing")
    with service(environment, tmp_path) as process:
        process.wait()
        wait_for(process, {"champion": "1"})


def test_the_cache_holds_two_versions_and_nothing_half_done(
    mlflow: str, environment: dict[str, str], cache: Path, tmp_path: Path
) -> None:
    with service(environment, tmp_path) as process:
        process.wait()
        promote(mlflow, "2")
        wait_for(process, {"champion": "2"})
        time.sleep(0.3)
    assert sorted(path.name.split("-")[0] for path in (cache / NAME).iterdir()) == ["1", "2", "last.json"]
    assert json.loads((cache / NAME / "last.json").read_text())["number"] == "2"


@pytest.fixture(scope="module")
def on_s3(mlflow: str, moto: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The registered model "on-s3", whose artifacts lie in a bucket; what a child needs to reach it."""
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1", **KEYS)
    client.create_bucket(Bucket="artifacts")
    local = make_model(100, 50, 1_400, seed=5).save(tmp_path_factory.mktemp("s3"))
    for path in local.iterdir():
        client.upload_file(str(path), "artifacts", f"models/5/artifacts/model/{path.name}")
    client.put_object(Bucket="artifacts", Key="models/5/MLmodel", Body=b"flavors: {}")
    registry = MlflowClient(mlflow)
    registry.create_registered_model("on-s3")
    registry.create_model_version("on-s3", "s3://artifacts/models/5")
    promote(mlflow, "1", name="on-s3")
    return {
        "MLFLOW_S3_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_model_whose_artifacts_lie_on_s3_is_read_from_there(
    mlflow: str, on_s3: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    with service({**environment, **on_s3, "MLOPS_MODEL_NAME": "on-s3"}, tmp_path) as process:
        process.wait()
        assert wait_for(process, {"champion": "1"})["models"]["champion"]["users"] == 100


def test_a_registry_without_http_is_reached_through_mlflows_client(
    folder: Path, on_s3: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    direct = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "MLOPS_MODEL_CACHE": str(tmp_path / "cache")}
    with service({**environment, **on_s3, **direct, "MLOPS_MODEL_NAME": "on-s3"}, tmp_path) as process:
        process.wait()
        wait_for(process, {"champion": "1"})


def fetch(tracking_uri: str, name: str, target: Path, timeout_seconds: float = 60) -> None:
    async def get() -> None:
        arguments = ["get", "--model", name, "--version", "1", "--to", str(target)]
        await child.run(*arguments, timeout_seconds=timeout_seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
        asyncio.run(get())


def test_a_version_that_is_no_recommender_is_refused(mlflow: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("not a model")
    register(mlflow, [tmp_path / "other"], "other")
    with pytest.raises(ModelError, match=r"Version 1 of other holds 0 folders with a manifest\.json"):
        fetch(mlflow, "other", tmp_path / "to")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_model_deep_inside_of_an_mlflow_model_is_found(mlflow: str, tmp_path: Path) -> None:
    make_model(10, 5, 20, seed=1).save(tmp_path / "whole" / "artifacts" / "mödel 1")
    (tmp_path / "whole" / "MLmodel").write_text("flavors: {}")
    register(mlflow, [tmp_path / "whole"], "deep")
    fetch(mlflow, "deep", tmp_path / "to")
    assert len(Model.verify(tmp_path / "to").users) == 10


def test_a_registry_that_refuses_is_an_error_that_may_pass(mlflow: str, tmp_path: Path) -> None:
    with pytest.raises(child.FetchError, match="404"):
        fetch(mlflow, "no-such-model", tmp_path / "to")


def test_a_registry_without_the_model_says_so_in_words(mlflow: str) -> None:
    """Not with the path of an API: this is what `mlops local status` shows before the first loop."""
    settings = Settings.model_validate({"MLFLOW_TRACKING_URI": mlflow, "MLOPS_MODEL_NAME": "no-such-model"})

    async def look() -> None:
        await HttpRegistry(settings).look()

    with pytest.raises(RegistryError, match=r'There is no model yet: MLflow knows none by the name "no-such-model"\.'):
        asyncio.run(look())


def test_a_fetch_that_hangs_is_stopped_and_leaves_no_process(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(child.FetchError, match="took longer than 3 s"):
            fetch(f"http://127.0.0.1:{silent.getsockname()[1]}", "hangs-4711", tmp_path / "to", 3)
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"hangs-4711" in read(path)]
    assert left == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
