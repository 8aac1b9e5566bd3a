"""Ingest: from the inbox and the stream into the raw lake, masked, consented, within retention, counted."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from pipelines import typed
from pipelines.delivered import take_delivered, take_shown
from pipelines.errors import InputError
from pipelines.intake import Intake, put_quarantine
from pipelines.lake import Lake
from pipelines.quarantine import Quarantine, convert
from pipelines.raw import Batch, RawLake
from pipelines.schema import PRODUCTS, USERS, Kind
from pipelines.stream import Stream
from pipelines.tables import NAMES, kind_of, read

INBOX = "inbox/"
"""Files dropped here are taken in by the next run, and then removed: they hold what the lake must not."""
_POSITIONS = "positions.json"


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """The state of the raw lake after ingest."""

    batches: tuple[Batch, ...]
    """Of events."""
    deliveries: tuple[Batch, ...]
    """Of users and products."""
    users: int
    products: int

    @property
    def rows(self) -> int:
        """Events in the raw lake."""
        return sum(batch.rows for batch in self.batches)

    @property
    def personal(self) -> Counter[str]:
        """Personal data that was found, by kind."""
        return sum((Counter(batch.personal) for batch in (*self.batches, *self.deliveries)), Counter[str]())

    @property
    def quarantined(self) -> int:
        """Rows that could not be read."""
        return sum(batch.quarantined for batch in (*self.batches, *self.deliveries))


def ingest(raw: RawLake, stream: Stream, now: datetime, *, assume_consent: bool = False) -> Ingested:
    """Take in what is new; safe to repeat, for the same delivery gets the same name.

    Args:
        assume_consent: treat users without a consent flag, and users that only events name, as consenting. For data
            whose consent was settled elsewhere.

    Raises:
        InputError: a file cannot be read at all; it stays in the inbox until it is rejected.
        GateError: a file would delete more than it may unasked.
    """
    raw.expire(now)
    _inbox(raw, now, assume_consent)
    _stream(raw, stream, now, assume_consent)
    take_delivered(raw, now, assume_consent=assume_consent)
    # Last: by then it is known who consents.
    take_shown(raw, now)
    return Ingested(
        batches=raw.batches(),
        deliveries=raw.deliveries(),
        users=raw.users().num_rows,
        products=raw.products().num_rows,
    )


def drop_files(lake: Lake, files: list[Path]) -> list[str]:
    """Put files into the inbox.

    Raises:
        InputError: a name that says neither users, products nor events, or content that cannot be read at all.
    """
    for path in files:
        kind = kind_of(path.name)
        if kind is None or not path.is_file():
            raise InputError(f"{path} is no file of ours: it must exist, and {NAMES}.")
        next(read(path, kind, Quarantine()), None)
    keys = []
    for path in files:
        keys.append(lake.upload("raw", f"{INBOX}{_digest(path)[:16]}/{path.name}", path))
    return keys


def _inbox(raw: RawLake, now: datetime, assume_consent: bool) -> None:
    order = {"users": 0, "products": 1, "events": 2}
    found = [(kind, key) for key in raw.lake.keys("raw", INBOX) if (kind := kind_of(key)) is not None]
    # Users first: events are taken in by their consent.
    for kind, key in sorted(found, key=lambda item: (order[item[0]], item[1])):
        with TemporaryDirectory(prefix="ingest-") as folder:
            path = raw.lake.download("raw", key, Path(folder) / Path(key).name)
            digest = _digest(path)
            name, source = f"{'file' if kind == 'events' else kind}-{digest[:16]}", f"{path.name} sha256:{digest}"
            if kind == "events":
                bad = Quarantine()
                with Intake(raw, name, now, assume_consent=assume_consent) as intake:
                    for chunk in read(path, kind, bad):
                        intake.add(chunk)
                    intake.finish(source, bad)
            else:
                _reference(raw, kind, path, name, source, now)
        raw.lake.delete("raw", key)


def _reference(raw: RawLake, kind: Kind, path: Path, name: str, source: str, now: datetime) -> None:
    bad = Quarantine()
    chunks = [part for chunk in read(path, kind, bad) for part in convert(chunk, _conversion(raw, kind), bad)]
    rows = pa.concat_tables([(USERS if kind == "users" else PRODUCTS).empty_table(), *chunks])
    if kind == "users":
        raw.put_users(rows, path.name, now)
    else:
        raw.put_products(rows)
    put_quarantine(raw.lake, name, bad)
    raw.put_batch(
        Batch(
            name=name,
            source=source,
            rows=rows.num_rows,
            quarantined=bad.count,
            ingested=now.isoformat(),
            kind=kind,
            reasons=dict(bad.reasons),
            personal=dict(bad.personal),
        )
    )


def _conversion(raw: RawLake, kind: Kind) -> Callable[[pa.Table, Quarantine], pa.Table]:
    if kind == "products":
        return typed.products
    return partial(typed.users, masker=raw.masker)


def _stream(raw: RawLake, stream: Stream, now: datetime, assume_consent: bool) -> None:
    stored = json.loads(raw.lake.get("raw", _POSITIONS) or b"{}")
    bad = Quarantine()
    new = stream.read(stored, bad)
    if not new.span:
        return
    name = f"stream-{hashlib.sha256(new.span.encode()).hexdigest()[:16]}"
    with Intake(raw, name, now, assume_consent=assume_consent) as intake:
        intake.add(new.events)
        intake.finish(f"{stream.name} {new.span}", bad)
    # Last: a run that dies before reads the same records again, into the same batch.
    raw.lake.put_json("raw", _POSITIONS, new.positions)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
