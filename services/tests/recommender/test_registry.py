"""The service on a real MLflow server: what is promoted is served, without a dropped request."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from mlflow.tracking import MlflowClient

from bench.fixtures import ServiceProcess, free_port, make_model, service
from bench.load import Generator, recommendation_paths
from bench.registry import NAME, mlflow_server, promote, register
from recommender import child
from recommender.manifest import ModelError
from recommender.registry import ChildRegistry
from recommender.settings import Settings


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with versions 1, 2 and 3, of which the last is damaged."""
    folder = tmp_path_factory.mktemp("mlflow")
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


def test_a_registry_without_http_is_asked_through_mlflows_client(
    mlflow: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = asyncio.run(ChildRegistry(Settings.from_environment(environment)).look())
    assert found.champion.number == "1"
    assert found.champion.created.isdigit()


def test_a_version_that_is_no_recommender_is_refused(mlflow: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("not a model")
    (version,) = register(mlflow, [tmp_path / "other"], "other")

    async def get() -> None:
        arguments = ["get", "--model", "other", "--version", version, "--to", str(tmp_path / "to")]
        await child.run(*arguments, timeout_seconds=60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", mlflow)
        with pytest.raises(ModelError, match=r"Version 1 of other holds 0 folders with a manifest\.json"):
            asyncio.run(get())
    assert not (tmp_path / "to").exists()


def test_a_fetch_that_hangs_is_stopped_and_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody accepts there, so that the child waits.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://10.255.255.1:9")

    async def get() -> None:
        arguments = ["get", "--model", "hangs-4711", "--version", "1", "--to", str(tmp_path / "to")]
        await child.run(*arguments, timeout_seconds=3)

    with pytest.raises(child.FetchError, match="took longer than 3 s"):
        asyncio.run(get())
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"hangs-4711" in read(path)]
    assert left == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
