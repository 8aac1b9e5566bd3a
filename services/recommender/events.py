"""Events on their way to the stream: a bounded queue, and one writer that batches.

An accepted event is in memory until it is written: a killed process loses what waits, a stopping one writes it out.
When the stream is slow or away the queue fills, and callers hear 503 instead of the service running out of memory.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from recommender.metrics import Metrics
from recommender.settings import Settings

log = logging.getLogger("recommender")

MOST_RECORDS = 500
"""Records of one PutRecords call (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html)."""
_MOST_BYTES = 4 * 1024 * 1024
"""Below the 5 MiB of one call, partition keys included."""
_LINGER_SECONDS = 0.05
_SLOWEST_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it goes on the stream."""

    key: str
    """Partition key: a user's events stay in order. At most 256 characters."""
    data: bytes


class Stream(Protocol):
    """Takes records; called in a thread."""

    def put(self, records: list[Record]) -> list[Record]:
        """Write, and return the records that were not taken; raises when none were."""


class QueueFullError(Exception):
    """There is no room for these events now."""


class KinesisStream:
    """A Kinesis stream, through boto3."""

    def __init__(self, settings: Settings) -> None:
        # Imported here: a service without a stream starts without it.
        import boto3
        from botocore.config import Config

        self._name = settings.stream
        self._client: Any = boto3.client(
            "kinesis",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            # Retries are the writer's: it knows which records are left.
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10),
        )

    def put(self, records: list[Record]) -> list[Record]:
        """See Stream."""
        answer = self._client.put_records(
            StreamName=self._name,
            Records=[{"Data": record.data, "PartitionKey": record.key} for record in records],
        )
        if not answer["FailedRecordCount"]:
            return []
        results = zip(records, answer["Records"], strict=True)
        return [record for record, result in results if result.get("ErrorCode")]


def open_stream(settings: Settings) -> Stream:
    """The stream that the settings name, whatever it speaks."""
    broker, name = settings.broker, settings.stream or ""
    if broker.protocol == "kafka":
        from recommender.kafka_events import KafkaStream

        return KafkaStream(broker, name, settings.region)
    if broker.protocol == "pulsar":
        from recommender.pulsar_events import PulsarStream

        return PulsarStream(broker, name)
    return KinesisStream(settings)


class Writer:
    """The queue and its one writer."""

    def __init__(self, stream: Stream, metrics: Metrics, capacity: int, flush_seconds: float) -> None:
        self._stream = stream
        self._metrics = metrics
        self._capacity = capacity
        self._flush_seconds = flush_seconds
        self._waiting: deque[Record] = deque()
        self._in_flight = 0
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._hurry = asyncio.Event()

    def accept(self, records: list[Record]) -> None:
        """Take all of them, or none.

        Raises:
            QueueFullError: they do not fit.
        """
        if len(self._waiting) + self._in_flight + len(records) > self._capacity:
            self._metrics.events.labels("refused").inc(len(records))
            raise QueueFullError
        self._waiting.extend(records)
        self._metrics.events.labels("accepted").inc(len(records))
        self._note()

    async def run(self) -> None:
        """Write for ever."""
        pause = 0.0
        while True:
            await self._arrived.wait()
            await self._pause(pause or (0.0 if len(self._waiting) >= MOST_RECORDS else _LINGER_SECONDS))
            batch = self._batch()
            left = await self._write(batch)
            # Back to the front, in their order.
            self._waiting.extendleft(reversed(left))
            self._in_flight = 0
            self._note()
            pause = min(max(pause * 2, 0.1), _SLOWEST_RETRY_SECONDS) if left else 0.0

    async def drain(self) -> bool:
        """Wait until nothing waits, for as long as the settings allow; whether it came to that."""
        self._hurry.set()
        try:
            await asyncio.wait_for(self._empty.wait(), self._flush_seconds)
        except TimeoutError:
            return False
        finally:
            self._hurry.clear()
        return True

    def abandon(self) -> int:
        """Count what still waits as lost, when the process ends; how many that are."""
        lost = len(self._waiting) + self._in_flight
        if lost:
            self._metrics.events.labels("lost").inc(lost)
            log.error("%d events were not written: the stream did not take them in time", lost)
        return lost

    async def _pause(self, seconds: float) -> None:
        # A stopping service does not wait for company.
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(min(seconds, _LINGER_SECONDS))

    def _batch(self) -> list[Record]:
        batch: list[Record] = []
        size = 0
        while self._waiting and len(batch) < MOST_RECORDS:
            size += len(self._waiting[0].data) + len(self._waiting[0].key) * 4
            if batch and size > _MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        self._in_flight = len(batch)
        return batch

    async def _write(self, batch: list[Record]) -> list[Record]:
        try:
            left = await asyncio.to_thread(self._stream.put, batch)
        except asyncio.CancelledError:
            self._waiting.extendleft(reversed(batch))
            self._in_flight = 0
            raise
        except Exception as error:  # a client has many errors; each means: not written, try again
            log.warning("the stream takes no events: %s", error)
            left = batch
        self._metrics.events.labels("written").inc(len(batch) - len(left))
        if left:
            self._metrics.events.labels("retried").inc(len(left))
        return left

    def _note(self) -> None:
        waiting = len(self._waiting) + self._in_flight
        self._metrics.waiting.set(waiting)
        if waiting:
            self._arrived.set()
            self._empty.clear()
        else:
            self._arrived.clear()
            self._empty.set()
