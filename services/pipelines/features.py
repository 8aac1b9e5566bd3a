"""Features: computed from a snapshot, kept in the lake, served by Feast offline (files) and online (SQLite)."""

import contextlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from pipelines import snapshots
from pipelines.errors import GateError
from pipelines.feature_views import views
from pipelines.lake import Lake, parquet
from pipelines.matrices import Csr, Interactions, Longs, popularity
from pipelines.schema import TIMESTAMP, UNKNOWN
from pipelines.snapshots import codes

FRESHNESS = timedelta(hours=1)
"""Features older than this are not learnt from."""
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

    def __init__(self, lake: Lake, state: Path, online: Mapping[str, Any] | None = None) -> None:
        """Without an `online_store` of Feast's configuration the online table lies beside the files, in SQLite."""
        self._lake = lake
        self._folder = state / "feast"
        self._online = online

    def build(self, data_version: str, now: datetime) -> Features:
        """Compute a snapshot's features, define them, write them online, and keep them in the lake."""
        shutil.rmtree(self._folder, ignore_errors=True)
        folder = self._files(data_version)
        folder.mkdir(parents=True)
        users, products = compute(self._lake, data_version, now)
        pq.write_table(users, folder / "users.parquet")
        pq.write_table(products, folder / "products.parquet")
        features = Features(
            data_version=data_version, as_of=now.isoformat(), users=users.num_rows, products=products.num_rows
        )
        del users, products
        for path in sorted(folder.iterdir()):
            self._lake.upload("features", f"{data_version}/{path.name}", path)
        self._materialize(features)
        # Last: features that have a manifest are complete.
        self._lake.put_json("features", f"{data_version}/{_MANIFEST}", asdict(features))
        return features

    def offline(
        self, features: Features, view: str, key: str, ids: Sequence[str], names: Sequence[str]
    ) -> pd.DataFrame:
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
        found: pd.DataFrame = job.to_df().set_index(key).loc[list(ids), list(names)].reset_index(drop=True)
        return found

    def online(self, features: Features, view: str, key: str, ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
        """Features of some entities as serving sees them; null for an entity that is not there."""
        if not (self._files(features.data_version) / ".online").exists():
            self._materialize(features)
        answer = self._feast(features.data_version).get_online_features(
            features=[f"{view}:{name}" for name in names], entity_rows=[{key: identifier} for identifier in ids]
        )
        found: pd.DataFrame = answer.to_df()[list(names)]
        return found

    def publish(self, features: Features) -> None:
        """Write features that are in the lake online."""
        shutil.rmtree(self._files(features.data_version), ignore_errors=True)
        self._materialize(features)

    def forget(self, user_ids: pa.Array) -> int:
        """Remove users' features, offline in every version and online; returns how many rows went."""
        gone = 0
        for name in self._lake.keys("features", ""):
            if name.endswith("/users.parquet"):
                table = self._lake.get_table("features", name)
                kept = table.filter(pc.invert(pc.is_in(table["user_id"], value_set=user_ids)))
                if kept.num_rows < table.num_rows:
                    self._lake.replace("features", name, parquet(kept))
                    gone += table.num_rows - kept.num_rows
        # Files and online table of this machine are made anew from the lake when they are next asked for.
        shutil.rmtree(self._folder, ignore_errors=True)
        return gone

    def _files(self, data_version: str) -> Path:
        return self._folder / data_version

    def _feast(self, data_version: str) -> Any:
        import feast

        from pipelines.feature_definitions import definitions

        folder = self._files(data_version)
        if not folder.exists():
            self._lake.download_folder("features", data_version, folder)
        store = feast.FeatureStore(
            config=feast.RepoConfig(
                project=views().project,
                provider="local",
                # Definitions hold paths of this machine: they are made here, and only the data travels.
                registry=str(folder / "registry.db"),
                offline_store={"type": "file"},
                online_store=self._online or {"type": "sqlite", "path": str(folder / "online.db")},
                entity_key_serialization_version=3,
            )
        )
        if not (folder / "registry.db").exists():
            store.apply(list(definitions(str(folder))))
        return store

    def _materialize(self, features: Features) -> None:
        moment = datetime.fromisoformat(features.as_of)
        store = self._feast(features.data_version)
        # It reports to standard output, which belongs to the command's own answer.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            store.materialize(moment - _SKEW, moment + _SKEW)
        (self._files(features.data_version) / ".online").touch()


def latest(lake: Lake) -> Features | None:
    """The features that were computed last, or None."""
    found = [
        Features(**json.loads(lake.need("features", key)))
        for key in lake.keys("features", "")
        if key.endswith(f"/{_MANIFEST}")
    ]
    return max(found, key=lambda features: features.as_of, default=None)


def require_fresh(features: Features, now: datetime, limit: timedelta = FRESHNESS) -> None:
    """Raise GateError unless the features are younger than the limit."""
    age = features.age(now)
    if age >= limit:
        raise GateError(
            f"The features of {features.data_version} are {age.total_seconds() / 60:.0f} minutes old; "
            f"{limit.total_seconds() / 60:.0f} is the limit. Start a new run: `run-loop --fresh`."
        )


def compute(lake: Lake, data_version: str, now: datetime) -> tuple[pa.Table, pa.Table]:
    """Features of users and of products, one row an entity."""
    events = snapshots.events(lake, data_version, ["user_id", "product_id", "event_type"])
    pairs = Interactions.of(events)
    catalogue = snapshots.products(lake, data_version)
    category = _by_id(catalogue, "product_id", "category", pairs.products)
    bands = _by_id(snapshots.users(lake, data_version), "user_id", "age_band", pairs.users)
    matrix = pairs.matrix()
    users, products = _counts(events, pairs)
    moment = pa.scalar(now, TIMESTAMP)
    user_table = pa.table(
        {
            "user_id": pairs.users,
            "events": users[0],
            "purchases": users[1],
            "favourite_category": _favourites(matrix, category),
            "age_band": bands,
            "event_timestamp": pa.repeat(moment, len(pairs.users)),
        }
    )
    product_table = pa.table(
        {
            "product_id": pairs.products,
            "popularity": popularity(matrix),
            "events": products[0],
            "purchases": products[1],
            "category": category,
            "event_timestamp": pa.repeat(moment, len(pairs.products)),
        }
    )
    return user_table, product_table


def _counts(events: pa.Table, pairs: Interactions) -> tuple[tuple[Longs, Longs], tuple[Longs, Longs]]:
    """Events and purchases, by user and by product."""
    bought = pc.equal(events["event_type"], "purchase").to_numpy().astype(bool)
    found = []
    for column, values in (("user_id", pairs.users), ("product_id", pairs.products)):
        _, place = codes(events[column])
        size = len(values)
        found.append((np.bincount(place, minlength=size), np.bincount(place[bought], minlength=size)))
    return found[0], found[1]


def _by_id(table: pa.Table, key: str, column: str, ids: Sequence[str]) -> pa.Array:
    """A column's values for some ids; "unknown" for those that the table lacks."""
    places = pc.index_in(pa.array(ids, pa.string()), value_set=table[key].combine_chunks())
    return pc.fill_null(table[column].combine_chunks().take(places), UNKNOWN)


def _favourites(matrix: Csr, category: pa.Array) -> pa.Array:
    """Each user's category with the greatest weight."""
    encoded = category.dictionary_encode()
    if not len(category):
        return pa.array([], pa.string())
    membership = sparse.csr_array(
        (np.ones(len(category), np.float32), (np.arange(len(category)), encoded.indices.to_numpy())),
        shape=(len(category), len(encoded.dictionary)),
    )
    by_category = sparse.csr_array(matrix @ membership)
    return encoded.dictionary.take(pa.array(np.asarray(by_category.argmax(axis=1)).reshape(-1)))
