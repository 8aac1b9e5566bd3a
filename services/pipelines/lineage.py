"""Lineage: from a prediction or a model version back to code, parameters, data and the files it came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc

from pipelines import snapshots
from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.monitor import new_events
from pipelines.raw import RawLake
from pipelines.schema import WEIGHTS
from pipelines.snapshots import Snapshot
from pipelines.tracking import CHAMPION, LOOP_RUN_TAG, REASON_TAG, VERDICT_TAG, Tracking
from recommender.manifest import MANIFEST
from recommender.model import Model

_MOST_RECENT = 200
"""Events since the training that are tried."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Where a version comes from."""

    version: str
    kind: str
    aliases: tuple[str, ...]
    created: str
    loop_run: str
    mlflow_run: str
    code_version: str
    data_version: str
    parameters: Mapping[str, str]
    snapshot: Snapshot | None
    """None where the snapshot was deleted since."""
    release: str = ""
    """How its trial ended, and why; empty where it had none."""
    reproduced: bool | None = None
    """Whether the version gives the prediction again; None without a prediction."""
    recent_events: int = 0
    """With how many of the user's events since the training it gives the prediction again."""


def of_version(lake: Lake, tracking: Tracking, number: str) -> Lineage:
    """Lineage of a version, or of the champion where that word is given.

    Raises:
        InputError: there is no such version.
    """
    version = tracking.aliased(CHAMPION) if number == CHAMPION else tracking.version(number)
    if version is None:
        known = ", ".join(item.number for item in tracking.versions()) or "none"
        raise InputError(f"{tracking.model} has no version {number}; registered are {known}.")
    data_version = version.tags.get("data_version", "")
    return Lineage(
        version=version.number,
        kind=version.tags.get("kind", ""),
        aliases=version.aliases,
        created=datetime.fromtimestamp(version.created, UTC).isoformat(timespec="seconds"),
        loop_run=version.tags.get(LOOP_RUN_TAG, ""),
        mlflow_run=version.run,
        code_version=version.tags.get("code_version", ""),
        data_version=data_version,
        parameters=tracking.params(version.run) if version.run else {},
        snapshot=snapshots.find(lake, data_version) if data_version else None,
        release=": ".join(version.tags[tag] for tag in (VERDICT_TAG, REASON_TAG) if tag in version.tags),
    )


def of_prediction(raw: RawLake, tracking: Tracking, text: str) -> Lineage:
    """Lineage of a recommender's answer, and whether its version gives the same answer again.

    Events since the training count in an answer: it is tried with none of the user's, with the first, with the first
    two, and so on. Filters of the request and rules that held then are not known, and an answer that they changed is
    not given again.

    Args:
        text: the JSON that GET /recommendations answered.

    Raises:
        InputError: it is no such answer, or the version is not registered.
    """
    try:
        answer = json.loads(text)
        number, user = str(answer["model"]["version"]), str(answer["user_id"])
        given = [str(item["product_id"]) for item in answer["recommendations"]]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "This is no answer of GET /recommendations: it needs user_id, model.version and recommendations."
        ) from None
    found = of_version(raw.lake, tracking, number)
    with TemporaryDirectory(prefix="lineage-") as folder:
        fetched = tracking.fetch_version(number, Path(folder))
        model = Model.load(next(fetched.rglob(MANIFEST)).parent, mmap=False).under(raw.masker.pseudonyms)
    recent: dict[str, float] = {}
    events = _since(raw, tracking, number, model.name_of(user))
    for count in range(len(events) + 1):
        if [item.product_id for item in model.recommend(user, len(given), recent)] == given:
            return replace(found, reproduced=True, recent_events=count)
        if count < len(events):
            product, weight = events[count]
            recent[product] = max(weight, recent.pop(product, 0.0))
    return replace(found, reproduced=False)


def _since(raw: RawLake, tracking: Tracking, number: str, user: str) -> list[tuple[str, float]]:
    """What a user did since a version was trained, in the order of time: product and weight."""
    events = new_events(raw, tracking.version(number))
    own = events.filter(pc.equal(events["user_id"], user)).sort_by("timestamp")
    kinds = own["event_type"].to_pylist()
    return [
        (product, WEIGHTS[kind])
        for product, kind in zip(own["product_id"].to_pylist(), kinds, strict=True)
        if product and kind in WEIGHTS
    ][:_MOST_RECENT]


def _verdict(found: Lineage) -> str:
    if not found.reproduced:
        return "NOT given by this version, unless filters of the request or rules of that time changed it"
    since = f", with {found.recent_events} of the user's events since the training" if found.recent_events else ""
    return f"given again by this version{since}"


def lines(found: Lineage) -> list[str]:
    """For people."""
    text = [
        f"model      version {found.version} ({found.kind}), {', '.join(found.aliases) or 'no alias'}",
        f"made       {found.created} by loop run {found.loop_run}, MLflow run {found.mlflow_run}",
        f"code       {found.code_version}",
        f"parameters {', '.join(f'{name}={value}' for name, value in sorted(found.parameters.items()))}",
        f"data       {found.data_version}",
    ]
    if found.reproduced is not None:
        text.insert(0, f"prediction {_verdict(found)}")
    if found.release:
        text.append(f"release    {found.release}")
    if found.snapshot is None:
        return [*text, "           its snapshot is gone"]
    text.append(f"           {found.snapshot.rows:,} events, newest {found.snapshot.newest}")
    return text + [
        f"  from     {source.source}: {source.rows:,} events, batch {source.batch}" for source in found.snapshot.sources
    ]
