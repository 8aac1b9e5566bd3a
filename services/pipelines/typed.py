"""From strings to the types of the lake. What cannot be converted is put aside, and nothing is guessed."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.personal import column, personal
from pipelines.privacy import Masker
from pipelines.quarantine import Quarantine
from pipelines.schema import EVENTS, PRODUCTS, TIMESTAMP, USERS
from pipelines.words import NO, NOTHING, YES

_CLOCK_SKEW = timedelta(days=1)
"""How far ahead a clock may be, or a zone that was left out may put it."""
_EPOCHS = {9: 1e6, 10: 1e6, 13: 1e3, 16: 1.0, 19: 1e-3}
"""Microseconds in the unit of a moment since 1970, by its digits. Twelve may as well be a date up to its minute."""
_COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
"""Dates without separators, by their digits: as moments since 1970 they would lie past 2286, or before 1971."""


def events(chunk: pa.Table, bad: Quarantine, *, masker: Masker, now: datetime) -> pa.Table:
    """Events with the lake's columns, users as pseudonyms.

    Rows whose timestamp cannot be read, or has not come yet, and whose product is personal data go to quarantine. An
    event without an id gets one from its content, so that the same row given twice stays one event.
    """
    chunk = _impersonal(chunk, "product_id", bad)
    given = chunk["timestamp"]
    moments = given.cast(TIMESTAMP) if pa.types.is_timestamp(given.type) else _moments(_strings(chunk, "timestamp"))
    ahead = pc.fill_null(pc.greater(moments, pa.scalar(now + _CLOCK_SKEW, TIMESTAMP)), False)
    for reason, rows in (("timestamp cannot be read", pc.is_null(moments)), ("timestamp lies in the future", ahead)):
        if pc.any(rows).as_py():
            bad.add_rows(reason, chunk.filter(rows))
    kept = pc.and_(pc.is_valid(moments), pc.invert(ahead))
    chunk, moments = chunk.filter(kept), moments.filter(kept)
    columns = {
        "user_id": _users(chunk, bad, masker),
        "product_id": _strings(chunk, "product_id"),
        "event_type": column(pc.utf8_lower(_strings(chunk, "event_type")), bad.personal),
        "timestamp": moments,
    }
    made = _made_ids(columns)
    given = "event_id" in chunk.column_names
    columns["event_id"] = pc.coalesce(masker.events(_strings(chunk, "event_id")), made) if given else made
    return pa.table({name: columns[name] for name in EVENTS.names}, schema=EVENTS)


def users(chunk: pa.Table, bad: Quarantine, *, masker: Masker) -> pa.Table:
    """Users with the lake's columns, null where nothing is said: that leaves what is known as it is.

    Ids become pseudonyms and addresses are masked here, before anything is written. Rows without an id, and rows whose
    consent is neither yes nor no, go to quarantine.
    """
    chunk = _with_id(chunk, "user_id", bad)
    given = pc.utf8_lower(_strings(chunk, "consent"))
    consents = pc.is_in(given, value_set=YES)
    unclear = pc.and_(pc.is_valid(given), pc.invert(pc.or_(consents, pc.is_in(given, value_set=NO))))
    if pc.any(unclear).as_py():
        bad.add_rows("consent is neither yes nor no", chunk.filter(unclear))
    columns = {
        "user_id": _users(chunk, bad, masker),
        "email_hash": masker.column(_strings(chunk, "email")),
        "age_band": column(_strings(chunk, "age_band"), bad.personal),
        "consent": pc.if_else(pc.is_null(given), None, consents),
    }
    return pa.table(columns, schema=USERS).filter(pc.invert(unclear))


def products(chunk: pa.Table, bad: Quarantine) -> pa.Table:
    """Products with the lake's columns, null where nothing is said; a price that is no number is null.

    Personal data in texts is masked. Rows without an id, or with one that is personal data, go to quarantine.
    """
    chunk = _impersonal(_with_id(chunk, "product_id", bad), "product_id", bad)
    texts = {name: column(_strings(chunk, name), bad.personal) for name in ("name", "category")}
    return pa.table(
        {"product_id": _strings(chunk, "product_id"), **texts, "price": _numbers(chunk, "price")}, schema=PRODUCTS
    )


def _with_id(chunk: pa.Table, name: str, bad: Quarantine) -> pa.Table:
    present = pc.is_valid(_strings(chunk, name))
    if not pc.all(present).as_py():
        bad.add_rows(f"no {name}", chunk.filter(pc.invert(present)))
    return chunk.filter(present)


def _impersonal(chunk: pa.Table, name: str, bad: Quarantine) -> pa.Table:
    hits = personal(_strings(chunk, name), bad.personal)
    if not pc.any(hits).as_py():
        return chunk
    bad.add_rows(f"{name} holds personal data", chunk.filter(hits))
    return chunk.filter(pc.invert(hits))


def _users(chunk: pa.Table, bad: Quarantine, masker: Masker) -> pa.ChunkedArray:
    given = _strings(chunk, "user_id")
    # What it was is counted; what becomes of it is the same for every id.
    personal(given, bad.personal)
    return masker.users(given)


def _strings(chunk: pa.Table, name: str) -> pa.ChunkedArray:
    """A column as trimmed strings; words for nothing mean missing, and so does a missing column."""
    if name not in chunk.column_names:
        return pa.chunked_array([pa.nulls(chunk.num_rows, pa.string())])
    values = chunk[name]
    if pa.types.is_floating(values.type):
        # A column of numbers with gaps comes as floats, which would be written 1.7951688e+09.
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.fill_null(pc.equal(pc.floor(values), values), True)
        values = values.cast(pa.int64()) if pc.all(whole).as_py() else values
    trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.if_else(pc.is_in(trimmed, value_set=NOTHING), None, trimmed)


def _numbers(chunk: pa.Table, name: str) -> pa.Array:
    if name not in chunk.column_names:
        return pa.nulls(chunk.num_rows, pa.float64())
    values = pd.to_numeric(chunk[name].to_pandas(), errors="coerce").to_numpy(np.float64)
    return pa.array(np.where(np.isfinite(values), values, np.nan), from_pandas=True)


def _moments(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601, or a moment since 1970 in seconds to nanoseconds; without a zone it is UTC; null if unreadable."""
    texts = values.to_pandas()
    bare = pc.fill_null(pc.match_substring_regex(values, r"^-?\d+(\.\d*)?$"), False).to_pandas()
    moments = _iso(texts.mask(bare))
    odd = moments.isna() & texts.notna() & ~bare
    if odd.any():
        # 2026-11-20 10:00:00 UTC, and decimals after a comma as logs have them.
        plain = texts[odd].str.replace(r"(?i)\s*(utc|gmt)$", "Z", regex=True).str.replace(r",(?=\d+)", ".", regex=True)
        moments[odd] = _iso(plain)
    if bare.any():
        moments[bare] = _digits(texts[bare])
    return pa.chunked_array([pa.array(moments, from_pandas=True).cast(TIMESTAMP, safe=False)])


def _iso(texts: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")


def _digits(texts: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Moments that are written as digits only; how many there are tells the unit."""
    found = pd.Series(pd.NaT, texts.index, "datetime64[ns, UTC]")
    digits = texts.str.split(".").str[0].str.len().mask(texts.str.startswith("-"), 0)
    for length, unit in _EPOCHS.items():
        chosen = texts[digits == length]
        microseconds = (chosen.astype(float) * unit).round().astype("int64")
        found[chosen.index] = pd.to_datetime(microseconds, unit="us", utc=True, errors="coerce")
    for length, form in _COMPACT.items():
        chosen = texts[digits == length]
        found[chosen.index] = pd.to_datetime(chosen, format=form, utc=True, errors="coerce")
    return found


def _made_ids(columns: dict[str, pa.ChunkedArray]) -> pa.Array:
    frame = pd.DataFrame({name: column.to_pandas() for name, column in columns.items()})
    return pc.binary_join_element_wise(
        "h", pc.cast(pa.array(pd.util.hash_pandas_object(frame, index=False)), pa.string()), ""
    )
