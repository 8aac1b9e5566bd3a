"""Intake: one delivery of events into the raw lake, part by part, with an account of every row."""

import json
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import typed
from pipelines.errors import LoopError
from pipelines.lake import Lake
from pipelines.personal import shape
from pipelines.quarantine import Quarantine, convert
from pipelines.raw import Batch, RawLake


class Intake:
    """Writes one batch part by part; what it wrote goes again unless it is finished."""

    def __init__(
        self, raw: RawLake, name: str, now: datetime, *, assume_consent: bool, known: pa.ChunkedArray | None = None
    ) -> None:
        self._raw, self._name, self._now, self._assume = raw, name, now, assume_consent
        self._known = pa.chunked_array([], pa.string()) if known is None else known
        self._consenting = raw.consenting()
        self._parts = self._read = self._rows = self._refused = self._expired = self._erased = self._repeated = 0
        self._bad = Quarantine()
        self._newest = self._oldest = ""

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            # Parts that no manifest names would be found by nobody who forgets a user.
            self._raw.lake.delete_below("raw", f"events/{self._name}/")

    def add(self, chunk: pa.Table) -> None:
        """Take in a chunk of columns as they were delivered."""
        self._read += chunk.num_rows
        conversion = partial(typed.events, masker=self._raw.masker, now=self._now)
        for events in convert(chunk, conversion, self._bad):
            self._keep(events)

    def _keep(self, events: pa.Table) -> None:
        if len(self._known):
            fresh = events.filter(pc.invert(pc.is_in(events["event_id"], value_set=self._known)))
            self._repeated += events.num_rows - fresh.num_rows
            events = fresh
        allowed = self._raw.erasures.allowed(events["user_id"])
        self._erased += events.num_rows - pc.sum(allowed).as_py() if events.num_rows else 0
        events = events.filter(allowed)
        if self._assume:
            self._raw.assume_consent(pc.unique(events["user_id"]).drop_null())
            self._consenting = self._raw.consenting()
        # A missing user id is a flaw for validation to count, not a refusal.
        permitted = pc.is_in(events["user_id"], value_set=self._consenting)
        kept = events.filter(pc.or_(permitted, pc.is_null(events["user_id"])))
        self._refused += events.num_rows - kept.num_rows
        events = kept
        kept = events.filter(pc.greater_equal(events["timestamp"], pa.scalar(self._raw.rules.oldest(self._now))))
        self._expired += events.num_rows - kept.num_rows
        if not kept.num_rows:
            return
        self._raw.lake.put_table("raw", f"events/{self._name}/part-{self._parts:04}.parquet", kept)
        self._parts += 1
        self._rows += kept.num_rows
        span = pc.min_max(kept["timestamp"]).as_py()
        self._newest = max(self._newest, span["max"].astimezone(UTC).isoformat())
        self._oldest = min(filter(None, (self._oldest, span["min"].astimezone(UTC).isoformat())))

    def finish(self, source: str, unreadable: Quarantine) -> None:
        """Write what was put aside, then the manifest.

        Args:
            unreadable: what the reader had put aside before.

        Raises:
            LoopError: rows that were read are neither in the batch nor put aside.
        """
        batch = Batch(
            name=self._name,
            source=source,
            rows=self._rows,
            quarantined=self._bad.count + unreadable.count,
            without_consent=self._refused,
            expired=self._expired,
            erased=self._erased,
            repeated=self._repeated,
            newest=self._newest,
            oldest=self._oldest,
            ingested=self._now.isoformat(),
            reasons=dict(self._bad.reasons + unreadable.reasons),
            personal=dict(self._bad.personal),
        )
        delivered = self._read + unreadable.count
        if batch.delivered != delivered:
            raise LoopError(
                f"{source}: of {delivered} rows {batch.delivered} are accounted for. Nothing is taken in: report it."
            )
        unreadable.take(self._bad)
        put_quarantine(self._raw.lake, self._name, unreadable)
        self._raw.put_batch(batch)


def put_quarantine(lake: Lake, name: str, bad: Quarantine) -> None:
    """Keep the shape of rows that could not be read: where the user's id stands in them nobody knows."""
    if bad.count:
        lines = [json.dumps({"reason": reason, "row": shape(row)}, ensure_ascii=False) for reason, row in bad.rows]
        lake.put("raw", f"quarantine/{name}.jsonl", ("\n".join(lines) + "\n").encode())
