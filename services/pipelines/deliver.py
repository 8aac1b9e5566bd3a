"""Delivery: every event that passes on Pulsar, into the raw bucket as it came.

Kinesis and Kafka have Amazon Data Firehose for that; what is written here looks the same, and the loop takes it in as
it does Firehose's (`delivered`). The broker keeps the place: an event is acknowledged once the object that holds it is
written, and comes again where that did not happen. Twice is no matter, for the loop knows an event by its id.
"""

import gzip
import hashlib
import json
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from pipelines.errors import InputError, ServiceError
from pipelines.lake import client
from pipelines.worker_http import serve
from recommender.broker import Broker, BrokerError

SUBSCRIPTION = "lake"
"""What the broker keeps the place of; it holds events for it that nobody else wants any more."""
_PREFIX = "delivered/"
_MOST_FAILURES = 3
"""In a row, before the process says that it does not work."""
_PAUSE_SECONDS = 5.0
_REQUIRED = {
    "MLOPS_BUCKET_RAW": "bucket of raw data",
    "MLOPS_STREAM": "name of the topic with events",
    "AWS_REGION": "AWS region",
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """From where, to where, and how soon."""

    broker: Broker
    topic: str
    bucket: str
    region: str
    endpoint_url: str | None = None
    """Address of S3 where it is not AWS's own."""
    seconds: float = 300
    """Longest wait until an object is written."""
    megabytes: float = 64
    """Size at which an object is written, before compression."""
    compressed: bool = True

    @classmethod
    def from_environment(cls, values: Mapping[str, str], **more: Any) -> "Goal":
        """Read what the platform says.

        Raises:
            InputError: with every variable that is missing or wrong.
        """
        if missing := [f"  {name}  {what}" for name, what in _REQUIRED.items() if not values.get(name)]:
            raise InputError("These environment variables are not set:\n" + "\n".join(missing))
        try:
            broker = Broker.from_environment(values)
        except BrokerError as error:
            raise InputError(str(error)) from None
        if broker.protocol != "pulsar":
            raise InputError(
                f"MLOPS_STREAM_PROTOCOL is {broker.protocol}, whose events Amazon Data Firehose delivers; this command "
                "is for pulsar. Set data_pipeline.delivery in the stack file instead."
            )
        return cls(
            broker=broker,
            topic=values["MLOPS_STREAM"],
            bucket=values["MLOPS_BUCKET_RAW"],
            region=values["AWS_REGION"],
            endpoint_url=values.get("AWS_ENDPOINT_URL") or None,
            **more,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """An event that passed, as the broker gave it."""

    data: bytes
    seconds: float
    """When it was sent, since 1970."""
    handle: Any = None
    """By which it is acknowledged."""


class Subscription(ABC):
    """What the broker still has for the lake."""

    @abstractmethod
    def receive(self) -> Sequence[Passed]:
        """What came within a second or so.

        Raises:
            ServiceError: the broker does not answer.
        """

    @abstractmethod
    def acknowledge(self, events: Sequence[Passed]) -> None:
        """These need not come again."""

    @abstractmethod
    def close(self) -> None:
        """Leave; what was not acknowledged comes again."""


class PulsarSubscription(Subscription):
    """A durable subscription of one reader at a time: a second one waits until the first is gone."""

    def __init__(self, goal: Goal) -> None:
        # Imported here: an image without Pulsar's client has this command and says what it lacks.
        import pulsar

        from recommender.pulsar_events import client as connected

        self._refused = pulsar.PulsarException
        self._client = connected(goal.broker)
        try:
            self._consumer = self._client.subscribe(
                goal.topic,
                SUBSCRIPTION,
                consumer_type=pulsar.ConsumerType.Failover,
                initial_position=pulsar.InitialPosition.Earliest,
                batch_receive_policy=pulsar.ConsumerBatchReceivePolicy(10_000, 8 * 1024 * 1024, 1_000),
            )
        except pulsar.PulsarException as error:
            self._client.close()
            raise ServiceError(f"Topic {goal.topic} is not read: {error}.") from None

    def receive(self) -> Sequence[Passed]:
        """See Subscription."""
        try:
            messages = self._consumer.batch_receive()
        except self._refused as error:
            raise ServiceError(f"The stream does not answer: {error}.") from None
        return [
            Passed(
                data=message.data(),
                seconds=message.publish_timestamp() / 1000,
                # The message itself would hold the data once more.
                handle=message.message_id(),
            )
            for message in messages
        ]

    def acknowledge(self, events: Sequence[Passed]) -> None:
        """See Subscription."""
        for event in events:
            self._consumer.acknowledge(event.handle)

    def close(self) -> None:
        """See Subscription."""
        self._client.close()


class Deliverer:
    """Collects what passes, and writes it out when there is enough of it or it has waited long enough."""

    def __init__(self, goal: Goal, subscribe: Callable[[Goal], Subscription], say: Callable[[str], None]) -> None:
        self._goal = goal
        self._subscribe = subscribe
        self._say = say
        self._s3 = client("s3", goal)
        self._stop = threading.Event()
        self._held: list[Passed] = []
        self._since = 0.0
        self._failures = 0
        self._registry = CollectorRegistry()
        self._records = Counter("mlops_delivered_records", "Events written to the lake.", registry=self._registry)
        self._age = Gauge("mlops_delivery_age_seconds", "Age of the oldest that waits.", registry=self._registry)
        self._age.set_function(self._waiting)

    def run(self, host: str, port: int) -> None:
        """Deliver until told to stop (SIGTERM, SIGINT); what is held then is written first."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        with serve(host, port, lambda: generate_latest(self._registry), self.health) as at:
            self._say(f"metrics on http://{host}:{at}/metrics")
            while not self._stop.is_set():
                try:
                    self._follow()
                except ServiceError as error:
                    self._failures += 1
                    self._say(f"failed: {error}")
                    # Whatever is not acknowledged comes again with the next subscription.
                    self._held = []
                    self._stop.wait(_PAUSE_SECONDS)

    def health(self) -> tuple[bool, bytes]:
        """Whether events get through, and the answer of /health."""
        works = self._failures < _MOST_FAILURES
        status = {"status": "works" if works else "fails", "failures_in_a_row": self._failures}
        return works, json.dumps(status).encode()

    def _follow(self) -> None:
        subscription = self._subscribe(self._goal)
        try:
            while not self._stop.is_set():
                self.step(subscription)
            self.write(subscription)
        finally:
            subscription.close()

    def step(self, subscription: Subscription) -> None:
        """Take what came, and write if it is time.

        Raises:
            ServiceError: the stream or S3 does not answer.
        """
        for event in subscription.receive():
            if not self._held:
                self._since = time.monotonic()
            self._held.append(event)
        size = sum(len(event.data) + 1 for event in self._held)
        waited = time.monotonic() - self._since
        if self._held and (size >= self._goal.megabytes * 1_000_000 or waited >= self._goal.seconds):
            self.write(subscription)

    def write(self, subscription: Subscription) -> None:
        """One object with all that is held, a line an event.

        Raises:
            ServiceError: S3 does not take it; then nothing is acknowledged.
        """
        if not self._held:
            return
        # JSON knows no line break but between its parts, and a reader splits by them.
        body = b"".join(event.data.replace(b"\n", b" ") + b"\n" for event in self._held)
        try:
            self._s3.put_object(
                Bucket=self._goal.bucket, Key=self._key(), Body=gzip.compress(body) if self._goal.compressed else body
            )
        except (BotoCoreError, ClientError) as error:
            raise ServiceError(f"S3 does not take what was delivered: {error}") from None
        subscription.acknowledge(self._held)
        self._records.inc(len(self._held))
        self._held, self._failures = [], 0

    def _key(self) -> str:
        """The same name for the same events, by the day on which the first of them was sent."""
        first = datetime.fromtimestamp(min(event.seconds for event in self._held), UTC)
        digest = hashlib.sha256()
        for data in sorted(event.data for event in self._held):
            digest.update(data + b"\n")
        ending = ".gz" if self._goal.compressed else ""
        return f"{_PREFIX}dt={first:%Y-%m-%d}/{first:%H%M%S}-{digest.hexdigest()[:16]}{ending}"

    def _waiting(self) -> float:
        held = self._held
        return max(0.0, time.time() - min(event.seconds for event in held)) if held else 0.0
