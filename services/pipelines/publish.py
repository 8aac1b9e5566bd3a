"""Publish: what recommenders are told beside the model, written anew at every look that finds something new.

The catalogue, by which requests are filtered, and what users did within the last day: so that every replica knows what
one of them was told, and a restarted one too. Both hold what the lake holds and no more: consent, retention and
erasures are settled before.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from pipelines.lake import Lake
from pipelines.raw import Batch, RawLake
from pipelines.schema import EVENTS, WEIGHTS
from recommender.arrays import Mask
from recommender.catalogue import CATALOGUE, EVERYTHING, Assortment, Catalogue
from recommender.model_arrays import ModelArrays
from recommender.recent import MOST_PRODUCTS, MOST_USERS, RECENT, SECONDS, RecentTable
from recommender.rules import RULES, Rules

_STATE = "serving/published.json"
_ANEW = timedelta(hours=1)
"""After which what has become old is left out, whether or not something new came."""


def publish(raw: RawLake, now: datetime) -> bool:
    """Write both where something changed; whether it did. Safe to repeat."""
    since = now - timedelta(seconds=SECONDS)
    batches = [batch for batch in raw.batches() if batch.rows and batch.newest >= since.isoformat()]
    held = {"of": _digest(raw, batches), "at": now.isoformat()}
    last = json.loads(raw.lake.get("artifacts", _STATE) or b"{}")
    if last.get("of") == held["of"] and now - datetime.fromisoformat(last["at"]) < _ANEW:
        return False
    _put(raw.lake, CATALOGUE, catalogue(raw.products()).packed())
    _put(raw.lake, RECENT, recent(_events(raw, batches, since)).packed())
    # Last: who dies before begins again.
    raw.lake.put_json("artifacts", _STATE, held)
    return True


def forget(lake: Lake) -> None:
    """Take away what users did lately, with all versions, until it is published again."""
    lake.delete("artifacts", RECENT, _STATE)


def catalogue(products: pa.Table) -> Catalogue:
    """The catalogue that serving filters by."""
    return Catalogue.of(
        products["product_id"].to_pylist(), products["category"].to_pylist(), products["price"].to_pylist()
    )


def recent(events: pa.Table) -> RecentTable:
    """The strongest event of each user with each product; of many the latest users and products."""
    if not events.num_rows:
        return RecentTable.of([], [], sparse.csr_array((0, 0), dtype=np.float32))
    weights = pa.array([WEIGHTS.get(kind, 0.0) for kind in events["event_type"].to_pylist()])
    pairs = (
        events.append_column("weight", weights)
        .group_by(["user_id", "product_id"])
        .aggregate([("weight", "max"), ("timestamp", "max")])
        .sort_by([("timestamp_max", "descending"), ("user_id", "ascending"), ("product_id", "ascending")])
        .to_pandas()
    )
    # In the order of time the first of each are the latest.
    latest = pairs["user_id"].drop_duplicates().head(MOST_USERS)
    pairs = pairs[pairs["user_id"].isin(latest)]
    pairs = pairs[pairs.groupby("user_id").cumcount() < MOST_PRODUCTS]
    users, products = pairs["user_id"].astype("category"), pairs["product_id"].astype("category")
    shape = len(users.cat.categories), len(products.cat.categories)
    values = pairs["weight_max"].to_numpy(np.float32)
    taken = sparse.csr_array((values, (users.cat.codes.to_numpy(), products.cat.codes.to_numpy())), shape=shape)
    return RecentTable.of(list(users.cat.categories), list(products.cat.categories), taken)


def rules(lake: Lake) -> Rules:
    """The rules that recommenders obey.

    Raises:
        RulesError: the document is damaged.
    """
    return Rules.read(lake.get("artifacts", RULES))


def shown(lake: Lake, model: ModelArrays) -> Mask | None:
    """By product of a model, whether recommenders may show it; None where that is everything.

    Raises:
        RulesError: the document of rules is damaged.
    """
    stored = lake.get("artifacts", CATALOGUE)
    known = Catalogue.unpacked(stored) if stored else None
    return Assortment.of(known, rules(lake), model.products).shown(EVERYTHING)


def _events(raw: RawLake, batches: Iterable[Batch], since: datetime) -> pa.Table:
    columns = ["user_id", "product_id", "event_type", "timestamp"]
    found = [pa.schema([EVENTS.field(name) for name in columns]).empty_table()]
    for batch in batches:
        for key in raw.parts(batch.name):
            table = raw.lake.get_table("raw", key, columns)
            found.append(table.filter(pc.greater_equal(table["timestamp"], pa.scalar(since))))
    events = pa.concat_tables(found)
    for column in ("user_id", "product_id"):
        events = events.filter(pc.fill_null(pc.greater(pc.utf8_length(events[column]), 0), False))
    return events


def _digest(raw: RawLake, batches: Iterable[Batch]) -> str:
    held = [[batch.name, batch.rows] for batch in batches]
    found = hashlib.sha256(json.dumps([held, [batch.name for batch in raw.deliveries()]]).encode())
    return found.hexdigest()


def _put(lake: Lake, key: str, data: bytes) -> None:
    if lake.get("artifacts", key) != data:
        lake.replace("artifacts", key, data)
