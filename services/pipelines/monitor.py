"""Monitor: latency, drift, data quality, freshness and hits, as Prometheus metrics and as one record."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from pydantic import TypeAdapter

from pipelines import drift, features, snapshots
from pipelines.errors import ServiceError
from pipelines.metrics import Interval, interval, rank
from pipelines.promised import next_hit_rate
from pipelines.raw import RawLake
from pipelines.schema import EVENTS
from pipelines.serving import Recommender, between, quantile
from pipelines.tracking import CHAMPION, Tracking, Version
from recommender.manifest import MANIFEST
from recommender.model import Model

LATEST = "monitoring/latest.json"
_LEAST_USERS = 50
"""Users with new products below whom hits say nothing."""
_MOST_USERS = 2_000
_LATENCY_SECONDS = 300.0
"""How far back answers count; longer where looks are rarer."""


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """What was seen. None means that there is nothing to say it from."""

    at: str
    champion: str | None
    champion_kind: str | None
    champion_age_seconds: float | None
    requests: int | None
    """For recommendations, within the last minutes; since the recommender started where this is the first look."""
    p95_seconds: float | None
    """Of those requests; None without any."""
    new_events: int
    """Events that arrived after the champion's training data."""
    drift: drift.Drift | None
    quality: float | None
    """Score of the last validation."""
    feature_age_seconds: float | None
    newest_event_age_seconds: float | None
    hit_rate: Interval | None
    """Share of users with new products whose list of 10 held the one that they took next."""
    expected_hit_rate: float | None
    """What the evaluation promised of the same: the next product of each user, and no other. None where nothing can be
    held against what is seen, and the performance trigger says nothing."""
    erased_since_training: int
    """Erasures that the champion's arrays do not know of."""
    personal: dict[str, int] = field(default_factory=dict)
    """Personal data that the last validated rows brought, and that was masked or put aside, by kind."""


def monitor(raw: RawLake, tracking: Tracking, recommender: Recommender | None, state: Path, now: datetime) -> Monitored:
    """Look at everything once; keeps the record in the lake and the metrics in `<state>/metrics/loop.prom`."""
    champion = tracking.aliased(CHAMPION)
    fresh = new_events(raw, champion)
    requests, p95 = _latency(recommender, state, now)
    latest = features.latest(raw.lake)
    newest = [batch.newest for batch in raw.batches() if batch.newest]
    validated = _validated(raw)
    monitored = Monitored(
        at=now.isoformat(),
        champion=champion.number if champion else None,
        champion_kind=champion.tags.get("kind") if champion else None,
        champion_age_seconds=now.timestamp() - champion.created if champion else None,
        requests=requests,
        p95_seconds=p95,
        new_events=fresh.num_rows,
        drift=_drift(raw, champion, fresh),
        quality=validated.get("score"),
        personal=validated.get("personal", {}),
        feature_age_seconds=latest.age(now).total_seconds() if latest else None,
        newest_event_age_seconds=max(0.0, (now - datetime.fromisoformat(max(newest))).total_seconds())
        if newest
        else None,
        hit_rate=_hits(tracking, champion, fresh),
        expected_hit_rate=next_hit_rate(raw.lake, tracking, champion) if champion else None,
        erased_since_training=_erased(raw, champion),
    )
    raw.lake.put_json("artifacts", LATEST, asdict(monitored))
    write_metrics(monitored, state / "metrics" / "loop.prom")
    return monitored


def last(raw: RawLake) -> Monitored | None:
    """What was seen last, or None."""
    stored = raw.lake.get("artifacts", LATEST)
    return TypeAdapter(Monitored).validate_json(stored) if stored else None


def new_events(raw: RawLake, champion: Version | None) -> pa.Table:
    """Events of the batches that the champion's snapshot does not hold."""
    snapshot = snapshots.find(raw.lake, champion.tags.get("data_version", "")) if champion else None
    known = {source.batch for source in snapshot.sources} if snapshot else set()
    tables = [
        raw.lake.get_table("raw", key)
        for batch in raw.batches()
        if batch.name not in known
        for key in raw.parts(batch.name)
    ]
    return pa.concat_tables([EVENTS.empty_table(), *tables])


def _latency(recommender: Recommender | None, state: Path, now: datetime) -> tuple[int | None, float | None]:
    """How it answers now: what it did last week would hide it."""
    if recommender is None:
        return None, None
    try:
        counted = recommender.latency()
    except ServiceError:
        return None, None
    place = state / "metrics" / "latency.json"
    try:
        looks = [(float(at), [(float(bound), float(count)) for bound, count in found])
                 for at, found in json.loads(place.read_text())]  # fmt: skip
    except (OSError, ValueError, TypeError):
        looks = []
    moment = now.timestamp()
    young = [look for look in looks if 0 <= moment - look[0] <= _LATENCY_SECONDS] or looks[-1:]
    recent = between(young[0][1], counted) if young else counted
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps([*young, (moment, counted)]))
    requests = int(recent[-1][1]) if recent else 0
    return requests, quantile(recent, 0.95) if requests else None


