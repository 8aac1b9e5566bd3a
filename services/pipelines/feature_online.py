"""Features online, where the platform has a store for them: filled by a job, served over HTTP.

The registry in PostgreSQL says what there is and until when it was filled; the lake is the offline side. Both jobs and
servers are told by the environment where everything is.
"""

import contextlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines import features
from pipelines.errors import InputError, ServiceError
from pipelines.feature_views import views
from pipelines.features import Features, FeatureStore
from pipelines.lake import Lake

LIFETIME = timedelta(days=1)
"""After which an entity that is in no features any more, as somebody who was erased, is not known online either."""
_KINDS = ("valkey", "dynamodb", "sagemaker")
_SERIALIZATION = 3


@dataclass(frozen=True, kw_only=True)
class Online:
    """Where features go online."""

    kind: str
    region: str
    prefix: str
    """Start of the names of tables and feature groups."""
    registry: str | None = None
    """SQLAlchemy's address of Feast's registry; holds a password."""
    cache_url: str | None = None
    cache: str | None = None
    cache_user: str | None = None
    endpoint_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Online":
        """What the platform says.

        Raises:
            InputError: with what is missing, or wrong.
        """
        values = os.environ if environment is None else environment
        kind = values.get("MLOPS_FEATURES_ONLINE", "")
        if kind not in _KINDS:
            raise InputError(
                f'MLOPS_FEATURES_ONLINE is "{kind}"; allowed: {", ".join(_KINDS)}. The platform\'s module '
                "feature_store sets it."
            )
        wanted = {"AWS_REGION", "MLOPS_FEATURES_PREFIX"}
        wanted |= {"MLOPS_CACHE_URL"} if kind == "valkey" else set()
        wanted |= {"MLOPS_FEATURES_REGISTRY"} if kind != "sagemaker" else set()
        if missing := sorted(name for name in wanted if not values.get(name)):
            raise InputError(f"Features go online in {kind}, and these variables are not set: {', '.join(missing)}.")
        return cls(
            kind=kind,
            region=values["AWS_REGION"],
            prefix=values["MLOPS_FEATURES_PREFIX"],
            registry=values.get("MLOPS_FEATURES_REGISTRY"),
            cache_url=values.get("MLOPS_CACHE_URL"),
            cache=values.get("MLOPS_CACHE"),
            cache_user=values.get("MLOPS_CACHE_USER"),
            endpoint_url=values.get("AWS_ENDPOINT_URL") or None,
        )

    @property
    def store(self) -> dict[str, Any]:
        """The section `online_store` of Feast's configuration."""
        if self.kind == "valkey":
            return {
                "type": "pipelines.online_valkey.ValkeyOnlineStore",
                "url": self.cache_url,
                "region": self.region,
                "cache": self.cache,
                "user": self.cache_user,
                "key_ttl_seconds": int(LIFETIME.total_seconds()),
                # What did not change is written again, and lives on.
                "skip_dedup": True,
            }
        return {
            "type": "pipelines.online_dynamodb.TableOnlineStore",
            "region": self.region,
            "prefix": self.prefix,
            "lifetime_seconds": int(LIFETIME.total_seconds()),
            "endpoint_url": self.endpoint_url,
        }

    def feast(self) -> Any:
        """Feast over the shared registry.

        Raises:
            ServiceError: the registry does not answer.
        """
        import feast
        from sqlalchemy.exc import SQLAlchemyError

        config = feast.RepoConfig(
            project=views().project,
            provider="local",
            registry={"registry_type": "sql", "path": self.registry, "cache_ttl_seconds": 60},
            offline_store={"type": "file"},
            online_store=self.store,
            entity_key_serialization_version=_SERIALIZATION,
        )
        try:
            return feast.FeatureStore(config=config)
        except SQLAlchemyError as error:
            # Its text holds the address, and that the password.
            raise ServiceError(f"Feast's registry does not answer: {type(error).__name__}.") from None


@dataclass(frozen=True, kw_only=True)
class Materialized:
    """What went online."""

    features: Features
    age_seconds: float
    """Since they were computed."""


def materialize(lake: Lake, state: Path, online: Online, now: datetime) -> Materialized | None:
    """Bring the features that were computed last online; None before the loop has computed some."""
    found = features.latest(lake)
    if found is None:
        return None
    if online.kind == "sagemaker":
        from pipelines.online_sagemaker import put

        put(lake, found, online)
    else:
        _by_feast(lake, state, found, online)
    return Materialized(features=found, age_seconds=found.age(now).total_seconds())


def _by_feast(lake: Lake, state: Path, found: Features, online: Online) -> None:
    from pipelines.feature_definitions import definitions

    shared = online.feast()
    FeatureStore(lake, state, online.store).publish(found)
    # Definitions of the shared registry lead to the lake: whoever trains elsewhere reads the same files.
    with contextlib.redirect_stdout(io.StringIO()):
        shared.apply(list(definitions(lake.uri("features", found.data_version))))
    moment = datetime.fromisoformat(found.as_of)
    for view in views().views:
        registered = shared.registry.get_feature_view(view.name, shared.project)
        # Feast's server tells by this how old the features are.
        shared.registry.apply_materialization(registered, shared.project, moment - LIFETIME, moment)


def serve(online: Online, host: str, port: int, workers: int) -> None:
    """Answer for features over HTTP until told to stop; metrics on port 8000, Feast's own.

    Raises:
        InputError: the features are in SageMaker, which serves them itself.
    """
    if online.kind == "sagemaker":
        raise InputError("Features in SageMaker are served by SageMaker: ask its runtime for a record.")
    online.feast().serve(
        host=host,
        port=port,
        type_="http",
        no_access_log=True,
        workers=workers,
        worker_connections=1000,
        max_requests=1000,
        max_requests_jitter=50,
        keep_alive_timeout=75,
        registry_ttl_sec=60,
        tls_key_path="",
        tls_cert_path="",
        metrics=True,
    )
