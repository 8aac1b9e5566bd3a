"""Events on Kafka: the options of every client of the platform's brokers, and the writer's side."""

from collections.abc import Callable
from typing import Any

from recommender.broker import Broker
from recommender.events import Record

_DELIVERY_MILLISECONDS = 8_000
_MAKE_SECONDS = 10.0
_FLUSH_SECONDS = 10.0
"""Longer than a record may be on its way: afterwards none is, and those that are left may be sent again."""


class KafkaStream:
    """A topic, through librdkafka. Idempotent: what librdkafka itself tries again is written once, and in order."""

    def __init__(self, broker: Broker, topic: str, region: str | None) -> None:
        # Imported here: a service without Kafka starts without it.
        from confluent_kafka import Producer

        self._topic = topic
        self._make: Callable[[], object] = lambda: make_topic(broker, region, topic)
        self._made = broker.partitions is None
        self._producer = Producer(
            {
                **options(broker, region),
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "delivery.timeout.ms": _DELIVERY_MILLISECONDS,
            }
        )

    def put(self, records: list[Record]) -> list[Record]:
        """See Stream."""
        if not self._made:
            self._make()
            self._made = True
        left: dict[int, Record] = dict(enumerate(records))
        why: list[object] = []
        for number, record in enumerate(records):
            self._producer.produce(
                self._topic, value=record.data, key=record.key.encode(), on_delivery=_noted(number, left, why)
            )
        self._producer.flush(_FLUSH_SECONDS)
        if len(left) == len(records) and why:
            raise ConnectionError(f"topic {self._topic}: {why[0]}")
        return list(left.values())


def _noted(number: int, left: dict[int, Record], why: list[object]) -> Callable[[Any, Any], None]:
    def delivered(error: Any, _: Any) -> None:
        if error is None:
            left.pop(number, None)
        else:
            why.append(error)

    return delivered


def make_topic(broker: Broker, region: str | None, topic: str) -> None:
    """Make a topic that is missing, where the platform leaves that to its clients: MSK Serverless has no API for it.
    One that is there stays as it is, whoever made it.

    Raises:
        ConnectionError: the brokers do not answer, or do not let this client make it.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    kept = {"retention.ms": str(broker.retention_hours * 3_600_000)}
    wanted = NewTopic(topic, num_partitions=broker.partitions or -1, config=kept)
    admin = AdminClient(options(broker, region))
    try:
        admin.create_topics([wanted], request_timeout=_MAKE_SECONDS)[topic].result(2 * _MAKE_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ConnectionError(f"topic {topic} is not made: {error.args[0].str()}") from None
    except TimeoutError:
        raise ConnectionError(f"topic {topic} is not made: the brokers do not answer") from None


def options(broker: Broker, region: str | None) -> dict[str, Any]:
    """How librdkafka reaches the brokers; encrypted unless nobody asks who one is.

    Sources: librdkafka CONFIGURATION.md; MSK developer guide, "IAM access control" and "SASL/SCRAM authentication".
    """
    known: dict[str, Any] = {
        "bootstrap.servers": broker.endpoint,
        "client.id": "mlops",
        # What is wrong with a connection is an answer to whoever asked, and not a line of the library's own.
        "log_level": 2,
    }
    if broker.way == "none":
        return known
    known["security.protocol"] = "SASL_SSL"
    if broker.authority:
        known["ssl.ca.pem"] = broker.authority
    if broker.way == "iam":
        return {**known, "sasl.mechanisms": "OAUTHBEARER", "oauth_cb": iam_token(region)}
    return {
        **known,
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": broker.username,
        "sasl.password": broker.password.get_secret_value() if broker.password else "",
    }


def iam_token(region: str | None) -> Callable[[str], tuple[str, float]]:
    """What librdkafka calls for a token: a presigned request of the process's own role, and when it ends."""

    def fresh(_: str) -> tuple[str, float]:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

        token, until_milliseconds = MSKAuthTokenProvider.generate_auth_token(region)
        return token, until_milliseconds / 1000

    return fresh
