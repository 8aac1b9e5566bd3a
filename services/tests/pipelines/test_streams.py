"""The loop on each stream that the platform can have: moto's Kinesis, and real brokers of Kafka and Pulsar.

Long, for a broker takes half a minute to start; skipped where Java and Maven are not at hand.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from pydantic import SecretStr

from pipelines.deliver import Deliverer, Goal, PulsarSubscription
from pipelines.errors import ServiceError
from pipelines.generator import Generated
from pipelines.loop import LoopOptions
from pipelines.quarantine import Quarantine
from pipelines.runner import run_loop
from pipelines.settings import Settings
from pipelines.stream import Stream, open_stream
from recommender.broker import Broker
from recommender.events import Record
from recommender.events import open_stream as open_writer
from recommender.kafka_events import iam_token
from recommender.settings import Settings as ServiceSettings
from tests.brokers import java
from tests.pipelines.shop import NOW, PRODUCTS, USERS, Shop, made
from tests.pipelines.test_ingest import POISON, WHEN

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

CARRIERS = ("kinesis", "kafka", "pulsar")
each_carrier = pytest.mark.parametrize("carrier", CARRIERS)
each_broker = pytest.mark.parametrize("carrier", ["kafka", "pulsar"])


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[java.Kafka]:
    with java.kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def pulsar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[java.Pulsar]:
    with java.pulsar(tmp_path_factory.mktemp("pulsar")) as broker:
        yield broker


@dataclass
class Topics:
    """What a broker's owner does."""

    make: Callable[[str], None]
    remove: Callable[[str], None]
    variables: dict[str, str]


@pytest.fixture
def topics(carrier: str, request: pytest.FixtureRequest) -> Topics:
    if carrier == "kinesis":
        return Topics(lambda _: None, lambda _: None, {})
    if carrier == "pulsar":
        broker: java.Pulsar = request.getfixturevalue("pulsar")
        return Topics(lambda _: None, lambda name: _remove_from_pulsar(broker, name), of_pulsar(broker))
    server: java.Kafka = request.getfixturevalue("kafka")
    admin = AdminClient({"bootstrap.servers": server.plain})
    return Topics(
        lambda name: admin.create_topics([NewTopic(name, 3, 1)])[name].result(30),
        lambda name: admin.delete_topics([name], operation_timeout=30)[name].result(30),
        of_kafka(server),
    )


def of_kafka(broker: java.Kafka, **other: str) -> dict[str, str]:
    return {
        "MLOPS_STREAM_PROTOCOL": "kafka",
        "MLOPS_STREAM_ENDPOINT": broker.scram,
        "MLOPS_STREAM_AUTH": "scram",
        "MLOPS_STREAM_USERNAME": java.USER,
        "MLOPS_STREAM_PASSWORD": broker.password,
        "MLOPS_STREAM_CA": broker.authority,
        **other,
    }


def of_pulsar(broker: java.Pulsar, **other: str) -> dict[str, str]:
    return {
        "MLOPS_STREAM_PROTOCOL": "pulsar",
        "MLOPS_STREAM_ENDPOINT": broker.url,
        "MLOPS_STREAM_AUTH": "token",
        "MLOPS_STREAM_TOKEN": broker.token,
        "MLOPS_STREAM_CA": broker.authority,
        **other,
    }


def _remove_from_pulsar(broker: java.Pulsar, name: str) -> None:
    path = f"{broker.admin_url}/admin/v2/persistent/public/default/{name}/partitions?force=true"
    httpx.delete(path, headers={"Authorization": f"Bearer {broker.superuser}"}, timeout=30).raise_for_status()


@pytest.fixture
def on(settings: Settings, topics: Topics) -> Settings:
    """Settings with a topic of their own."""
    topics.make(settings.stream)
    return replace(settings, broker=Broker.from_environment(topics.variables))


