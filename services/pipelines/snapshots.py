"""Snapshots: a training set under the hash of its content, with the batches that it came from."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake import Lake, parquet

_ROWS_PER_PART = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """A batch that a snapshot contains."""

    batch: str
    source: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A training set: `<data_version>/events/*.parquet`, `users.parquet` and `products.parquet` in the curated zone."""

    data_version: str
    """First 16 hex digits of the SHA-256 of the content, whatever files or order it came in."""
    rows: int
    users: int
    products: int
    newest: str
    """Newest event, ISO 8601; empty without events."""
    sources: tuple[Source, ...]


def canonical(events: pa.Table) -> pa.Table:
    """The events in the one order that their content defines: by time, then by id."""
    return events.sort_by([("timestamp", "ascending"), ("event_id", "ascending")])


def content_hash(events: pa.Table, users: pa.Table, products: pa.Table) -> str:
    """The data version of canonical events with their users and products."""
    digest = hashlib.sha256()
    for table in (events, users.sort_by("user_id"), products.sort_by("product_id")):
        for name in table.column_names:
            digest.update(name.encode())
            for part in _bytes(table[name]):
                digest.update(part)
    return digest.hexdigest()[:16]


def _bytes(column: pa.ChunkedArray) -> Iterator[bytes | memoryview]:
    """Buffers that depend on the values only, not on how the table is cut into chunks."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    yield pc.cast(pc.is_valid(array), pa.uint8()).to_numpy(zero_copy_only=False).tobytes()
    if pa.types.is_string(array.type):
        filled = pc.fill_null(array, "")
        _, ends, text = filled.buffers()
        offsets = np.frombuffer(ends, np.int32)[filled.offset : filled.offset + len(filled) + 1]
        yield np.diff(offsets).tobytes()
        yield memoryview(text)[offsets[0] : offsets[-1]] if text is not None and len(filled) else b""
    elif pa.types.is_floating(array.type):
        yield pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False).tobytes()
    else:
        yield pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).tobytes()


def write(lake: Lake, events: pa.Table, users: pa.Table, products: pa.Table, sources: tuple[Source, ...]) -> Snapshot:
    """Write a snapshot; its manifest comes last, so that what has one is complete."""
    events = canonical(events)
    version = content_hash(events, users, products)
    for number, start in enumerate(range(0, max(1, events.num_rows), _ROWS_PER_PART)):
        part = events.slice(start, _ROWS_PER_PART)
        lake.put_table("curated", f"{version}/events/part-{number:04}.parquet", part)
    lake.put_table("curated", f"{version}/users.parquet", users)
    lake.put_table("curated", f"{version}/products.parquet", products)
    newest = pc.max(events["timestamp"]).as_py() if events.num_rows else None
    snapshot = Snapshot(
        data_version=version,
        rows=events.num_rows,
        users=users.num_rows,
        products=products.num_rows,
        newest=newest.isoformat() if newest else "",
        sources=sources,
    )
    lake.put_json("curated", f"{version}/snapshot.json", asdict(snapshot))
    return snapshot


def find(lake: Lake, version: str) -> Snapshot | None:
    """A snapshot's manifest, or None."""
    raw = lake.get("curated", f"{version}/snapshot.json")
    if raw is None:
        return None
    values = json.loads(raw)
    values["sources"] = tuple(Source(**source) for source in values["sources"])
    return Snapshot(**values)


def versions(lake: Lake) -> list[str]:
    """Data versions of all complete snapshots."""
    return [key.split("/")[0] for key in lake.keys("curated", "") if key.endswith("/snapshot.json")]


def events(lake: Lake, version: str, columns: list[str] | None = None) -> pa.Table:
    """A snapshot's events."""
    return pa.concat_tables(lake.get_table("curated", key, columns) for key in parts(lake, version))


def parts(lake: Lake, version: str) -> list[str]:
    """Keys of a snapshot's events."""
    return lake.keys("curated", f"{version}/events/")


def users(lake: Lake, version: str) -> pa.Table:
    """A snapshot's users, masked."""
    return lake.get_table("curated", f"{version}/users.parquet")


def products(lake: Lake, version: str) -> pa.Table:
    """A snapshot's catalogue."""
    return lake.get_table("curated", f"{version}/products.parquet")


def forget(lake: Lake, user_ids: pa.Array) -> int:
    """Remove users from every snapshot, earlier versions included; returns how many events went."""
    gone = 0
    for version in versions(lake):
        for key in [*parts(lake, version), f"{version}/users.parquet"]:
            table = lake.get_table("curated", key)
            kept = table.filter(pc.invert(pc.is_in(table["user_id"], value_set=user_ids)))
            if kept.num_rows < table.num_rows:
                lake.replace("curated", key, parquet(kept))
                gone += (table.num_rows - kept.num_rows) if "/events/" in key else 0
    return gone


def codes(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The distinct values in order, and each row's place among them."""
    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    values = encoded.dictionary
    order = pc.sort_indices(values).to_numpy()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return values.take(pa.array(order)).to_pylist(), place[indices] if len(order) else indices
