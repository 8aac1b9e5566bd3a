"""Events on the stream: written by the recommender and the generator, read by ingest from where it stopped.

What carries them is the platform's choice, and each carrier has a file of its own: Kinesis, Kafka, Pulsar. A position
is kept for each part of the stream (shard, partition), with the lake and not with the broker: it moves once what was
read is in the lake, so that a run that dies loses nothing and its repetition writes the same batch.

A stream is for what trickles in. Bulk goes through files.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.errors import ServiceError
from pipelines.quarantine import Quarantine
from pipelines.schema import REQUIRED
from pipelines.settings import Settings

FIELDS = ("event_id", *REQUIRED["events"])


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was new on the stream."""

    events: pa.Table
    """Strings, as in a CSV file."""
    positions: dict[str, str]
    """Where the next read starts, by part of the stream: its last record that was read."""
    span: str
    """The records read, for lineage; empty where nothing was new."""
    records: int = 0
    """How many; each is among the events or in quarantine."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one part of the stream held after its position."""

    part: str
    """Shard or partition, by a name that no other stream's has."""
    records: list[bytes]
    first: str
    last: str
    """Positions of the first and the last record; empty where there is none."""


class Stream(ABC):
    """One stream of events."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.stream

    @abstractmethod
    def put(self, events: Iterable[Mapping[str, object]]) -> int:
        """Send events, a user's in order; returns how many.

        Raises:
            ServiceError: the stream is missing, or does not take them.
        """

    @abstractmethod
    def take(self, positions: Mapping[str, str]) -> list[Taken]:
        """What lies after the positions and was there when the reading began, part by part.

        Raises:
            ServiceError: the stream is missing or does not answer.
        """

    def read(self, positions: Mapping[str, str], bad: Quarantine) -> Read:
        """Everything after the positions; records that are no event go to quarantine.

        Raises:
            ServiceError: the stream is missing or does not answer.
        """
        taken = [part for part in self.take(positions) if part.records]
        rows = [found for part in taken for data in part.records if (found := row(data, bad)) is not None]
        columns = {name: pa.array([found[name] for found in rows], pa.string()) for name in FIELDS}
        return Read(
            events=pa.table(columns),
            positions={**positions, **{part.part: part.last for part in taken}},
            span=" ".join(f"{part.part}:{part.first}-{part.last}" for part in taken),
            records=sum(len(part.records) for part in taken),
        )


def open_stream(settings: Settings) -> Stream:
    """The stream that the settings name, whatever carries it.

    Raises:
        ServiceError: its client is not installed here.
    """
    protocol = settings.broker.protocol
    try:
        if protocol == "kafka":
            from pipelines.stream_kafka import KafkaStream

            return KafkaStream(settings)
        if protocol == "pulsar":
            from pipelines.stream_pulsar import PulsarStream

            return PulsarStream(settings)
    except ImportError as error:
        raise ServiceError(
            f"The stream is one of {protocol}, and this image lacks its client ({error.name}): build it with the "
            f'group {protocol} (`--build-arg GROUPS="--group {protocol}"`).'
        ) from None
    from pipelines.stream_kinesis import KinesisStream

    return KinesisStream(settings)


def encoded(event: Mapping[str, object]) -> tuple[str, bytes]:
    """A record's key, which keeps a user's events in order, and the record."""
    return str(event["user_id"]), json.dumps(event, default=str, ensure_ascii=False).encode()


def row(data: bytes, bad: Quarantine) -> dict[str, str | None] | None:
    """A record's fields, or None where it is put aside. Nothing that a record holds raises."""
    try:
        event = json.loads(data)
        if not isinstance(event, dict) or any(name not in event for name in REQUIRED["events"]):
            raise _NoEventError("not an event")
        return {name: _text(event.get(name)) for name in FIELDS}
    except _NoEventError as error:
        bad.add(str(error), data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        # No JSON, nested without end, a number of thousands of digits.
        bad.add("not JSON", data.decode("utf-8", "replace"))
    return None


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise _NoEventError("not an event")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # JSON can write half of a character.
        raise _NoEventError("not text") from None
    return text


class _NoEventError(Exception):
    """JSON, and no event."""
