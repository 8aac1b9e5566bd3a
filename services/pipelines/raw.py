"""The raw lake: batches of events, users and the catalogue, and what it takes to forget somebody."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import impressions
from pipelines.errors import GateError
from pipelines.lake import Lake, parquet
from pipelines.privacy import Erasures, Masker, PrivacyRules
from pipelines.schema import PRODUCTS, UNKNOWN, USERS, Kind

_USERS, _PRODUCTS = "users.parquet", "products.parquet"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One delivery; the parts of events are `events/<name>/*.parquet`. What was delivered went one of six ways."""

    name: str
    source: str
    """File name and SHA-256, or the stream's shards and sequence numbers."""
    rows: int
    quarantined: int
    without_consent: int = 0
    expired: int = 0
    erased: int = 0
    repeated: int = 0
    """Events that another batch had brought."""
    newest: str = ""
    """ISO 8601; empty where the batch has no rows."""
    oldest: str = ""
    """The same."""
    ingested: str
    kind: Kind = "events"
    reasons: dict[str, int] = field(default_factory=dict)
    """Why rows were put aside, and how many."""
    personal: dict[str, int] = field(default_factory=dict)
    """Personal data that was found, and masked or put aside, by kind."""

    @property
    def delivered(self) -> int:
        """Rows that the delivery had."""
        return self.rows + self.quarantined + self.without_consent + self.expired + self.erased + self.repeated


class RawLake:
    """What the raw bucket holds, by name."""

    def __init__(self, lake: Lake, masker: Masker, rules: PrivacyRules) -> None:
        self.lake = lake
        self.masker = masker
        self.rules = rules
        self.erasures = Erasures(lake)

    def users(self) -> pa.Table:
        """All users, masked. Consent is null where nobody said anything, which is none."""
        return _filled(self._table(_USERS, USERS), "age_band")

    def products(self) -> pa.Table:
        """The catalogue."""
        return named(self._table(_PRODUCTS, PRODUCTS))

    def _table(self, key: str, schema: pa.Schema) -> pa.Table:
        return self.lake.get_table("raw", key) if self.lake.keys("raw", key) else schema.empty_table()

    def batches(self) -> tuple[Batch, ...]:
        """Every batch of events, in the order of arrival."""
        return self._manifests("batches/")

    def deliveries(self) -> tuple[Batch, ...]:
        """Every file of users and of products, in the order of arrival."""
        return self._manifests("deliveries/")

    def _manifests(self, prefix: str) -> tuple[Batch, ...]:
        found = [Batch(**json.loads(self.lake.need("raw", key))) for key in self.lake.keys("raw", prefix)]
        return tuple(sorted(found, key=lambda batch: (batch.ingested, batch.name)))

    def parts(self, batch: str) -> list[str]:
        """Keys of a batch's tables."""
        return self.lake.keys("raw", f"events/{batch}/")

    def drop(self, batch: str) -> int:
        """Remove a batch with everything that belongs to it; its manifest goes first, so that nobody reads half."""
        gone = self.lake.delete("raw", f"batches/{batch}.json", f"deliveries/{batch}.json")
        gone += self.lake.delete_below("raw", f"events/{batch}/")
        return gone + self.lake.delete("raw", f"quarantine/{batch}.jsonl")

    def consenting(self) -> pa.Array:
        """Users who consent, by what is known now."""
        users = self.users()
        return users["user_id"].filter(users["consent"]).combine_chunks()

    def assume_consent(self, user_ids: pa.Array) -> None:
        """Let these users, and all who have said nothing, consent; who refused goes on refusing."""
        users = merged(self._table(_USERS, USERS), _only_ids(user_ids), "user_id")
        if users["consent"].null_count:
            place = users.schema.get_field_index("consent")
            self.keep_users(users.set_column(place, USERS.field("consent"), pc.fill_null(users["consent"], True)))

    def put_users(self, fresh: pa.Table, source: str, now: datetime) -> None:
        """Merge users: what a later row says wins, and what it leaves out stays.

        Who withdraws consent is removed from the events too, and noted: what was derived has to go as well.

        Args:
            source: names the delivery in an error.

        Raises:
            GateError: so many would withdraw that it may be a mistake; nothing is changed.
        """
        before = self._table(_USERS, USERS)
        allowed = fresh.filter(self.erasures.allowed(fresh["user_id"]))
        users = merged(before, allowed, "user_id")
        refused = users["user_id"].filter(pc.equal(users["consent"], False)).combine_chunks()
        said_no = pc.fill_null(pc.equal(before["consent"], False), False)
        withdrew = before.filter(pc.and_(pc.invert(said_no), pc.is_in(before["user_id"], value_set=refused)))
        withdrawing = withdrew["user_id"].combine_chunks()
        self._stop_if_too_many(withdrawing, source)
        # Users last: a run that dies in between finds them still to do.
        self.erasures.withdraw(withdrawing.to_pylist(), now)
        self.forget(withdrawing)
        self.erasures.returned(users["user_id"].filter(pc.fill_null(users["consent"], False)))
        self.keep_users(_refusals_only(users))

    def _stop_if_too_many(self, withdrawing: pa.Array, source: str) -> None:
        if len(withdrawing) < self.rules.least_withdrawing:
            return
        held = sum(batch.rows for batch in self.batches())
        going = 0
        for key in (key for batch in self.batches() for key in self.parts(batch.name)):
            found = pc.is_in(self.lake.get_table("raw", key, ["user_id"])["user_id"], value_set=withdrawing)
            going += pc.sum(found).as_py() or 0
        if going > self.rules.most_withdrawn_share * held:
            raise GateError(
                f"{source} withdraws the consent of {len(withdrawing):,} users: {going:,} of {held:,} events would be "
                f"deleted for good; {self.rules.most_withdrawn_share:.0%} is the most that a file may delete unasked. "
                "Nothing was changed. If it is meant, run with the options "
                '{"privacy": {"most_withdrawn_share": 1}}; if not, `reject` the file.'
            )

    def keep_users(self, users: pa.Table) -> None:
        """Write the users, and nobody else: earlier versions go."""
        self.lake.replace("raw", _USERS, parquet(users))

    def put_products(self, fresh: pa.Table) -> None:
        """Merge products: what a later row says wins, and what it leaves out stays."""
        self.lake.put_table("raw", _PRODUCTS, merged(self._table(_PRODUCTS, PRODUCTS), fresh, "product_id"))

    def forget(self, user_ids: pa.Array) -> int:
        """Remove users' events from every batch and what they were shown, earlier versions included; returns how many
        events went."""
        gone = 0
        impressions.forget(self.lake, user_ids)
        for batch in self.batches() if len(user_ids) else ():
            taken = 0
            for key in self.parts(batch.name):
                table = self.lake.get_table("raw", key)
                kept = table.filter(pc.fill_null(pc.invert(pc.is_in(table["user_id"], value_set=user_ids)), True))
                if kept.num_rows < table.num_rows:
                    self.lake.replace("raw", key, parquet(kept))
                    taken += table.num_rows - kept.num_rows
            if taken:
                self.put_batch(replace(batch, rows=batch.rows - taken, erased=batch.erased + taken))
                gone += taken
        return gone

    def expire(self, now: datetime) -> None:
        """Remove events past retention, row by row; a batch of which nothing is left goes as a whole. What was shown
        goes hour by hour."""
        impressions.expire(self.lake, self.rules.oldest_shown(now))
        oldest = self.rules.oldest(now)
        for batch in self.batches():
            if not batch.rows and batch.ingested < oldest.isoformat():
                self.drop(batch.name)
            elif batch.rows and batch.oldest < (oldest - self.rules.grain).isoformat():
                self._expire(batch, oldest, now + self.rules.grain)

    def _expire(self, batch: Batch, oldest: datetime, latest: datetime) -> None:
        gone, left = 0, list[datetime]()
        for key in self.parts(batch.name):
            table = self.lake.get_table("raw", key)
            moments = table["timestamp"]
            kept = table.filter(
                pc.and_(pc.greater_equal(moments, pa.scalar(oldest)), pc.less_equal(moments, pa.scalar(latest)))
            )
            gone += table.num_rows - kept.num_rows
            if not kept.num_rows:
                self.lake.delete("raw", key)
                continue
            if kept.num_rows < table.num_rows:
                self.lake.replace("raw", key, parquet(kept))
            left += pc.min_max(kept["timestamp"]).as_py().values()
        if not left:
            self.drop(batch.name)
            return
        first, last = (moment.astimezone(UTC).isoformat() for moment in (min(left), max(left)))
        self.put_batch(replace(batch, rows=batch.rows - gone, expired=batch.expired + gone, oldest=first, newest=last))

    def put_batch(self, batch: Batch) -> None:
        """Write a delivery's manifest: from now on it is part of the lake."""
        self.lake.put_json(
            "raw", f"{'batches' if batch.kind == 'events' else 'deliveries'}/{batch.name}.json", asdict(batch)
        )


