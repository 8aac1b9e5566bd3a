"""Validate: hold the raw events against the suite, stop below the threshold, keep the rest as a snapshot."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import snapshots, typed
from pipelines.errors import GateError
from pipelines.ingest import Ingested
from pipelines.quality import Finding, Quality, QualityRules
from pipelines.quarantine import Quarantine
from pipelines.raw import RawLake, named
from pipelines.schema import EVENTS
from pipelines.snapshots import Snapshot, Source
from pipelines.tables import CHUNK_ROWS

_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Validated:
    """The snapshot to learn from."""

    snapshot: Snapshot
    quality: Quality
    report: str
    """Key of the report in the curated zone."""


def validate(raw: RawLake, ingested: Ingested, rules: QualityRules, now: datetime) -> Validated:
    """Make a snapshot of all rows that pass every expectation.

    Raises:
        GateError: no data, or quality below the threshold, in all or in one batch.
    """
    if not ingested.rows:
        raise GateError(
            "There is no event in the lake: nothing to learn from. `import-csv FOLDER` or `generate` puts some there."
        )
    events, batch_of_row = _load(raw, ingested, now)
    first = _first_of_each(events["event_id"])
    duplicates = int(len(first) - first.sum())
    events, batch_of_row = events.filter(pa.array(first)), batch_of_row[first]
    products = raw.products()
    products = products if products.num_rows else _named_in(events)
    failing, findings = _check(events, products, now)
    quality = _quality(ingested, batch_of_row, failing, findings, duplicates, rules)
    report = f"quality/{now:%Y%m%dT%H%M%S}.json"
    raw.lake.put_json("curated", report, asdict(quality))
    _stop_if_bad(quality, rules, raw.lake.uri("curated", report))
    good = events.filter(pa.array(~failing))
    users = raw.users()
    known = users.filter(pc.is_in(users["user_id"], value_set=pc.unique(good["user_id"])))
    sources = tuple(Source(batch=batch.name, source=batch.source, rows=batch.rows) for batch in ingested.batches)
    snapshot = snapshots.write(raw.lake, good, known, products, sources)
    return Validated(snapshot=snapshot, quality=quality, report=report)


def _load(raw: RawLake, ingested: Ingested, now: datetime) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Events of all batches by today's consent and retention, and the batch number of each row."""
    consenting = raw.consenting()
    oldest = pa.scalar(raw.rules.oldest(now))
    tables, numbers = [EVENTS.empty_table()], [np.zeros(0, np.int64)]
    for number, batch in enumerate(ingested.batches):
        for key in raw.parts(batch.name):
            table = raw.lake.get_table("raw", key)
            allowed = pc.or_(pc.is_in(table["user_id"], value_set=consenting), pc.is_null(table["user_id"]))
            kept = table.filter(pc.and_(allowed, pc.greater_equal(table["timestamp"], oldest)))
            tables.append(kept)
            numbers.append(np.full(kept.num_rows, number))
    return pa.concat_tables(tables), np.concatenate(numbers)


def _first_of_each(identifiers: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Per row, whether its id was not there before. A row without an id is no repetition."""
    encoded = identifiers.combine_chunks().dictionary_encode()
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    # The dictionary is in the order of first appearance, so that a first one exceeds everything before it.
    before = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]]) if len(places) else places
    first: npt.NDArray[np.bool_] = (places > before) | (places < 0)
    return first


def _named_in(events: pa.Table) -> pa.Table:
    """A catalogue from the events, for data that comes without one."""
    return named(typed.products(pa.table({"product_id": pc.unique(events["product_id"]).drop_null()}), Quarantine()))


def _check(events: pa.Table, products: pa.Table, now: datetime) -> tuple[npt.NDArray[np.bool_], tuple[Finding, ...]]:
    from pipelines.expectations import Suite

    suite = Suite(products["product_id"].combine_chunks(), now + _CLOCK_SKEW)
    failing, totals = np.zeros(events.num_rows, bool), dict[tuple[str, str], int]()
    for start in range(0, events.num_rows, CHUNK_ROWS):
        rows, findings = suite.check(events.slice(start, CHUNK_ROWS))
        failing[start : start + CHUNK_ROWS] = rows
        for finding in findings:
            place = (finding.expectation, finding.column)
            totals[place] = totals.get(place, 0) + finding.unexpected
    return failing, tuple(
        Finding(expectation=expectation, column=column, unexpected=count)
        for (expectation, column), count in totals.items()
    )


def _quality(
    ingested: Ingested,
    batch_of_row: npt.NDArray[np.int64],
    failing: npt.NDArray[np.bool_],
    findings: tuple[Finding, ...],
    duplicates: int,
    rules: QualityRules,
) -> Quality:
    batches = ingested.batches
    unreadable = np.asarray([batch.quarantined for batch in batches])
    rows = np.bincount(batch_of_row, minlength=len(batches)) + unreadable
    bad = np.bincount(batch_of_row[failing], minlength=len(batches)) + unreadable
    judged = {batch.name: (int(total), int(wrong)) for batch, total, wrong in zip(batches, rows, bad, strict=True)}
    judged |= {delivery.name: (delivery.delivered, delivery.quarantined) for delivery in ingested.deliveries}
    kinds = {"events": _share(int(rows.sum()), int(bad.sum()))}
    for kind in ("users", "products"):
        of_kind = [delivery for delivery in ingested.deliveries if delivery.kind == kind]
        delivered = sum(delivery.delivered for delivery in of_kind)
        if delivered >= rules.least_batch_rows:
            kinds[kind] = _share(delivered, sum(delivery.quarantined for delivery in of_kind))
    return Quality(
        score=min(kinds.values()),
        rows=int(rows.sum()),
        failing=int(failing.sum()),
        unreadable=int(unreadable.sum()),
        duplicates=duplicates,
        findings=findings,
        kinds=kinds,
        reasons=dict(sum((Counter(batch.reasons) for batch in (*batches, *ingested.deliveries)), Counter[str]())),
        personal=dict(ingested.personal),
        batches={name: _share(total, wrong) for name, (total, wrong) in judged.items()},
        judged={name: total for name, (total, _) in judged.items()},
    )


def _share(total: int, bad: int) -> float:
    return round(1.0 - bad / total, 6) if total else 1.0


def _stop_if_bad(quality: Quality, rules: QualityRules, report: str) -> None:
    worst = [
        f"{found.expectation} of {found.column}: {found.unexpected}" for found in quality.findings if found.unexpected
    ]
    put_aside = [f"unreadable ({reason}): {count}" for reason, count in quality.reasons.items()]
    reasons = "; ".join([*worst, *put_aside])
    if quality.rows - quality.unreadable - quality.failing <= 0:
        raise GateError(
            f"None of {quality.rows} rows can be used ({reasons or 'consent, retention'}). Report: {report}"
        )
    worst_one = min(quality.batches, key=quality.batches.__getitem__)
    kind = min(quality.kinds, key=quality.kinds.__getitem__)
    if quality.score < rules.least_score:
        raise GateError(
            f"Data quality is {quality.score:.1%} of the {kind}; {rules.least_score:.0%} is required. "
            f"Failing rows: {reasons}. The worst delivery is {worst_one}: `reject {worst_one}` takes it out of the "
            f"lake. Report: {report}"
        )
    for name, score in quality.batches.items():
        if score < rules.least_score and quality.judged[name] >= rules.least_batch_rows:
            raise GateError(
                f"Data quality of batch {name} is {score:.1%}; {rules.least_score:.0%} is required. Failing rows: "
                f"{reasons}. `reject {name}` takes the batch out of the lake. Report: {report}"
            )
