"""Impressions in the lake: what each answer showed, by hour, of users who consent, for as long as it is judged by.

`impressions/dt=<day>/<hour>.parquet` in the raw zone, one row an answer, products in the order of their positions.
"""

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipelines.lake import Lake, parquet
from pipelines.schema import TIMESTAMP
from recommender.impressions import IMPRESSIONS as LANDED

STORED = "impressions/"
SCHEMA = pa.schema(
    [
        ("request", pa.string()),
        ("timestamp", TIMESTAMP),
        ("user_id", pa.string()),
        ("version", pa.string()),
        ("arm", pa.string()),
        ("mode", pa.string()),
        ("trial", pa.string()),
        ("percent", pa.float64()),
        ("products", pa.list_(pa.string())),
    ]
)


_AT_ONCE = 50
"""Objects held in memory together: a loop that did not run for days finds very many."""


class _Row(BaseModel):
    """A line that the recommender wrote."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    request: str = Field(max_length=300)
    at: float = Field(ge=0, lt=2**33)
    user: str = Field(pattern=r"^u-[0-9a-f]{32}$")
    version: str
    arm: str
    mode: str
    trial: str
    percent: float
    products: list[str] = Field(max_length=1_000)


_ROW = TypeAdapter(_Row)


def landed(lake: Lake) -> Iterator[tuple[list[str], pa.Table, int]]:
    """What the recommender has written since, some objects at a time: keys, rows, and how many lines are none."""
    keys = lake.keys("raw", LANDED)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        rows: list[_Row] = []
        unreadable = 0
        for key in some:
            found, bad = _lines(lake.get("raw", key) or b"")
            rows += found
            unreadable += bad
        yield some, _table(rows), unreadable


def store(lake: Lake, table: pa.Table) -> None:
    """Add rows to the files of their hours; an answer that is there already is not added again."""
    hours = pc.strftime(table["timestamp"], "dt=%Y-%m-%d/%H")
    for hour in sorted(pc.unique(hours).to_pylist()):
        key = f"{STORED}{hour}.parquet"
        fresh = table.filter(pc.equal(hours, hour))
        if lake.keys("raw", key):
            before = lake.get_table("raw", key)
            fresh = pa.concat_tables([before, fresh.filter(pc.invert(pc.is_in(_name(fresh), value_set=_name(before))))])
        lake.replace("raw", key, parquet(fresh))


def since(lake: Lake, moment: datetime, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """What was shown from the hour of a moment on, hour by hour."""
    first = _place(moment.astimezone(UTC))
    for key in lake.keys("raw", STORED):
        if key >= first:
            yield lake.get_table("raw", key, columns)


def forget(lake: Lake, users: pa.Array) -> int:
    """Remove what users were shown, earlier versions included; returns how many answers went."""
    gone = 0
    for key in lake.keys("raw", STORED) if len(users) else ():
        table = lake.get_table("raw", key)
        kept = table.filter(pc.invert(pc.is_in(table["user_id"], value_set=users)))
        if kept.num_rows < table.num_rows:
            lake.replace("raw", key, parquet(kept))
            gone += table.num_rows - kept.num_rows
    return gone


def expire(lake: Lake, oldest: datetime) -> int:
    """Delete the hours before a moment; returns how many objects went."""
    return lake.delete("raw", *(key for key in lake.keys("raw", STORED) if key < _place(oldest.astimezone(UTC))))


def _lines(data: bytes) -> tuple[list[_Row], int]:
    """The rows of an object, and how many lines are none."""
    try:
        lines = gzip.decompress(data).splitlines()
    except (EOFError, OSError, zlib.error):
        return [], 1
    rows, bad = [], 0
    for line in lines:
        try:
            # Half of a character passes JSON and breaks Arrow.
            rows.append(_ROW.validate_json(line.decode("utf-8")))
        except (ValidationError, UnicodeError):
            bad += 1
    return rows, bad


def _table(rows: list[_Row]) -> pa.Table:
    columns = {
        "request": [row.request for row in rows],
        "timestamp": [datetime.fromtimestamp(row.at, UTC) for row in rows],
        "user_id": [row.user for row in rows],
        **{name: [getattr(row, name) for row in rows] for name in SCHEMA.names[3:]},
    }
    return pa.table(columns, schema=SCHEMA)


def _name(table: pa.Table) -> pa.Array:
    """What tells answers apart: a shadow's has the name of the one that was shown."""
    return pc.binary_join_element_wise(table["request"], table["arm"], " ").combine_chunks()


def _place(moment: datetime) -> str:
    return f"{STORED}dt={moment:%Y-%m-%d/%H}.parquet"