@pytest.fixture
def shop(on: Settings, tmp_path: Path) -> Shop:
    return Shop(on, tmp_path)


def send(settings: Settings, *data: bytes) -> None:
    """Records as the recommender's writer sends them."""
    values = {"MLOPS_MODEL_PATH": "/nowhere", "MLOPS_STREAM": settings.stream, "AWS_REGION": settings.region}
    own = ServiceSettings.from_environment(values).model_copy(
        update={"broker": settings.broker, "endpoint_url": settings.endpoint_url}
    )
    assert open_writer(own).put([Record(f"key-{number}", one) for number, one in enumerate(data)]) == []


def event(number: int, user: str = "ana") -> dict[str, str]:
    moment = datetime.fromisoformat(WHEN) + timedelta(seconds=number)
    return {
        "event_id": f"e{number}",
        "user_id": user,
        "product_id": "p1",
        "event_type": "view",
        "timestamp": moment.isoformat(),
    }


@each_carrier
def test_everything_of_consenting_users_arrives_once(shop: Shop) -> None:
    generated = made(events=2_000)
    shop.fill(Generated(users=generated.users, products=generated.products, events=generated.events.slice(0, 0)))
    stream = shop.context().stream
    assert stream.put(generated.events.slice(0, 1_200).to_pylist()) == 1_200
    first = shop.ingest()
    assert shop.ingest() == first, "the position moved"
    stream.put(generated.events.slice(1_200).to_pylist())
    taken = shop.ingest()
    consenting = set(generated.users.filter(generated.users["consent"])["user_id"].to_pylist())
    wanted = [row for row in generated.events.to_pylist() if row["user_id"] in consenting]
    assert len({row["event_id"] for row in shop.events()}) == taken.rows == len(wanted)
    assert sorted((row["user_id"], row["product_id"], row["timestamp"]) for row in shop.events()) == sorted(
        (shop.person(row["user_id"]), row["product_id"], row["timestamp"]) for row in wanted
    )
    assert sum(batch.delivered for batch in taken.batches) == 2_000


@each_carrier
def test_no_record_stops_the_stream_and_each_is_counted_once(shop: Shop) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    send(shop.settings, *POISON)
    shop.context().stream.put([event(1)])
    taken = shop.ingest()
    assert (taken.rows, taken.quarantined) == (1, len(POISON))
    assert shop.ingest() == taken


@each_carrier
def test_a_run_that_dies_before_its_position_moved_writes_the_same_batch_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    shop.context().stream.put([event(number) for number in range(20)])
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.lake.Lake.put_json", _dies("positions.json"))
        with pytest.raises(SystemError):
            shop.ingest()
    taken = shop.ingest()
    assert (taken.rows, len(taken.batches)) == (20, 1)
    assert len(shop.events()) == 20


def _dies(name: str) -> Callable[..., None]:
    from pipelines.lake import Lake

    real = Lake.put_json

    def put(self: Lake, zone: Any, key: str, value: Any) -> None:
        if key == name:
            raise SystemError
        real(self, zone, key, value)

    return put


@each_carrier
def test_a_users_events_stay_in_their_order(shop: Shop) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    shop.context().stream.put([event(number, "ana" if number % 3 else "bo") for number in range(300)])
    shop.ingest()
    for user in ("ana", "bo"):
        moments = [row["timestamp"] for row in shop.events() if row["user_id"] == shop.person(user)]
        assert len(moments) > 90
        assert moments == sorted(moments)


@each_broker
def test_a_topic_that_was_made_anew_is_read_from_its_beginning(shop: Shop, topics: Topics) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    shop.context().stream.put([event(number) for number in range(30)])
    assert shop.ingest().rows == 30
    topics.remove(shop.settings.stream)
    topics.make(shop.settings.stream)
    shop.context().stream.put([event(number) for number in range(100, 103)])
    assert shop.ingest().rows == 33


