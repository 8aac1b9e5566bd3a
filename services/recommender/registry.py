"""Which versions the registry wants served: two aliases, and what the challenger's tags ask for.

A look costs two small requests, so it is done often and without MLflow's client; see
https://mlflow.org/docs/latest/api_reference/rest-api.html (registered-models/get, model-versions/get).
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast, get_args

import httpx

from recommender import child
from recommender.artifacts import connection, spoken_to
from recommender.child import FetchError
from recommender.manifest import ModelError
from recommender.settings import Settings

Mode = Literal["rolling", "canary", "shadow", "ab"]
MODE_TAG = "deploy.mode"
PERCENT_TAG = "deploy.percent"
SUPPRESSED_TAG = "suppressed."
"""Begins the tags of the registered model that name, by pseudonym, who asked to be forgotten: they are obeyed before
any model is trained again."""
REWRITTEN_TAG = "rewritten"
"""On a version whose files are others than they were when it was registered: somebody was taken out of them."""
_UNKNOWN = "RESOURCE_DOES_NOT_EXIST"
"""MLflow's code for a name that it does not know."""
DEFAULT_PERCENT: dict[Mode, float] = {"rolling": 0.0, "canary": 10.0, "shadow": 100.0, "ab": 50.0}


class RegistryError(Exception):
    """The registry cannot be asked, or has nothing to serve; what is served goes on."""


@dataclass(frozen=True)
class Version:
    """One version of the registered model; `key` differs between two registries that both count from 1."""

    number: str
    created: str

    @property
    def key(self) -> str:
        """Name of its folder in the cache."""
        return f"{self.number}-{self.created}"


@dataclass(frozen=True)
class Wanted:
    """What should be served."""

    champion: Version
    challenger: Version | None = None
    mode: Mode = "rolling"
    percent: float = 0.0
    """Share of users that the challenger answers (canary, ab) or is compared on (shadow), in percent."""
    suppressed: frozenset[str] = frozenset()
    """Pseudonyms of users who asked to be forgotten."""


class Registry(Protocol):
    """Where the wish comes from."""

    async def look(self) -> Wanted:
        """What should be served now.

        Raises:
            RegistryError: with one sentence.
        """

    async def close(self) -> None:
        """Give connections back."""


class HttpRegistry:
    """An MLflow server, asked through its REST API."""

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=10.0, **connection(settings.tracking_uri or "", environment))

    async def look(self) -> Wanted:
        """See Registry."""
        name = self._settings.model_name
        model = await self._get("registered-models/get", "registered_model", {"name": name})
        aliases = _pairs(model.get("aliases"), "alias", "version")
        versions = {}
        for version in _named(aliases, self._settings):
            found = await self._get("model-versions/get", "model_version", {"name": name, "version": version})
            versions[version] = (str(found.get("creation_timestamp", "")), _pairs(found.get("tags"), "key", "value"))
        tags = _pairs(model.get("tags"), "key", "value")
        return replace(wanted(aliases, versions, self._settings), suppressed=suppressed(tags))

    async def _get(self, path: str, key: str, query: dict[str, str]) -> dict[str, object]:
        try:
            answer = await self._client.get(f"/api/2.0/mlflow/{path}", params=query)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise RegistryError(f"MLflow at {self._settings.tracking_uri} does not answer: {reason}.") from None
        if answer.status_code != httpx.codes.OK or not isinstance(body, dict) or key not in body:
            if isinstance(body, dict) and body.get("error_code") == _UNKNOWN and key == "registered_model":
                raise RegistryError(
                    f'There is no model yet: MLflow knows none by the name "{self._settings.model_name}".'
                )
            message = body.get("message") if isinstance(body, dict) else None
            raise RegistryError(
                f"MLflow at {self._settings.tracking_uri} refuses {path}: {message or answer.status_code}."
            )
        return cast("dict[str, object]", body[key])

    async def close(self) -> None:
        """See Registry."""
        await self._client.aclose()


class ChildRegistry:
    """Any tracking URI that MLflow's client understands, asked in a child process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def look(self) -> Wanted:
        """See Registry."""
        try:
            answer = await child.run("look", "--model", self._settings.model_name, timeout_seconds=60)
        except (FetchError, ModelError) as error:
            raise RegistryError(f"The registry at {self._settings.tracking_uri} cannot be asked: {error}") from None
        aliases = cast("dict[str, str]", answer["aliases"])
        found = cast("dict[str, dict[str, object]]", answer["versions"])
        versions = {
            number: (str(entry["created"]), cast("dict[str, str]", entry["tags"])) for number, entry in found.items()
        }
        tags = cast("dict[str, str]", answer["tags"])
        return replace(wanted(aliases, versions, self._settings), suppressed=suppressed(tags))

    async def close(self) -> None:
        """See Registry."""


def registry(settings: Settings) -> Registry:
    """The registry behind MLFLOW_TRACKING_URI."""
    return HttpRegistry(settings) if spoken_to(settings.tracking_uri or "") else ChildRegistry(settings)


def wanted(
    aliases: Mapping[str, str], versions: Mapping[str, tuple[str, Mapping[str, str]]], settings: Settings
) -> Wanted:
    """The wish that aliases and tags express. A challenger without a mode it can run in is left alone.

    Raises:
        RegistryError: no version carries the champion's alias.
    """
    number = aliases.get(settings.champion_alias)
    if number is None:
        raise RegistryError(
            f'There is no model yet: no version of "{settings.model_name}" carries the alias '
            f'"{settings.champion_alias}", so nothing has been promoted yet.'
        )
    champion = _version(number, *versions[number])
    other = aliases.get(settings.challenger_alias)
    if other is None or other == number:
        return Wanted(champion)
    created, tags = versions[other]
    mode = tags.get(MODE_TAG, "rolling")
    if mode not in get_args(Mode) or mode == "rolling":
        return Wanted(champion)
    mode = cast(Mode, mode)
    return Wanted(champion, _version(other, created, tags), mode, percent(tags.get(PERCENT_TAG), mode))


def _version(number: str, created: str, tags: Mapping[str, str]) -> Version:
    rewritten = tags.get(REWRITTEN_TAG)
    return Version(number, f"{created}-{rewritten}" if rewritten else created)


def suppressed(tags: Iterable[str]) -> frozenset[str]:
    """Who the registered model's tags say is to be forgotten."""
    return frozenset(tag.removeprefix(SUPPRESSED_TAG) for tag in tags if tag.startswith(SUPPRESSED_TAG))


def percent(text: str | None, mode: Mode) -> float:
    """The share that a tag asks for, within 0 and 100; a tag that is no number counts as not given."""
    try:
        share = float(text) if text is not None else DEFAULT_PERCENT[mode]
    except ValueError:
        share = DEFAULT_PERCENT[mode]
    return min(max(share, 0.0), 100.0) if share == share else DEFAULT_PERCENT[mode]


def _named(aliases: Mapping[str, str], settings: Settings) -> set[str]:
    return {aliases[alias] for alias in (settings.champion_alias, settings.challenger_alias) if alias in aliases}


def _pairs(entries: object, key: str, value: str) -> dict[str, str]:
    # MLflow leaves an empty list out.
    found = cast("list[dict[str, object]]", entries or [])
    return {str(entry[key]): str(entry.get(value, "")) for entry in found}
