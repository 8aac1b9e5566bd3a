"""Features online in DynamoDB: Feast's own layout of a table, written and read with the client that the loop has.

Feast's own store wants `aiobotocore`, which holds boto3 a major release of its API descriptions behind what the loop
runs on. Tables are the platform's: they are neither made nor deleted here.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import boto3
from feast.infra.online_stores.helpers import compute_entity_id
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel
from feast.utils import make_tzaware

_MOST_AT_ONCE = 100
"""Items that BatchGetItem gives (DynamoDB API reference)."""
EXPIRES = "expires"
"""Attribute by which DynamoDB deletes what nobody wrote again (the table's time to live), seconds since 1970."""

Row = tuple[Any, Mapping[str, Any], datetime, datetime | None]
Found = tuple[datetime | None, dict[str, Any] | None]


class TableOnlineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Where the tables are."""

    type: Literal["pipelines.online_dynamodb.TableOnlineStore"] = "pipelines.online_dynamodb.TableOnlineStore"
    region: str
    prefix: str
    """Start of the tables' names; the view's follows."""
    lifetime_seconds: int
    """After which an entity that nobody wrote again is no longer known."""
    endpoint_url: str | None = None


class TableOnlineStore(OnlineStore):  # type: ignore[misc]
    """One table a view, one item an entity."""

    _resource: Any = None

    def online_write_batch(
        self, config: Any, table: Any, data: Sequence[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """Write rows; of an entity that is there twice the later one stays."""
        expires = int(time.time()) + config.online_store.lifetime_seconds
        latest = sorted(data, key=lambda row: make_tzaware(row[2]))
        with self._table(config, table).batch_writer(overwrite_by_pkeys=["entity_id"]) as batch:
            for key, features, moment, _ in latest:
                values = {name: value.SerializeToString() for name, value in features.items()}
                batch.put_item(
                    Item={
                        "entity_id": _id(config, key),
                        "event_ts": str(make_tzaware(moment)),
                        "values": values,
                        EXPIRES: expires,
                    }
                )
                if progress:
                    progress(1)

    def online_read(
        self, config: Any, table: Any, entity_keys: Sequence[Any], requested_features: Sequence[str] | None = None
    ) -> list[Found]:
        """Rows in the order of the keys; an entity that is not there is (None, None)."""
        wanted = [_id(config, key) for key in entity_keys]
        name = self._table(config, table).name
        # Asking twice for one item is refused.
        each = list(dict.fromkeys(wanted))
        found: dict[str, Found] = {}
        for start in range(0, len(each), _MOST_AT_ONCE):
            keys = [{"entity_id": one} for one in each[start : start + _MOST_AT_ONCE]]
            found.update(self._rows(name, keys))
        return [found.get(one, (None, None)) for one in wanted]

    def update(
        self,
        config: Any,
        tables_to_delete: Sequence[Any],
        tables_to_keep: Sequence[Any],
        entities_to_delete: Sequence[Any],
        entities_to_keep: Sequence[Any],
        partial: bool,
    ) -> None:
        """Nothing: tables are the platform's."""

    def teardown(self, config: Any, tables: Sequence[Any], entities: Sequence[Any]) -> None:
        """Nothing: tables are the platform's."""

    def _rows(self, name: str, keys: list[dict[str, str]]) -> Iterator[tuple[str, Found]]:
        asked: Mapping[str, Any] = {name: {"Keys": keys}}
        while asked:
            answer = self._resource.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(name, ()):
                # DynamoDB deletes within days of the moment.
                if int(item[EXPIRES]) > time.time():
                    values = {key: Value.FromString(value.value) for key, value in item["values"].items()}
                    yield item["entity_id"], (datetime.fromisoformat(item["event_ts"]), values)
            asked = answer.get("UnprocessedKeys", {})

    def _table(self, config: Any, table: Any) -> Any:
        online = config.online_store
        if self._resource is None:
            self._resource = boto3.resource("dynamodb", region_name=online.region, endpoint_url=online.endpoint_url)
        return self._resource.Table(f"{online.prefix}{table.name}")


def _id(config: Any, key: Any) -> str:
    return str(compute_entity_id(key, entity_key_serialization_version=config.entity_key_serialization_version))
