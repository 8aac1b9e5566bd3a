"""Delivered: what others put into the raw bucket as it came, taken into the lake as everything else is, and removed.

Firehose delivers events, the recommender what it showed. The stream is read first, and forgets after a day or so. What
was delivered is there for longer, so that a loop that did not run misses nothing; and it is nobody's data yet: not
masked, without consent, in no batch.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import impressions
from pipelines.intake import Intake
from pipelines.quarantine import Quarantine
from pipelines.raw import RawLake
from pipelines.stream import FIELDS, row
from recommender.impressions import LANDING

PREFIXES = ("delivered/", "events/dt=")
"""Where deliveries lie, and where they lay before they had a place of their own."""
_ROWS = 100_000


def take_delivered(raw: RawLake, now: datetime, *, assume_consent: bool) -> None:
    """Take in every object that was delivered; one line is one record, and each is accounted for."""
    keys = [key for prefix in PREFIXES for key in raw.lake.keys("raw", prefix) if not key.startswith(LANDING)]
    for key in keys:
        bad = Quarantine()
        name = f"delivered-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        with Intake(raw, name, now, assume_consent=assume_consent, known=_known(raw, name)) as intake:
            for chunk in _chunks(raw.lake.need("raw", key), bad):
                intake.add(chunk)
            intake.finish(key, bad)
        raw.lake.delete("raw", key)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Where the impressions went that had landed; each is in one of these numbers."""

    kept: int = 0
    without_consent: int = 0
    """Of users who do not consent, or whom nobody knows."""
    erased: int = 0
    expired: int = 0
    """Too old to be kept, or of a time that has not come."""
    unreadable: int = 0

    def __add__(self, other: "Shown") -> "Shown":
        return Shown(**{name: count + getattr(other, name) for name, count in vars(self).items()})


def take_shown(raw: RawLake, now: datetime) -> Shown:
    """Take in what the recommender showed since; an answer has a name, so that this is safe to repeat."""
    first, last = pa.scalar(raw.rules.oldest_shown(now)), pa.scalar(now + raw.rules.grain)
    taken = Shown()
    for keys, shown, unreadable in impressions.landed(raw.lake):
        allowed = shown.filter(raw.erasures.allowed(shown["user_id"]))
        consenting = allowed.filter(pc.is_in(allowed["user_id"], value_set=raw.consenting()))
        moments = consenting["timestamp"]
        kept = consenting.filter(pc.and_(pc.greater_equal(moments, first), pc.less_equal(moments, last)))
        impressions.store(raw.lake, kept)
        raw.lake.delete("raw", *keys)
        taken += Shown(
            kept=kept.num_rows,
            without_consent=allowed.num_rows - consenting.num_rows,
            erased=shown.num_rows - allowed.num_rows,
            expired=consenting.num_rows - kept.num_rows,
            unreadable=unreadable,
        )
    return taken


def _known(raw: RawLake, name: str) -> pa.ChunkedArray:
    """Ids of the events that the stream has brought, or an earlier delivery."""
    batches = [batch.name for batch in raw.batches() if batch.name.startswith(("stream-", "delivered-"))]
    keys = [key for batch in batches if batch != name for key in raw.parts(batch)]
    tables = [raw.lake.get_table("raw", key, ["event_id"])["event_id"] for key in keys]
    return pa.chunked_array([chunk for table in tables for chunk in table.chunks], pa.string())


def _chunks(data: bytes, bad: Quarantine) -> Iterator[pa.Table]:
    rows: list[dict[str, str | None]] = []
    for line in _lines(data, bad):
        if line.strip() and (found := row(line, bad)) is not None:
            rows.append(found)
        if len(rows) >= _ROWS:
            yield _table(rows)
            rows = []
    yield _table(rows)


def _lines(data: bytes, bad: Quarantine) -> Iterator[bytes]:
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error):
            bad.add("a delivered object that is damaged, or cut off", "")
            return
    yield from data.split(b"\n")


def _table(rows: list[dict[str, str | None]]) -> pa.Table:
    return pa.table({name: pa.array([found[name] for found in rows], pa.string()) for name in FIELDS})
