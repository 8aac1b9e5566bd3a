"""Commands that the platform's modules run by a schedule or keep running: features online, checks of data, reports."""

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cloudwatch import publish
from pipelines.commands import Json, answer
from pipelines.lake import Lake
from pipelines.settings import BESIDE_THE_LAKE, Settings


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (materialize, feature_server):
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


def feature_server(
    host: Annotated[str, typer.Option(help="Address to answer on; a pod gives 0.0.0.0.", envvar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to answer on.")] = 6566,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
) -> None:
    """Stay: answer for features online over HTTP, with Feast's server. Metrics on port 8000."""
    from pipelines import feature_online

    os.environ.setdefault("FEAST_USAGE", "False")
    feature_online.serve(feature_online.Online.from_environment(), host, port, workers)
