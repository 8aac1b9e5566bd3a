"""Events on Kafka. Partitions are read by assignment: there is no group whose offsets the broker would keep."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from pipelines.errors import ServiceError
from pipelines.settings import Settings
from pipelines.stream import Stream, Taken, encoded
from recommender.kafka_events import make_topic, options

_ANSWER_SECONDS = 30.0
"""Without a record or an end of a partition: the brokers do not answer."""
_TURN_SECONDS = 0.2
_READ_LIMIT = 10_000
_DELIVERY_MILLISECONDS = 60_000
_GROUP = "mlops-loop"


class KafkaStream(Stream):
    """One topic. A position is the offset of a partition; its name has the cluster's id, because the topic of another
    cluster counts anew."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._broker, self._region = settings.broker, settings.region
        self._options = options(self._broker, self._region)

    def put(self, events: Iterable[Mapping[str, object]]) -> int:
        """See Stream."""
        producer = Producer(
            {
                **self._options,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "delivery.timeout.ms": _DELIVERY_MILLISECONDS,
            }
        )
        self._made()
        count, failed = 0, list[object]()

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(error)

        for key, data in map(encoded, events):
            self._produce(producer, key, data, delivered)
            count += 1
        producer.flush()
        if failed:
            raise ServiceError(f"Topic {self.name} did not take {len(failed)} of {count} records: {failed[0]}.")
        return count

    def _produce(self, producer: Producer, key: str, data: bytes, delivered: Any) -> None:
        while True:
            try:
                producer.produce(self.name, value=data, key=key.encode(), on_delivery=delivered)
            except BufferError:
                # The queue is full: wait for some to be delivered.
                producer.poll(1.0)
            else:
                producer.poll(0)
                return

    def take(self, positions: Mapping[str, str]) -> list[Taken]:
        """See Stream."""
        consumer = Consumer(
            {
                **self._options,
                "group.id": _GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                # Where a position was deleted meanwhile: what is left of the partition.
                "auto.offset.reset": "earliest",
            }
        )
        try:
            return self._take(consumer, positions)
        except KafkaException as error:
            raise ServiceError(f"Topic {self.name} is not read: {error.args[0].str()}.") from None
        finally:
            consumer.close()

    def _take(self, consumer: Consumer, positions: Mapping[str, str]) -> list[Taken]:
        parts = self._parts(consumer)
        ends, starts = {}, []
        for number, part in parts.items():
            place = TopicPartition(self.name, number)
            low, ends[number] = consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
            start = int(positions[part]) + 1 if part in positions else low
            # Deleted meanwhile, or a topic that was made anew under its old name.
            place.offset = start if low <= start <= ends[number] else low
            starts.append(place)
        waiting = {place.partition for place in starts if place.offset < ends[place.partition]}
        found: dict[int, list[Any]] = {number: [] for number in parts}
        consumer.assign([place for place in starts if place.partition in waiting])
        heard = time.monotonic()
        while waiting:
            # It waits for as many as that, or for as long.
            messages = consumer.consume(_READ_LIMIT, timeout=_TURN_SECONDS)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > _ANSWER_SECONDS:
                raise ServiceError(f"Topic {self.name} is not answered: no record came for {_ANSWER_SECONDS:.0f} s.")
            for message in messages:
                self._sort(message, found, ends, waiting)
        return [_taken(part, found[number]) for number, part in parts.items()]

    def _sort(self, message: Any, found: dict[int, list[Any]], ends: Mapping[int, int], waiting: set[int]) -> None:
        partition, error = message.partition(), message.error()
        if error is None:
            if message.offset() < ends[partition]:
                found[partition].append(message)
            if message.offset() >= ends[partition] - 1:
                waiting.discard(partition)
        elif error.code() == KafkaError._PARTITION_EOF:
            # Before the last offset, where that is a marker of a transaction and no record.
            waiting.discard(partition)
        else:
            raise KafkaException(error)

    def _made(self) -> bool:
        """Make the topic where it is missing and the platform leaves it to its clients; whether it does."""
        if self._broker.partitions is None:
            return False
        try:
            make_topic(self._broker, self._region, self.name)
        except ConnectionError as error:
            raise ServiceError(f"Topic {self.name} is not read: {error}.") from None
        return True

    def _parts(self, consumer: Consumer) -> dict[int, str]:
        """Partitions and what their positions are called."""
        metadata = consumer.list_topics(self.name, timeout=_ANSWER_SECONDS)
        topic = metadata.topics[self.name]
        if topic.error is not None and self._made():
            # Nothing lies in it, and its brokers hear of it by and by.
            return {}
        if topic.error is not None:
            raise KafkaException(topic.error)
        return {number: f"{metadata.cluster_id}/{self.name}-{number}" for number in sorted(topic.partitions)}


def _taken(part: str, messages: list[Any]) -> Taken:
    offsets = [str(message.offset()) for message in messages] or [""]
    records = [message.value() or b"" for message in messages]
    return Taken(part=part, records=records, first=offsets[0], last=offsets[-1])
