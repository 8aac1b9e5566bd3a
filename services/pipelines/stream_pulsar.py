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
        start = pulsar.MessageId.deserialize(bytes.fromhex(after)) if after else pulsar.MessageId.earliest
        reader = connection.create_reader(part, start, receiver_queue_size=_QUEUE)
        end = reader.get_last_message_id()
        if after and start > end and end.entry_id() >= 0:
            # The broker's count began anew: a topic, or a whole cluster, was made again under its old name.
            reader.close()
            reader = connection.create_reader(part, pulsar.MessageId.earliest, receiver_queue_size=_QUEUE)
        messages = []
        while reader.has_message_available():
            messages.append(reader.read_next(_ANSWER_MILLISECONDS))
            if messages[-1].message_id() >= end:
                break
        reader.close()
        ids = [message.message_id().serialize().hex() for message in messages] or [""]
        return Taken(part=part, records=[message.data() for message in messages], first=ids[0], last=ids[-1])
