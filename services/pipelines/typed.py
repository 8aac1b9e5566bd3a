"""From strings to the types of the lake. What cannot be converted is put aside, and nothing is guessed."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy import Masker
from pipelines.schema import EVENTS, PRODUCTS, TIMESTAMP, UNKNOWN, USERS
from pipelines.tables import Quarantine

_TRUE = pa.array(["true", "t", "yes", "y", "1"])
_EPOCH = r"^-?\d{9,16}(\.\d+)?$"


def events(chunk: pa.Table, bad: Quarantine) -> pa.Table:
    """Events with the lake's columns. Rows whose timestamp cannot be read go to quarantine.

    An event without an id gets one from its content, so that the same row given twice stays one event.
    """
    given = _strings(chunk, "timestamp") if not pa.types.is_timestamp(chunk.schema.field("timestamp").type) else None
    moments = _moments(given) if given is not None else chunk["timestamp"].cast(TIMESTAMP)
    if moments.null_count:
        readable = pc.is_valid(moments)
        bad.add_rows("timestamp cannot be read", chunk.filter(pc.invert(readable)))
        chunk, moments = chunk.filter(readable), moments.filter(readable)
    columns = {name: _strings(chunk, name) for name in ("user_id", "product_id")}
    columns["event_type"] = pc.utf8_lower(_strings(chunk, "event_type"))
    columns["timestamp"] = moments
    made = _made_ids(columns)
    columns["event_id"] = pc.coalesce(_strings(chunk, "event_id"), made) if "event_id" in chunk.column_names else made
    return pa.table({name: columns[name] for name in EVENTS.names}, schema=EVENTS)


def users(chunk: pa.Table, masker: Masker, *, consent_by_default: bool) -> pa.Table:
    """Users with the lake's columns: the e-mail address is masked here, before anything is written."""
    return pa.table(
        {
            "user_id": _strings(chunk, "user_id"),
            "email_hash": masker.column(_strings(chunk, "email")),
            "age_band": pc.fill_null(_strings(chunk, "age_band"), UNKNOWN),
            "consent": _consent(chunk, consent_by_default),
        },
        schema=USERS,
    )


def products(chunk: pa.Table) -> pa.Table:
    """Products with the lake's columns; a price that is no number is null."""
    identifiers = _strings(chunk, "product_id")
    return pa.table(
        {
            "product_id": identifiers,
            "name": pc.coalesce(_strings(chunk, "name"), identifiers),
            "category": pc.fill_null(_strings(chunk, "category"), UNKNOWN),
            "price": _numbers(chunk, "price"),
        },
        schema=PRODUCTS,
    )


def _strings(chunk: pa.Table, name: str) -> pa.ChunkedArray:
    """A column as trimmed strings; the empty string means missing, and so does a missing column."""
    if name not in chunk.column_names:
        return pa.chunked_array([pa.nulls(chunk.num_rows, pa.string())])
    trimmed = pc.utf8_trim_whitespace(chunk[name].cast(pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _numbers(chunk: pa.Table, name: str) -> pa.Array:
    if name not in chunk.column_names:
        return pa.nulls(chunk.num_rows, pa.float64())
    values = pd.to_numeric(chunk[name].to_pandas(), errors="coerce").to_numpy(np.float64)
    return pa.array(np.where(np.isfinite(values), values, np.nan), from_pandas=True)


def _consent(chunk: pa.Table, by_default: bool) -> pa.ChunkedArray:
    if "consent" in chunk.column_names and pa.types.is_boolean(chunk.schema.field("consent").type):
        return pc.fill_null(chunk["consent"], by_default)
    given = pc.utf8_lower(_strings(chunk, "consent"))
    return pc.if_else(pc.is_null(given), by_default, pc.is_in(given, value_set=_TRUE))


def _moments(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601, or seconds, milliseconds or microseconds since 1970; without a zone it is UTC; null if unreadable."""
    texts = values.to_pandas()
    moments = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    numeric = texts.str.match(_EPOCH, na=False)
    if numeric.any():
        numbers = texts[numeric].astype(float)
        # 1e11 seconds is the year 5138, and 1e14 milliseconds likewise: the size tells the unit.
        scale = np.select([numbers.abs() < 1e11, numbers.abs() < 1e14], [1e6, 1e3], 1.0)
        moments[numeric] = pd.to_datetime((numbers * scale).round().astype("int64"), unit="us", utc=True)
    return pa.chunked_array([pa.array(moments, from_pandas=True).cast(TIMESTAMP, safe=False)])


def _made_ids(columns: dict[str, pa.ChunkedArray]) -> pa.Array:
    frame = pd.DataFrame({name: column.to_pandas() for name, column in columns.items()})
    return pc.binary_join_element_wise(
        "h", pc.cast(pa.array(pd.util.hash_pandas_object(frame, index=False)), pa.string()), ""
    )
