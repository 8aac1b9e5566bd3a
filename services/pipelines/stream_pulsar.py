"""Events on Pulsar. Partitions are read by readers: there is no subscription whose place the broker would keep, and
what keeps the records is the retention of the namespace."""

from collections.abc import Iterable, Mapping
from typing import Any

import pulsar

from pipelines.errors import ServiceError
from pipelines.settings import Settings
from pipelines.stream import Stream, Taken, encoded
from recommender.pulsar_events import client

_ANSWER_MILLISECONDS = 30_000
_QUEUE = 1_000


class PulsarStream(Stream):
    """One topic. A position is the id of a partition's message, in hexadecimal."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._broker = settings.broker

    def put(self, events: Iterable[Mapping[str, object]]) -> int:
        """See Stream."""
        connection = client(self._broker)
        count, failed = 0, list[object]()

        def sent(result: Any, _: Any) -> None:
            if result != pulsar.Result.Ok:
                failed.append(result)

        try:
            producer = connection.create_producer(self.name, block_if_queue_full=True)
            for key, data in map(encoded, events):
                producer.send_async(data, sent, partition_key=key)
                count += 1
            producer.flush()
        except pulsar.PulsarException as error:
            raise ServiceError(f"Topic {self.name} does not take records: {error}.") from None
        finally:
            connection.close()
        if failed:
            raise ServiceError(f"Topic {self.name} did not take {len(failed)} of {count} records: {failed[0]}.")
        return count

    def take(self, positions: Mapping[str, str]) -> list[Taken]:
        """See Stream."""
        connection = client(self._broker)
        try:
            parts = sorted(connection.get_topic_partitions(self.name))
            return [self._taken(connection, part, positions.get(part)) for part in parts]
        except pulsar.PulsarException as error:
            raise ServiceError(f"Topic {self.name} is not read: {error}.") from None
        finally:
            connection.close()

    def _taken(self, connection: Any, part: str, after: str | None) -> Taken:
        end = self._last(connection, part)
        start = pulsar.MessageId.deserialize(bytes.fromhex(after)) if after else None
        if start is not None and end is not None and _place(start) > _place(end):
            # The broker's count began anew: a topic, or a whole cluster, was made again under its old name.
            start = None
        messages: list[Any] = []
        if end is not None and (start is None or _place(start) < _place(end)):
            reader = connection.create_reader(part, start or pulsar.MessageId.earliest, receiver_queue_size=_QUEUE)
            while not messages or _place(messages[-1].message_id()) < _place(end):
                messages.append(reader.read_next(_ANSWER_MILLISECONDS))
            reader.close()
        ids = [message.message_id().serialize().hex() for message in messages] or [""]
        return Taken(part=part, records=[message.data() for message in messages], first=ids[0], last=ids[-1])

    @staticmethod
    def _last(connection: Any, part: str) -> Any | None:
        """Id of the last message, by reading it; None where there is none."""
        reader = connection.create_reader(part, pulsar.MessageId.latest, start_message_id_inclusive=True)
        last = None
        while reader.has_message_available():
            # The last messages may have been written as one batch.
            last = reader.read_next(_ANSWER_MILLISECONDS).message_id()
        reader.close()
        return last


def _place(message_id: Any) -> tuple[int, int, int]:
    """Where a message lies in its partition: a batch is one entry of a ledger."""
    return message_id.ledger_id(), message_id.entry_id(), message_id.batch_index()
