"""MLflow: runs, the registry and its aliases, by an explicit address and without global state."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.errors import InputError, ServiceError
from pipelines.settings import Settings
from recommender.registry import SUPPRESSED_TAG, suppressed

CHAMPION, CHALLENGER = "champion", "challenger"
LOOP_RUN_TAG = "mlops.loop_run"
VERDICT_TAG, REASON_TAG = "release.verdict", "release.reason"
"""How a version's trial ended, and why."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the registered model."""

    number: str
    run: str
    """MLflow run that it comes from."""
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    description: str
    created: float
    """Seconds since 1970."""


class Tracking:
    """One MLflow server, one experiment and one registered model, all named after the model."""

    def __init__(self, settings: Settings) -> None:
        from mlflow import MlflowClient

        if settings.tracking_uri.startswith("arn:") and find_spec("sagemaker_mlflow") is None:
            raise InputError(
                f"MLFLOW_TRACKING_URI is {settings.tracking_uri}, a server that SageMaker runs, and MLflow's client "
                "reaches it through a plugin that is not installed: `uv sync --group sagemaker`, or an image that is "
                'built with --build-arg GROUPS="--group sagemaker".'
            )
        self.model = settings.model_name
        self._uri = settings.tracking_uri
        self._client = MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)

    def run(self, loop_run: str) -> str:
        """The MLflow run of a loop's run, made where it is missing: a step that is repeated goes on with the same.

        Raises:
            ServiceError: MLflow does not answer or refuses.
        """
        with self._translated():
            experiment = self._experiment()
            found = self._client.search_runs(
                [experiment], filter_string=f"tags.`{LOOP_RUN_TAG}` = '{loop_run}'", max_results=1
            )
            if found:
                return str(found[0].info.run_id)
            return str(
                self._client.create_run(experiment, tags={LOOP_RUN_TAG: loop_run}, run_name=loop_run).info.run_id
            )

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.model)
        return str(found.experiment_id if found else self._client.create_experiment(self.model))

    def log_params(self, run: str, params: Mapping[str, object]) -> None:
        """Log parameters; the same ones again are no error."""
        from mlflow.entities import Param

        with self._translated():
            self._client.log_batch(run, params=[Param(name, str(value)) for name, value in params.items()])

    def params(self, run: str) -> dict[str, str]:
        """A run's parameters."""
        with self._translated():
            return dict(self._client.get_run(run).data.params)

    def log_metrics(self, run: str, metrics: Mapping[str, float]) -> None:
        """Log metrics."""
        from mlflow.entities import Metric

        moment = int(time.time() * 1000)
        with self._translated():
            self._client.log_batch(run, [Metric(name, value, moment, 0) for name, value in metrics.items()])

    def metrics(self, run: str) -> dict[str, float]:
        """A run's metrics."""
        with self._translated():
            return dict(self._client.get_run(run).data.metrics)

    def log_text(self, run: str, name: str, text: str) -> None:
        """Log a text as an artifact."""
        with self._translated():
            self._client.log_text(run, text, name)

    def log_folder(self, run: str, name: str, folder: Path) -> None:
        """Log a folder as artifacts below `name`."""
        with self._translated():
            self._client.log_artifacts(run, str(folder), name)

    def finish(self, run: str, *, failed: bool = False) -> None:
        """End a run."""
        with self._translated():
            self._client.set_terminated(run, "FAILED" if failed else "FINISHED")

    def has_artifact(self, run: str, name: str) -> bool:
        """Whether a run has an artifact."""
        folder = name.rpartition("/")[0]
        with self._translated():
            return any(item.path == name for item in self._client.list_artifacts(run, folder or None))

    def fetch(self, run: str, name: str, folder: Path) -> Path:
        """Download a run's artifact or folder of artifacts."""
        with self._translated():
            return Path(self._client.download_artifacts(run, name, str(folder)))

    def text(self, run: str, name: str, folder: Path) -> str:
        """A run's artifact as text."""
        return self.fetch(run, name, folder).read_text(encoding="utf-8")

    def put_model(self, run: str, folder: Path, params: Mapping[str, str]) -> str:
        """Store a saved MLflow model; returns its id."""
        with self._translated():
            stored = self._client.create_logged_model(
                self._experiment(), name=self.model, source_run_id=run, params=dict(params)
            )
            self._client.log_model_artifacts(stored.model_id, str(folder))
            self._client.finalize_logged_model(stored.model_id, "READY")
            return str(stored.model_id)

    def add_version(self, run: str, model_id: str, tags: Mapping[str, str], description: str) -> str:
        """Register a stored model; returns the version's number."""
        with self._translated():
            if not self._client.search_registered_models(filter_string=f"name = '{self.model}'"):
                self._client.create_registered_model(self.model)
            made = self._client.create_model_version(
                self.model,
                source=f"models:/{model_id}",
                run_id=run,
                tags=dict(tags),
                description=description,
                model_id=model_id,
            )
            return str(made.version)

    def versions(self) -> list[Version]:
        """All versions, newest first."""
        with self._translated():
            found = self._client.search_model_versions(f"name = '{self.model}'")
            named = self._client.get_registered_model(self.model).aliases if found else {}
        # What a search finds does not say which aliases it carries.
        aliases = {
            item.version: tuple(alias for alias, number in named.items() if str(number) == str(item.version))
            for item in found
        }
        versions = (replace(self._version(item), aliases=aliases[item.version]) for item in found)
        return sorted(versions, key=lambda version: -int(version.number))

    def version(self, number: str) -> Version | None:
        """One version, or None."""
        return self._or_none(lambda: self._client.get_model_version(self.model, number))

    def aliased(self, alias: str) -> Version | None:
        """The version that carries an alias, or None."""
        return self._or_none(lambda: self._client.get_model_version_by_alias(self.model, alias))

    def set_alias(self, alias: str, number: str) -> None:
        """Give a version an alias; the one that had it loses it in the same step."""
        with self._translated():
            self._client.set_registered_model_alias(self.model, alias, number)

    def drop_alias(self, alias: str) -> None:
        """Take an alias away."""
        with self._translated():
            self._client.delete_registered_model_alias(self.model, alias)

    def tag(self, number: str, tags: Mapping[str, str]) -> None:
        """Tag a version."""
        with self._translated():
            for name, value in tags.items():
                self._client.set_model_version_tag(self.model, number, name, value)

    def suppressed(self) -> frozenset[str]:
        """Who is named in the registry as not to be known any more, by pseudonym."""
        with self._translated():
            found = self._client.search_registered_models(filter_string=f"name = '{self.model}'")
        return suppressed(found[0].tags) if found else frozenset()

    def suppress(self, wanted: frozenset[str]) -> bool:
        """Name these in the registry and nobody else; whether that changed anything."""
        named = self.suppressed()
        if wanted == named or not self.versions():
            return False
        with self._translated():
            for user in sorted(wanted - named):
                self._client.set_registered_model_tag(self.model, SUPPRESSED_TAG + user, "true")
            for user in sorted(named - wanted):
                self._client.delete_registered_model_tag(self.model, SUPPRESSED_TAG + user)
        return True

    def delete_version(self, version: Version) -> None:
        """Delete a version with its arrays: whoever they hold is gone with them."""
        with self._translated():
            model_id, files = self._files(version)
            self._client.delete_model_version(self.model, version.number)
            if model_id is not None:
                self._client.delete_logged_model(model_id)
            files.delete_artifacts()

    def replace_files(self, version: Version, folder: Path, place: Path) -> None:
        """Write a folder's files over those of a version, at a place within it."""
        with self._translated():
            _, files = self._files(version)
            files.log_artifacts(str(folder), place.as_posix())

    def _files(self, version: Version) -> tuple[str | None, Any]:
        """The id of a version's logged model, where it has one, and its files."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri = self._client.get_model_version_download_uri(self.model, version.number)
        model_id = uri.removeprefix("models:/") if uri.startswith("models:/m-") else None
        if model_id is not None:
            uri = self._client.get_logged_model(model_id).artifact_location
        return model_id, get_artifact_repository(uri, tracking_uri=self._uri)

    def fetch_version(self, number: str, folder: Path) -> Path:
        """Download a version's MLflow model."""
        from mlflow.artifacts import download_artifacts

        with self._translated():
            uri = self._client.get_model_version_download_uri(self.model, number)
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri))

    def _or_none(self, ask: Callable[[], Any]) -> Version | None:
        from mlflow.exceptions import MlflowException

        try:
            with self._translated():
                return self._version(ask())
        except ServiceError as error:
            cause = error.__cause__
            missing = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
            if isinstance(cause, MlflowException) and cause.error_code in missing:
                return None
            raise

    @staticmethod
    def _version(item: Any) -> Version:
        return Version(
            number=str(item.version),
            run=item.run_id or "",
            tags=dict(item.tags),
            aliases=tuple(item.aliases),
            description=item.description or "",
            created=item.creation_timestamp / 1000,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            reason = str(error).splitlines()[0]
            raise ServiceError(f"MLflow at {self._uri} does not do what it was asked: {reason}") from error
