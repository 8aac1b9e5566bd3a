"""Events on Kinesis: written by the recommender and the generator, read by ingest from where it stopped.

A stream is for what trickles in. Bulk goes through files: the emulated stream's cost grows with the square of the
records in a shard.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.errors import ServiceError
from pipelines.lake import client
from pipelines.quarantine import Quarantine
from pipelines.schema import REQUIRED
from pipelines.settings import Settings

_PUT_LIMIT = 500
"""Records that PutRecords takes at once."""
_READ_LIMIT = 10_000
"""Records that GetRecords gives at once."""
FIELDS = ("event_id", *REQUIRED["events"])


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was new on the stream."""

    events: pa.Table
    """Strings, as in a CSV file."""
    positions: dict[str, str]
    """Last sequence number by shard: where the next read starts."""
    span: str
    """The sequence numbers read, for lineage; empty where nothing was new."""
    records: int = 0
    """How many; each is among the events or in quarantine."""


class Stream:
    """One Kinesis stream."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.stream
        self._client = client("kinesis", settings)

    def put(self, events: Iterable[Mapping[str, object]]) -> int:
        """Send events, a user's in order; returns how many.

        Raises:
            ServiceError: the stream is missing, or throttles for good.
        """
        records: list[dict[str, object]] = [
            {"Data": json.dumps(event, default=str, ensure_ascii=False).encode(), "PartitionKey": str(event["user_id"])}
            for event in events
        ]
        for start in range(0, len(records), _PUT_LIMIT):
            self._put(records[start : start + _PUT_LIMIT])
        return len(records)

    def _put(self, records: list[dict[str, object]]) -> None:
        for _ in range(5):
            answer = self._call("put_records", StreamName=self.name, Records=records)
            if not answer["FailedRecordCount"]:
                return
            records = [
                record for record, result in zip(records, answer["Records"], strict=True) if "ErrorCode" in result
            ]
        raise ServiceError(
            f"Stream {self.name} did not take {len(records)} records: it throttles. Give it more shards."
        )

    def read(self, positions: Mapping[str, str], bad: Quarantine) -> Read:
        """Everything after the positions; records that are no event go to quarantine.

        Raises:
            ServiceError: the stream is missing or does not answer.
        """
        rows: list[dict[str, str | None]] = []
        reached = dict(positions)
        spans, count = [], 0
        for shard in self._shards():
            records = self._records(shard, positions.get(shard))
            if records:
                first, last = records[0]["SequenceNumber"], records[-1]["SequenceNumber"]
                reached[shard] = last
                spans.append(f"{shard}:{first}-{last}")
            count += len(records)
            rows += [found for record in records if (found := row(record["Data"], bad)) is not None]
        columns = {name: pa.array([found[name] for found in rows], pa.string()) for name in FIELDS}
        return Read(events=pa.table(columns), positions=reached, span=" ".join(spans), records=count)

    def _shards(self) -> list[str]:
        answer = self._call("list_shards", StreamName=self.name)
        return sorted(shard["ShardId"] for shard in answer["Shards"])

    def _records(self, shard: str, after: str | None) -> list[Any]:
        start = (
            {"ShardIteratorType": "TRIM_HORIZON"}
            if after is None
            else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        )
        iterator = self._call("get_shard_iterator", StreamName=self.name, ShardId=shard, **start)["ShardIterator"]
        records: list[Any] = []
        while iterator:
            answer = self._call("get_records", ShardIterator=iterator, Limit=_READ_LIMIT)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            # A shard's end is reached when nothing is behind; an empty answer alone does not say so.
            if not answer["Records"] and not answer.get("MillisBehindLatest"):
                break
        return records

    def _call(self, operation: str, **arguments: object) -> Any:
        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            raise ServiceError(f"Stream {self.name}: {operation} is refused: {error}") from None
        except BotoCoreError as error:
            raise ServiceError(f"Stream {self.name}: {operation} is not answered: {error}") from None


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
