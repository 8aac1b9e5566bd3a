"""The raw lake: batches of events, users and the catalogue, and what it takes to forget somebody."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake import Lake, parquet
from pipelines.privacy import Erasures, Masker, PrivacyRules
from pipelines.schema import PRODUCTS, USERS

_USERS, _PRODUCTS = "users.parquet", "products.parquet"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One delivery of events; its parts are `events/<name>/*.parquet`."""

    name: str
    source: str
    """File name and SHA-256, or the stream's shards and sequence numbers."""
    rows: int
    quarantined: int
    without_consent: int
    expired: int
    erased: int
    newest: str
    """ISO 8601; empty where the batch has no rows."""
    ingested: str


class RawLake:
    """What the raw bucket holds, by name."""

    def __init__(self, lake: Lake, masker: Masker, rules: PrivacyRules) -> None:
        self.lake = lake
        self.masker = masker
        self.rules = rules
        self.erasures = Erasures(lake, masker)

    def users(self) -> pa.Table:
        """All users, masked."""
        return self._table(_USERS, USERS)

    def products(self) -> pa.Table:
        """The catalogue."""
        return self._table(_PRODUCTS, PRODUCTS)

    def _table(self, key: str, schema: pa.Schema) -> pa.Table:
        return self.lake.get_table("raw", key) if self.lake.keys("raw", key) else schema.empty_table()

    def batches(self) -> tuple[Batch, ...]:
        """Every batch, in the order of arrival."""
        found = [Batch(**json.loads(self.lake.need("raw", key))) for key in self.lake.keys("raw", "batches/")]
        return tuple(sorted(found, key=lambda batch: (batch.ingested, batch.name)))

    def parts(self, batch: str) -> list[str]:
        """Keys of a batch's tables."""
        return self.lake.keys("raw", f"events/{batch}/")

    def drop(self, batch: str) -> int:
        """Remove a batch with everything that belongs to it; its manifest goes first, so that nobody reads half."""
        gone = self.lake.delete("raw", f"batches/{batch}.json")
        gone += self.lake.delete_below("raw", f"events/{batch}/")
        return gone + self.lake.delete("raw", f"quarantine/{batch}.jsonl")

    def consenting(self) -> pa.Array:
        """Users who consent, by what is known now."""
        users = self.users()
        return users["user_id"].filter(users["consent"]).combine_chunks()

    def put_users(self, fresh: pa.Table) -> None:
        """Merge users: the later row wins. Who withdrew consent is removed from the events too."""
        before = self.users()
        merged = latest(pa.concat_tables([before, fresh.filter(self.erasures.allowed(fresh["user_id"]))]), "user_id")
        refused = merged["user_id"].filter(pc.invert(merged["consent"])).combine_chunks()
        withdrew = before.filter(pc.and_(before["consent"], pc.is_in(before["user_id"], value_set=refused)))
        # Events first: a run that dies in between finds them still to do.
        self.forget(withdrew["user_id"].combine_chunks())
        self.keep_users(merged)

    def keep_users(self, users: pa.Table) -> None:
        """Write the users, and nobody else: earlier versions go."""
        self.lake.replace("raw", _USERS, parquet(users))

    def put_products(self, fresh: pa.Table) -> None:
        """Merge products: the later row wins."""
        merged = latest(pa.concat_tables([self.products(), fresh]), "product_id")
        self.lake.put_table("raw", _PRODUCTS, merged)

    def forget(self, user_ids: pa.Array) -> int:
        """Remove users' events from every batch, earlier versions included; returns how many events went."""
        gone = 0
        for batch in self.batches() if len(user_ids) else ():
            taken = 0
            for key in self.parts(batch.name):
                table = self.lake.get_table("raw", key)
                kept = table.filter(pc.fill_null(pc.invert(pc.is_in(table["user_id"], value_set=user_ids)), True))
                if kept.num_rows < table.num_rows:
                    self.lake.replace("raw", key, parquet(kept))
                    taken += table.num_rows - kept.num_rows
            if taken:
                self.put_batch(Batch(**{**asdict(batch), "rows": batch.rows - taken, "erased": batch.erased + taken}))
                gone += taken
        return gone

    def put_batch(self, batch: Batch) -> None:
        """Write a batch's manifest: from now on the batch is part of the lake."""
        self.lake.put_json("raw", f"batches/{batch.name}.json", asdict(batch))


def latest(table: pa.Table, key: str) -> pa.Table:
    """One row a key: the last one."""
    places = table.select([key]).append_column("place", pa.array(np.arange(table.num_rows)))
    last = places.group_by(key).aggregate([("place", "max")])["place_max"]
    return table.take(last.sort())