def _drift(raw: RawLake, champion: Version | None, fresh: pa.Table) -> drift.Drift | None:
    version = champion.tags.get("data_version", "") if champion else ""
    if snapshots.find(raw.lake, version) is None:
        return None
    users, products = raw.users(), raw.products()
    if not products.num_rows:
        products = snapshots.products(raw.lake, version)
    known = drift.known_events(fresh, products)
    if known.num_rows < drift.LEAST_ROWS:
        return drift.Drift(rows=known.num_rows, columns=())
    reference = snapshots.events(raw.lake, version)
    latest = reference.slice(max(0, reference.num_rows - drift.MOST_PAST))
    return drift.measure(
        drift.frame(drift.sample(reference), users, products),
        drift.frame(drift.sample(known), users, products),
        known.num_rows,
        drift.frame(latest, users, products),
    )


def _validated(raw: RawLake) -> dict[str, Any]:
    """The last report on the data's quality; empty where there is none."""
    reports = raw.lake.keys("curated", "quality/")
    found: dict[str, Any] = json.loads(raw.lake.need("curated", reports[-1])) if reports else {}
    return found


def _hits(tracking: Tracking, champion: Version | None, fresh: pa.Table) -> Interval | None:
    """How often the champion guessed what its users really took afterwards."""
    if champion is None or fresh.num_rows < _LEAST_USERS:
        return None
    with TemporaryDirectory(prefix="monitor-") as folder:
        found = tracking.fetch_version(champion.number, Path(folder))
        model = Model.load(next(found.rglob(MANIFEST)).parent, mmap=False)
    ordered = fresh.sort_by([("timestamp", "ascending"), ("event_id", "ascending")])
    taken: dict[str, str] = {}
    for user, product in zip(ordered["user_id"].to_pylist(), ordered["product_id"].to_pylist(), strict=True):
        if user in taken:
            continue
        row = model.users.row(user) if user is not None else None
        column = model.products.row(product) if product is not None else None
        # What the user had before is never recommended again.
        if row is not None and column is not None and column not in model.interactions.row(row)[0]:
            taken[user] = product
    users = sorted(taken)[:_MOST_USERS]
    if len(users) < _LEAST_USERS:
        return None
    return interval(rank(model, users, [(taken[user],) for user in users], 10).next_hit)


def _erased(raw: RawLake, champion: Version | None) -> int:
    return len(raw.erasures.since(champion.created)) if champion else 0


def write_metrics(monitored: Monitored, path: Path) -> None:
    """The record in Prometheus' text format, for the node exporter's textfile collector or the worker's endpoint."""
    registry = CollectorRegistry()
    plain = {
        "mlops_champion_age_seconds": ("Age of the model that serves.", monitored.champion_age_seconds),
        "mlops_serving_p95_seconds": ("p95 of the recommender's answers.", monitored.p95_seconds),
        "mlops_new_events": ("Events since the champion was trained.", monitored.new_events),
        "mlops_data_quality": ("Share of rows that pass every expectation.", monitored.quality),
        "mlops_feature_age_seconds": ("Time since features were computed.", monitored.feature_age_seconds),
        "mlops_newest_event_age_seconds": ("Time since the newest event.", monitored.newest_event_age_seconds),
        "mlops_hit_rate": (
            "Users whose list held what they took.", monitored.hit_rate.mean if monitored.hit_rate else None,
        ),
        "mlops_drift_share": ("Share of columns that drifted.", monitored.drift.share if monitored.drift else None),
        "mlops_erased_since_training": ("Erasures the model does not know of.", monitored.erased_since_training),
    }  # fmt: skip
    for name, (text, value) in plain.items():
        if value is not None:
            Gauge(name, text, registry=registry).set(value)
    distance = Gauge("mlops_drift_distance", "Distance of a column.", ("column", "method"), registry=registry)
    for column in monitored.drift.columns if monitored.drift else ():
        distance.labels(column.name, column.method).set(column.distance)
    personal = Gauge("mlops_personal_data", "Personal data found in the last rows.", ("kind",), registry=registry)
    for kind, count in monitored.personal.items():
        personal.labels(kind).set(count)
    champion = Gauge("mlops_champion_info", "1 for the model that serves.", ("version", "kind"), registry=registry)
    if monitored.champion:
        champion.labels(monitored.champion, monitored.champion_kind or "").set(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A collector that reads meanwhile sees the old file or the new one.
    partial = path.with_suffix(".new")
    partial.write_bytes(generate_latest(registry))
    partial.replace(path)
