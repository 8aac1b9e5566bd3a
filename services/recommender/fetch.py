"""Fetch a model from the registry and verify it, in a process of its own.

A download and a verification in the serving process would compete with the answers for the interpreter (and MLflow's
client, where it is needed, costs seconds and 190 MB). What the service gets is a folder that was read to its last byte
by the same libraries.

    python -m recommender.fetch look --model recommender
    python -m recommender.fetch get --model recommender --version 3 --to /cache/3
    python -m recommender.fetch check --folder /models/recommender

Prints one JSON object. Exit code 3: the model itself is refused, trying again will not help; 1: it may.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recommender.artifacts import download_model
from recommender.model import Model, ModelError

REFUSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    # The answers of the running service come first.
    os.nice(5)
    try:
        answer: object
        if options.command == "look":
            answer = look(options.model)
        elif options.command == "get":
            answer = {"folder": str(get(options.model, options.version, options.to))}
        else:
            Model.verify(options.folder)
            answer = {"folder": str(options.folder)}
    except ModelError as error:
        return _fail(str(error), REFUSED)
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error}", 1)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def look(name: str) -> dict[str, object]:
    """Aliases and tags of a registered model, in the words of MLflow's REST API.

    For registries that are not reached by plain HTTP (a database, a cloud's own scheme).
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    model = client.get_registered_model(name)
    aliases: dict[str, str] = dict(model.aliases)
    versions = {}
    for version in sorted(set(map(str, aliases.values()))):
        found = client.get_model_version(name, version)
        versions[version] = {"created": str(found.creation_timestamp), "tags": dict(found.tags)}
    named = {alias: str(version) for alias, version in aliases.items()}
    return {"aliases": named, "versions": versions, "tags": dict(model.tags)}


def get(name: str, version: str, target: Path) -> Path:
    """Download one version, verify it, and move its arrays to `target` in one step.

    Raises:
        ModelError: the version holds no recommender model, or one that cannot be served here.
    """
    if target.exists():
        try:
            Model.verify(target)
        except ModelError:
            shutil.rmtree(target)
        else:
            return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        folder = download_model(os.environ.get("MLFLOW_TRACKING_URI", ""), name, version, Path(scratch))
        Model.verify(folder)
        try:
            folder.rename(target)
        except OSError:
            # Another process of this machine was first; what it verified serves as well.
            Model.verify(target)
    return target


def _fail(message: str, code: int) -> int:
    sys.stdout.write(json.dumps({"error": message}) + "\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recommender.fetch", description="Fetch and verify a model.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("look", help="show the aliases of a registered model")
    one.add_argument("--model", required=True)
    one = commands.add_parser("get", help="download and verify one version")
    one.add_argument("--model", required=True)
    one.add_argument("--version", required=True)
    one.add_argument("--to", required=True, type=Path)
    one = commands.add_parser("check", help="verify a folder")
    one.add_argument("--folder", required=True, type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
