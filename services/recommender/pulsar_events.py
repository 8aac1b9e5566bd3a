"""Events on Pulsar: the client of the platform's proxies, and the writer's side."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recommender.broker import Broker
from recommender.events import Record

_SEND_MILLISECONDS = 8_000


class PulsarStream:
    """A topic, through the client of the Pulsar project."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._topic = topic
        self._client = client(broker)
        self._producer: Any = None

    def put(self, records: list[Record]) -> list[Record]:
        """See Stream."""
        from pulsar import PulsarException

        if self._producer is None:
            self._producer = self._client.create_producer(
                self._topic, send_timeout_millis=_SEND_MILLISECONDS, block_if_queue_full=True
            )
        left: dict[int, Record] = dict(enumerate(records))
        why: list[object] = []
        for number, record in enumerate(records):
            self._producer.send_async(record.data, _noted(number, left, why), partition_key=record.key)
        try:
            # Returns when none is on its way any more: each is written, or has failed.
            self._producer.flush()
        except PulsarException as error:
            why.append(error)
        if len(left) == len(records) and why:
            raise ConnectionError(f"topic {self._topic}: {why[0]}")
        return list(left.values())


def _noted(number: int, left: dict[int, Record], why: list[object]) -> Callable[[Any, Any], None]:
    def sent(result: Any, _: Any) -> None:
        from pulsar import Result

        if result == Result.Ok:
            left.pop(number, None)
        else:
            why.append(result)

    return sent


def client(broker: Broker) -> Any:
    """A client; over TLS the name of the server is held against its certificate."""
    # Imported here: a service without Pulsar starts without it.
    import pulsar

    token = broker.token.get_secret_value() if broker.token else ""
    return pulsar.Client(
        broker.endpoint,
        authentication=pulsar.AuthenticationToken(token) if broker.way == "token" else None,
        tls_trust_certs_file_path=_file_of(broker.authority) if broker.authority else None,
        tls_validate_hostname=True,
        operation_timeout_seconds=30,
        logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, os.devnull),
    )


def _file_of(certificate: str) -> str:
    """The client reads an authority's certificate from a file, and again with each connection."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", prefix="stream-ca-", delete=False) as file:
        file.write(certificate)
    return str(Path(file.name))