def merged(before: pa.Table, fresh: pa.Table, key: str) -> pa.Table:
    """One row a key, in order: of every column the last value that somebody gave."""
    rows = pa.concat_tables([before, fresh])
    others = [name for name in rows.column_names if name != key]
    # In one thread: only then the order of the rows is the order of arrival.
    last = rows.group_by(key, use_threads=False).aggregate([(name, "last") for name in others])
    named_again = last.select([key, *(f"{name}_last" for name in others)]).rename_columns([key, *others])
    return named_again.cast(rows.schema).sort_by(key)


def named(products: pa.Table) -> pa.Table:
    """The catalogue with its gaps filled: a product without a name is called by its id."""
    names = pc.coalesce(products["name"], products["product_id"])
    return _filled(products.set_column(1, PRODUCTS.field("name"), names), "category")


def _filled(table: pa.Table, name: str) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pc.fill_null(table[name], UNKNOWN))


def _refusals_only(users: pa.Table) -> pa.Table:
    """Of who refuses nothing is kept but the refusal."""
    refuses = pc.fill_null(pc.equal(users["consent"], False), False)
    for name in ("email_hash", "age_band"):
        place = users.schema.get_field_index(name)
        users = users.set_column(place, users.schema.field(name), pc.if_else(refuses, None, users[name]))
    return users


def _only_ids(user_ids: pa.Array) -> pa.Table:
    nothing = {field.name: pa.nulls(len(user_ids), field.type) for field in USERS}
    return pa.table({**nothing, "user_id": user_ids}, schema=USERS)
