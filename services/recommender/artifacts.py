"""Files of a registered model, taken from where MLflow keeps them.

Two places are read directly, with what the service has anyway: MLflow's own artifact proxy over HTTP, and S3. That is
what the platform deploys, and it spares the image MLflow, whose import alone takes longer than a fetch. Everything else
goes through MLflow's client, where it is installed.

https://mlflow.org/docs/latest/api_reference/rest-api.html (model-versions/get-download-uri)
https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store (mlflow-artifacts)
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, cast
from urllib.parse import quote, urlsplit

import httpx

from recommender import managed
from recommender.manifest import MANIFEST, ModelError

_TIMEOUT_SECONDS = 60.0


class Artifacts(Protocol):
    """The files of one version."""

    def paths(self) -> Iterator[str]:
        """Every file, relative to the version's root."""

    def download(self, path: str, target: Path) -> None:
        """Write one of them to the target."""


def spoken_to(tracking_uri: str) -> bool:
    """Whether an MLflow server is asked without MLflow's client."""
    return tracking_uri.startswith(("http://", "https://", managed.PREFIX))


def connection(tracking_uri: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where MLflow's server answers and how it is told who asks, for httpx."""
    if tracking_uri.startswith(managed.PREFIX):
        return managed.connection(tracking_uri, environment)
    return {"base_url": tracking_uri.rstrip("/"), **_authentication(environment)}


def _authentication(environment: Mapping[str, str]) -> dict[str, Any]:
    """From the variables that MLflow's client reads."""
    token = environment.get("MLFLOW_TRACKING_TOKEN")
    user = environment.get("MLFLOW_TRACKING_USERNAME")
    if token:
        return {"headers": {"Authorization": f"Bearer {token}"}}
    return {"auth": (user, environment.get("MLFLOW_TRACKING_PASSWORD", ""))} if user else {}


def download_model(tracking_uri: str, name: str, version: str, scratch: Path) -> Path:
    """Download the folder of a version that holds the model's arrays.

    Raises:
        ModelError: the version has no such folder, or several.
        httpx.HTTPError, OSError and the clients' own errors: this time it did not work.
    """
    artifacts = _artifacts(tracking_uri, name, version)
    if artifacts is None:
        whole = _through_mlflow(name, version, scratch)
        found = [str(path.relative_to(whole)) for path in whole.rglob(MANIFEST)]
        return whole / _folder(name, version, found)
    paths = list(artifacts.paths())
    folder = _folder(name, version, [path for path in paths if PurePosixPath(path).name == MANIFEST])
    target = scratch / "model"
    target.mkdir()
    for path in paths:
        if PurePosixPath(path).parent == folder:
            artifacts.download(path, target / PurePosixPath(path).name)
    return target


def _folder(name: str, version: str, manifests: list[str]) -> PurePosixPath:
    # An MLflow model wraps the folder; how deep is the registering side's business.
    if len(manifests) != 1:
        raise ModelError(f"Version {version} of {name} holds {len(manifests)} folders with a {MANIFEST}, not one.")
    return PurePosixPath(manifests[0]).parent


def _artifacts(tracking_uri: str, name: str, version: str) -> Artifacts | None:
    if not spoken_to(tracking_uri):
        return None
    client = httpx.Client(timeout=_TIMEOUT_SECONDS, **connection(tracking_uri, os.environ))
    answer = client.get("/api/2.0/mlflow/model-versions/get-download-uri", params={"name": name, "version": version})
    answer.raise_for_status()
    uri = urlsplit(str(answer.json()["artifact_uri"]))
    if uri.scheme == "mlflow-artifacts" and not uri.netloc:
        return _Proxied(client, uri.path.strip("/"))
    if uri.scheme == "s3":
        return _Bucket(uri.netloc, uri.path.strip("/"))
    return None


def _through_mlflow(name: str, version: str, scratch: Path) -> Path:
    try:
        from mlflow.artifacts import download_artifacts
    except ImportError:
        raise OSError(
            "This registry is reached through MLflow's client only, and it is not installed here: add mlflow-skinny, "
            "or keep artifacts on S3 or behind the MLflow server."
        ) from None
    return Path(download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=str(scratch)))


class _Proxied:
    """Artifacts behind the MLflow server (`--serve-artifacts`)."""

    def __init__(self, client: httpx.Client, root: str) -> None:
        self._client = client
        self._root = root

    def paths(self) -> Iterator[str]:
        """See Artifacts."""
        return self._below(PurePosixPath())

    def _below(self, folder: PurePosixPath) -> Iterator[str]:
        path = str(PurePosixPath(self._root) / folder)
        answer = self._client.get("/api/2.0/mlflow-artifacts/artifacts", params={"path": path})
        answer.raise_for_status()
        for entry in cast("list[dict[str, object]]", answer.json().get("files", [])):
            found = folder / PurePosixPath(str(entry["path"])).name
            if entry["is_dir"]:
                yield from self._below(found)
            else:
                yield str(found)

    def download(self, path: str, target: Path) -> None:
        """See Artifacts."""
        url = f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{self._root}/{path}')}"
        with self._client.stream("GET", url) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_bytes(1024 * 1024):
                file.write(chunk)


class _Bucket:
    """Artifacts on S3, where the MLflow server hands out their address."""

    def __init__(self, bucket: str, prefix: str) -> None:
        import boto3

        self._bucket = bucket
        self._prefix = f"{prefix}/"
        # The variable is MLflow's; AWS_ENDPOINT_URL is read by boto3 itself.
        self._client: Any = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None)

    def paths(self) -> Iterator[str]:
        """See Artifacts."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                yield str(entry["Key"]).removeprefix(self._prefix)

    def download(self, path: str, target: Path) -> None:
        """See Artifacts."""
        self._client.download_file(self._bucket, f"{self._prefix}{path}", str(target))
