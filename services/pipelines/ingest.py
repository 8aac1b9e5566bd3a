"""Ingest: from the inbox and the stream into the raw lake, masked, consented, within retention, counted."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import typed
from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.privacy import without_emails
from pipelines.raw import Batch, RawLake
from pipelines.schema import PRODUCTS, USERS
from pipelines.stream import Stream
from pipelines.tables import Quarantine, kind_of, read

INBOX = "inbox/"
"""Files dropped here are taken in by the next run, and then removed: they hold what the lake must not."""
_POSITIONS = "positions.json"


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """The state of the raw lake after ingest."""

    batches: tuple[Batch, ...]
    users: int
    products: int

    @property
    def rows(self) -> int:
        """Events in the raw lake."""
        return sum(batch.rows for batch in self.batches)

    @property
    def quarantined(self) -> int:
        """Rows that could not be read."""
        return sum(batch.quarantined for batch in self.batches)


def ingest(raw: RawLake, stream: Stream, now: datetime, *, assume_consent: bool = False) -> Ingested:
    """Take in what is new; safe to repeat, for the same delivery gets the same name.

    Args:
        assume_consent: treat users without a consent flag, and users that only events name, as consenting. For data
            whose consent was settled elsewhere.

    Raises:
        InputError: a file cannot be read at all; it stays in the inbox until it is rejected.
    """
    _expire(raw, now)
    _inbox(raw, now, assume_consent)
    _stream(raw, stream, now, assume_consent)
    return Ingested(batches=raw.batches(), users=raw.users().num_rows, products=raw.products().num_rows)


def drop_files(lake: Lake, files: list[Path]) -> list[str]:
    """Put files into the inbox.

    Raises:
        InputError: a name that says neither users, products nor events, or content that cannot be read at all.
    """
    for path in files:
        kind = kind_of(path.name)
        if kind is None or not path.is_file():
            raise InputError(
                f"{path} is no file of ours: it must exist, its name must start with users, products or events and "
                "end in .csv or .parquet."
            )
        next(read(path, kind, Quarantine()), None)
    keys = []
    for path in files:
        keys.append(lake.upload("raw", f"{INBOX}{_digest(path)[:16]}/{path.name}", path))
    return keys


def _expire(raw: RawLake, now: datetime) -> None:
    oldest = raw.rules.oldest(now).isoformat()
    for batch in raw.batches():
        if batch.newest and batch.newest < oldest:
            raw.drop(batch.name)


def _inbox(raw: RawLake, now: datetime, assume_consent: bool) -> None:
    order = {"users": 0, "products": 1, "events": 2}
    found = [(kind, key) for key in raw.lake.keys("raw", INBOX) if (kind := kind_of(key)) is not None]
    # Users first: events are taken in by their consent.
    for kind, key in sorted(found, key=lambda item: (order[item[0]], item[1])):
        with TemporaryDirectory(prefix="ingest-") as folder:
            path = raw.lake.download("raw", key, Path(folder) / Path(key).name)
            bad = Quarantine()
            digest = _digest(path)
            if kind == "events":
                intake = _Intake(raw, f"file-{digest[:16]}", now, assume_consent)
                for chunk in read(path, kind, bad):
                    intake.add(typed.events(chunk, bad))
                intake.finish(f"{path.name} sha256:{digest}", bad)
            else:
                _reference(raw, kind, path, bad, assume_consent)
                _put_quarantine(raw.lake, f"{kind}-{digest[:16]}", bad)
        raw.lake.delete("raw", key)


def _reference(raw: RawLake, kind: str, path: Path, bad: Quarantine, assume_consent: bool) -> None:
    if kind == "users":
        chunks = [
            typed.users(chunk, raw.masker, consent_by_default=assume_consent) for chunk in read(path, "users", bad)
        ]
        users = pa.concat_tables(chunks) if chunks else USERS.empty_table()
        raw.put_users(users.filter(pc.is_valid(users["user_id"])))
    else:
        chunks = [typed.products(chunk) for chunk in read(path, "products", bad)]
        products = pa.concat_tables(chunks) if chunks else PRODUCTS.empty_table()
        raw.put_products(products.filter(pc.is_valid(products["product_id"])))


def _stream(raw: RawLake, stream: Stream, now: datetime, assume_consent: bool) -> None:
    stored = json.loads(raw.lake.get("raw", _POSITIONS) or b"{}")
    bad = Quarantine()
    new = stream.read(stored, bad)
    if not new.span:
        return
    intake = _Intake(raw, f"stream-{hashlib.sha256(new.span.encode()).hexdigest()[:16]}", now, assume_consent)
    intake.add(typed.events(new.events, bad))
    intake.finish(f"{stream.name} {new.span}", bad)
    # Last: a run that dies before reads the same records again, into the same batch.
    raw.lake.put_json("raw", _POSITIONS, new.positions)


class _Intake:
    """Writes one batch part by part."""

    def __init__(self, raw: RawLake, name: str, now: datetime, assume_consent: bool) -> None:
        self._raw, self._name, self._now, self._assume = raw, name, now, assume_consent
        self._consenting = raw.consenting()
        self._parts = self._rows = self._refused = self._expired = self._erased = 0
        self._newest = ""

    def add(self, events: pa.Table) -> None:
        """Take in a chunk."""
        allowed = self._raw.erasures.allowed(events["user_id"])
        self._erased += events.num_rows - pc.sum(allowed).as_py() if events.num_rows else 0
        events = events.filter(allowed)
        if self._assume:
            self._know_users(events)
        else:
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
        self._newest = max(self._newest, pc.max(kept["timestamp"]).as_py().astimezone(UTC).isoformat())

    def _know_users(self, events: pa.Table) -> None:
        named = pc.unique(events["user_id"]).drop_null()
        strangers = named.filter(pc.invert(pc.is_in(named, value_set=self._raw.users()["user_id"].combine_chunks())))
        if len(strangers):
            chunk = pa.table({"user_id": strangers})
            self._raw.put_users(typed.users(chunk, self._raw.masker, consent_by_default=True))

    def finish(self, source: str, bad: Quarantine) -> None:
        """Write what was put aside, then the manifest."""
        _put_quarantine(self._raw.lake, self._name, bad)
        self._raw.put_batch(
            Batch(
                name=self._name,
                source=source,
                rows=self._rows,
                quarantined=bad.count,
                without_consent=self._refused,
                expired=self._expired,
                erased=self._erased,
                newest=self._newest,
                ingested=self._now.isoformat(),
            )
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_quarantine(lake: Lake, name: str, bad: Quarantine) -> None:
    if bad.count:
        lines = [
            json.dumps({"reason": reason, "row": without_emails(row)}, ensure_ascii=False) for reason, row in bad.rows
        ]
        lake.put("raw", f"quarantine/{name}.jsonl", ("\n".join(lines) + "\n").encode())
