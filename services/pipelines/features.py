"""Features: computed from a snapshot, kept in the lake, served by Feast offline (files) and online (SQLite)."""

import contextlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import snapshots
from pipelines.errors import GateStop, ServiceError
from pipelines.lake import Lake
from pipelines.matrices import Interactions, popularity
from pipelines.schema import TIMESTAMP, UNKNOWN, WEIGHTS
from pipelines.snapshots import codes

FRESHNESS = timedelta(hours=1)
"""Features older than this are not learnt from."""
_PROJECT = "recommender"
_MANIFEST = "features.json"
_SKEW = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Features:
    """A snapshot's features: `<data_version>/users.parquet` and `products.parquet` in the features zone."""

    data_version: str
    as_of: str
    """When they were computed, ISO 8601."""
    users: int
    products: int

    def age(self, now: datetime) -> timedelta:
        """How long ago they were computed."""
        return now - datetime.fromisoformat(self.as_of)


class FeatureStore:
    """Feast over the files of one snapshot; the online table is the same for all."""

    def __init__(self, lake: Lake, state: Path) -> None:
        self._lake = lake
        self._folder = state / "feast"

    def build(self, data_version: str, now: datetime) -> Features:
        """Compute a snapshot's features, define them, write them online, and keep them in the lake."""
        shutil.rmtree(self._folder / "files", ignore_errors=True)
        folder = self._files(data_version)
        folder.mkdir(parents=True)
        users, products = compute(self._lake, data_version, now)
        pq.write_table(users, folder / "users.parquet")
        pq.write_table(products, folder / "products.parquet")
        features = Features(
            data_version=data_version, as_of=now.isoformat(), users=users.num_rows, products=products.num_rows
        )
        del users, products
        self._materialize(self._feast(data_version), now)
        self._lake.upload_folder("features", data_version, folder)
        # Last: features that have a manifest are complete.
        self._lake.put_json("features", f"{data_version}/{_MANIFEST}", asdict(features))
        return features

    def offline(self, features: Features, view: str, key: str, ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
        """Features of some entities as they were known at `as_of`, in the order of `ids`.

        Args:
            view: name of the feature view.
            key: its join key.
            names: features wanted.
        """
        frame = pd.DataFrame({key: list(ids), "event_timestamp": pd.Timestamp(features.as_of)})
        if frame.empty:
            return pd.DataFrame(columns=list(names))
        wanted = [f"{view}:{name}" for name in names]
        job = self._feast(features.data_version).get_historical_features(entity_df=frame, features=wanted)
        # Feast does not promise an order.
        return job.to_df().set_index(key).loc[list(ids), list(names)].reset_index(drop=True)

    def online(self, data_version: str, view: str, key: str, ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
        """Features of some entities as serving sees them; null for an entity that is not there."""
        answer = self._feast(data_version).get_online_features(
            features=[f"{view}:{name}" for name in names], entity_rows=[{key: identifier} for identifier in ids]
        )
        return answer.to_df()[list(names)]

    def forget(self, user_id: str) -> int:
        """Remove a user's features, offline in every version and online; returns how many rows went."""
        gone = 0
        for name in self._lake.keys("features", ""):
            if name.endswith("/users.parquet"):
                table = self._lake.get_table("features", name)
                kept = table.filter(pc.not_equal(table["user_id"], user_id))
                if kept.num_rows < table.num_rows:
                    self._lake.replace("features", name, _parquet(kept))
                    gone += table.num_rows - kept.num_rows
        shutil.rmtree(self._folder / "files", ignore_errors=True)
        return gone + self._forget_online(user_id)

    def _forget_online(self, user_id: str) -> int:
        found = latest(self._lake)
        if found is None or not (self._folder / "online.db").exists():
            return 0
        from feast.infra.key_encoding_utils import serialize_entity_key
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        key = EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=user_id)])
        return _delete_online(self._folder / "online.db", serialize_entity_key(key, 3))

    def _files(self, data_version: str) -> Path:
        return self._folder / "files" / data_version

    def _feast(self, data_version: str) -> Any:
        import feast

        from pipelines.feature_definitions import definitions

        folder = self._files(data_version)
        if not folder.exists():
            self._lake.download_folder("features", data_version, folder)
        store = feast.FeatureStore(
            config=feast.RepoConfig(
                project=_PROJECT,
                provider="local",
                # Definitions hold paths of this machine: they are made here, and only the data travels.
                registry=str(folder / "registry.db"),
                offline_store={"type": "file"},
                online_store={"type": "sqlite", "path": str(self._folder / "online.db")},
                entity_key_serialization_version=3,
            )
        )
        if not (folder / "registry.db").exists():
            store.apply(list(definitions(folder)))
        return store

    def _materialize(self, store: Any, now: datetime) -> None:
        # It reports to standard output, which belongs to the command's own answer.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            store.materialize(now - _SKEW, now + _SKEW)