@each_broker
def test_who_is_not_known_hears_so_in_one_sentence(on: Settings) -> None:
    wrong = SecretStr("wrong.wrong.wrong")
    stranger = on.broker.model_copy(update={"password": wrong, "token": wrong})
    unknown = open_stream(replace(on, broker=stranger))
    with pytest.raises(ServiceError, match=f"Topic {on.stream} is not") as caught:
        unknown.read({}, Quarantine())
    assert "wrong" not in str(caught.value)


def test_a_client_of_pulsar_may_do_nothing_but_write_and_read_in_its_namespace(
    pulsar: java.Pulsar, settings: Settings
) -> None:
    own = replace(settings, broker=Broker.from_environment(of_pulsar(pulsar)))
    elsewhere = open_stream(replace(own, stream="persistent://public/functions/metadata"))
    with pytest.raises(ServiceError, match="does not take records"):
        elsewhere.put([event(1)])
    introduced = open_stream(replace(own, stream="persistent://public/default/introduced"))
    introduced.put([event(number) for number in range(20)])
    assert introduced.read({}, Quarantine()).records == 20
    known = {"Authorization": f"Bearer {pulsar.token}"}
    asked: tuple[tuple[str, str, object], ...] = (
        ("GET", "tenants", None),
        ("PUT", "tenants/mine", {"allowedClusters": ["standalone"]}),
        ("DELETE", "namespaces/public/default", None),
        ("POST", "namespaces/public/default/permissions/another", ["produce"]),
        ("DELETE", "persistent/public/default/introduced/partitions", None),
    )
    for method, path, body in asked:
        answer = httpx.request(method, f"{pulsar.admin_url}/admin/v2/{path}", headers=known, json=body)
        assert answer.status_code in (401, 403), (method, path, answer.status_code)


def test_pulsar_is_delivered_to_the_lake_and_what_was_not_written_comes_again(
    pulsar: java.Pulsar, settings: Settings, tmp_path: Path
) -> None:
    own = replace(settings, broker=Broker.from_environment(of_pulsar(pulsar)))
    shop = Shop(own, tmp_path)
    shop.context().stream.put([event(number) for number in range(500)])
    goal = Goal(broker=own.broker, topic=own.stream, bucket=own.bucket_raw, region=own.region,
                endpoint_url=own.endpoint_url, seconds=900)  # fmt: skip

    def collected(deliverer: Deliverer, subscription: PulsarSubscription) -> int:
        found = 0
        for _ in range(20):
            deliverer.step(subscription)
            found = len(deliverer._held)
            if found >= 500:
                break
        return found

    deliverer, subscription = Deliverer(goal, PulsarSubscription, print), PulsarSubscription(goal)
    assert collected(deliverer, subscription) == 500
    subscription.close()
    again, subscription = Deliverer(goal, PulsarSubscription, print), PulsarSubscription(goal)
    assert collected(again, subscription) == 500, "nobody wrote them, so they came again"
    again.write(subscription)
    subscription.close()
    after, subscription = Deliverer(goal, PulsarSubscription, print), PulsarSubscription(goal)
    after.step(subscription)
    assert after._held == [], "what was written does not come again"
    subscription.close()
    lake = shop.context().lake
    lines = [
        line for key in lake.keys("raw", "delivered/") for line in gzip.decompress(lake.need("raw", key)).split(b"\n")
    ]
    assert {json.loads(line)["event_id"] for line in lines if line} == {f"e{number}" for number in range(500)}


@each_broker
def test_a_server_that_nobody_vouches_for_is_told_nothing(on: Settings) -> None:
    other = on.broker.model_copy(update={"authority": java.certificate().certificate})
    with pytest.raises(ServiceError):
        open_stream(replace(on, broker=other)).read({}, Quarantine())


