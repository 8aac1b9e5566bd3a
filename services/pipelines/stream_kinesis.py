"""Events on Kinesis. The emulated stream's cost grows with the square of the records in a shard."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.errors import ServiceError
from pipelines.lake import client
from pipelines.settings import Settings
from pipelines.stream import Stream, Taken, encoded

_PUT_LIMIT = 500
"""Records that PutRecords takes at once."""
_READ_LIMIT = 10_000
"""Records that GetRecords gives at once."""


class KinesisStream(Stream):
    """One Kinesis stream. A position is the sequence number of a shard."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._client = client("kinesis", settings)

    def put(self, events: Iterable[Mapping[str, object]]) -> int:
        """See Stream."""
        records: list[dict[str, object]] = [
            {"Data": data, "PartitionKey": key} for key, data in (encoded(event) for event in events)
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

    def take(self, positions: Mapping[str, str]) -> list[Taken]:
        """See Stream."""
        return [self._taken(shard, self._records(shard, positions.get(shard))) for shard in self._shards()]

    @staticmethod
    def _taken(shard: str, records: list[Any]) -> Taken:
        numbers = [str(record["SequenceNumber"]) for record in records] or [""]
        return Taken(part=shard, records=[record["Data"] for record in records], first=numbers[0], last=numbers[-1])

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
