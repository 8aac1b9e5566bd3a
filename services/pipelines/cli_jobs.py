"""Commands that the platform's modules run by a schedule or keep running: features online, checks of data, reports."""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cloudwatch import publish
from pipelines.commands import Json, answer
from pipelines.errors import GateError
from pipelines.lake import Lake
from pipelines.settings import BESIDE_THE_LAKE, Settings

if TYPE_CHECKING:
    from pipelines.checkpoint import Checked


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (materialize, feature_server, checkpoint, report):
        app.command(command.__name__.replace("_", "-"))(command)


def materialize(as_json: Json = False) -> None:
    """Bring the features that were computed last online, where the platform has a feature store."""
    from pipelines import feature_online

    settings = Settings.from_environment(without=BESIDE_THE_LAKE)
    online = feature_online.Online.from_environment()
    found = feature_online.materialize(Lake(settings), settings.state, online, datetime.now(UTC))
    publish(settings, {"FeatureAgeSeconds": found.age_seconds if found else None})
    text = "There are no features yet: the loop has not computed any."
    if found:
        rows = found.features.users + found.features.products
        text = f"{rows:,} entities online in {online.kind}, as of {found.features.as_of}"
    answer(found, as_json, lambda: text)


def checkpoint(as_json: Json = False) -> None:
    """Hold tables of the lake against Great Expectations' suites, as the platform's module data_quality says."""
    from pipelines import checkpoint as checks

    settings, now = Settings.from_environment(without=BESIDE_THE_LAKE), datetime.now(UTC)
    found = [checks.check(Lake(settings), one, now) for one in checks.read(os.environ.get(checks.VARIABLE) or "[]")]
    for one in found:
        publish(settings, {"QualityPercent": one.percent}, Checkpoint=one.name)
    answer(found, as_json, lambda: "\n".join(_told(one) for one in found))
    if failed := [one.name for one in found if not one.passed]:
        raise GateError(f"Not good enough: {', '.join(failed)}.")


def _told(one: "Checked") -> str:
    if one.percent is None:
        return f"{one.name}: no rows"
    broken = f"; broken: {', '.join(one.broken)}" if one.broken else ""
    return f"{one.name}: {one.percent:.1f}% of {one.rows:,} rows{broken}"


def report(
    keep_days: Annotated[int, typer.Option(min=1, help="Days for which reports are kept.")] = 90, as_json: Json = False
) -> None:
    """Look at the model that serves and at what came since its training; Evidently's report goes into the lake."""
    from pipelines import report as reports
    from pipelines.tracking import Tracking

    settings = Settings.from_environment(without=("MLOPS_STREAM",))
    found = reports.report(
        Lake(settings), Tracking(settings), settings.state, timedelta(days=keep_days), datetime.now(UTC)
    )
    drift = found.seen.drift.share if found.seen.drift else None
    publish(settings, {"DriftPercent": None if drift is None else 100 * drift})
    answer(found, as_json, lambda: found.report or "Nothing to compare: no champion, or too few new events.")


def feature_server(
    host: Annotated[str, typer.Option(help="Address to answer on; a pod gives 0.0.0.0.", envvar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to answer on.")] = 6566,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
) -> None:
    """Stay: answer for features online over HTTP, with Feast's server. Metrics on port 8000."""
    from pipelines import feature_online

    os.environ.setdefault("FEAST_USAGE", "False")
    feature_online.serve(feature_online.Online.from_environment(), host, port, workers)