def test_a_topic_that_is_missing_is_named(settings: Settings, kafka: java.Kafka) -> None:
    lost = replace(settings, broker=Broker.from_environment(of_kafka(kafka)))
    with pytest.raises(ServiceError, match=f"Topic {settings.stream} is not read"):
        open_stream(lost).read({}, Quarantine())
    with pytest.raises(ServiceError, match="did not take 1 of 1 records"):
        open_stream(lost).put([event(1)])


@pytest.mark.parametrize("first", ["loop", "recommender"])
@pytest.mark.parametrize("way", ["scram", "iam"])
def test_whoever_comes_first_makes_a_topic_that_the_platform_leaves_to_its_clients(
    settings: Settings, kafka: java.Kafka, monkeypatch: pytest.MonkeyPatch, first: str, way: str
) -> None:
    unsigned = java.json_web_token("loop", None)
    monkeypatch.setattr(
        MSKAuthTokenProvider, "generate_auth_token", lambda _: (unsigned, (NOW.timestamp() + 10**8) * 1000)
    )
    wanted = {"MLOPS_STREAM_PARTITIONS": "3", "MLOPS_STREAM_RETENTION_HOURS": "48"}
    if way == "iam":
        wanted |= {"MLOPS_STREAM_AUTH": "iam", "MLOPS_STREAM_ENDPOINT": kafka.oauth}
    own = replace(settings, broker=Broker.from_environment(of_kafka(kafka, **wanted)))
    if first == "loop":
        assert open_stream(own).read({}, Quarantine()).records == 0
    send(own, b"{}")
    send(own, b"{}")
    assert open_stream(own).read({}, Quarantine()).records == 2
    admin = AdminClient({"bootstrap.servers": kafka.plain})
    assert len(admin.list_topics(own.stream, timeout=30).topics[own.stream].partitions) == 3
    resource = ConfigResource(ConfigResource.Type.TOPIC, own.stream)
    assert admin.describe_configs([resource])[resource].result(30)["retention.ms"].value == str(48 * 3_600_000)


def test_a_role_is_known_by_a_token_that_aws_can_check(kafka: java.Kafka, settings: Settings) -> None:
    token, until = iam_token("eu-west-1")("")
    address = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    query = parse_qs(address.query)
    assert address.hostname == "kafka.eu-west-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("testing/")
    assert until > NOW.timestamp()


def test_the_way_of_roles_reaches_a_broker(
    kafka: java.Kafka, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # MSK checks the signature of a real token; this broker takes one that is not signed, by the same mechanism.
    unsigned = java.json_web_token("loop", None)
    monkeypatch.setattr(
        MSKAuthTokenProvider, "generate_auth_token", lambda _: (unsigned, (NOW.timestamp() + 10**8) * 1000)
    )
    # Kept until the answer is there: what is asked for goes with it.
    admin = AdminClient({"bootstrap.servers": kafka.plain})
    admin.create_topics([NewTopic(settings.stream, 1, 1)])[settings.stream].result(30)
    values = {
        "MLOPS_STREAM_PROTOCOL": "kafka",
        "MLOPS_STREAM_ENDPOINT": kafka.oauth,
        "MLOPS_STREAM_AUTH": "iam",
        "MLOPS_STREAM_CA": kafka.authority,
    }
    stream = open_stream(replace(settings, broker=Broker.from_environment(values)))
    stream.put([event(1)])
    assert stream.read({}, Quarantine()).records == 1


@each_broker
def test_the_loop_closes_on_it(shop: Shop, mlflow_url: str) -> None:
    shop.settings = replace(shop.settings, tracking_uri=mlflow_url)
    generated = made(events=4_000)
    shop.fill(Generated(users=generated.users, products=generated.products, events=generated.events.slice(0, 0)))
    shop.context().stream.put(generated.events.to_pylist())
    results = run_loop(shop.settings, LoopOptions(), fresh=False, clock=lambda: shop.now)
    assert shop.champion().number == results["register"].version
    assert isinstance(shop.context().stream, Stream)
