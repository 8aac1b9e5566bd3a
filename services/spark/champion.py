"""The version of a registered model that an alias names, fetched from MLflow without its client."""

import os
from pathlib import Path

import httpx

from recommender.artifacts import connection
from recommender.fetch import get

_TIMEOUT_SECONDS = 30.0


class NoChampionError(Exception):
    """The registry names no version, or does not answer; the message is a sentence."""


def fetch(name: str, alias: str, cache: Path) -> tuple[Path, str]:
    """The folder of the version that the alias names, and the version.

    Raises:
        NoChampionError: the registry names none.
        ModelError: the version holds no model that can be read here.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise NoChampionError("MLFLOW_TRACKING_URI is not set: it says where the registry is.")
    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, **connection(uri, os.environ)) as client:
            answer = client.get("/api/2.0/mlflow/registered-models/alias", params={"name": name, "alias": alias})
            body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NoChampionError(f"MLflow at {uri} does not answer: {error or type(error).__name__}.") from None
    version = (body.get("model_version") or {}).get("version")
    if not version:
        raise NoChampionError(f"No version of {name} is {alias}: {body.get('message') or answer.status_code}.")
    return get(name, str(version), cache / str(version)), str(version)
