"""Where models come from: the registry, by way of a cache of verified folders, or one folder."""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from recommender import child
from recommender.manifest import MANIFEST
from recommender.model import Model
from recommender.registry import Registry, RegistryError, Version, Wanted, registry
from recommender.settings import Settings

_LAST = "last.json"
_ABANDONED_SECONDS = 3600.0
_WARM_USERS = 20


class Source(Protocol):
    """Tells what to serve, and loads it."""

    async def look(self) -> Wanted:
        """What should be served now; raises RegistryError."""

    async def load(self, version: Version) -> Model:
        """The verified model; raises ModelError (for good) or FetchError (for now)."""

    async def last(self) -> Wanted | None:
        """The champion of an earlier run, if its model is still here, and who was suppressed then."""

    async def keep(self, versions: Collection[Version], wanted: Wanted) -> None:
        """Remember the champion and who is suppressed, and drop what is not named."""

    async def close(self) -> None:
        """Give connections back."""


class RegistrySource:
    """Models of the registry; each version is a folder of the cache that is written once and then only mapped."""

    def __init__(self, settings: Settings, asked: Registry) -> None:
        self._settings = settings
        self._registry = asked
        self._cache = settings.cache / quote(settings.model_name, safe="")

    async def look(self) -> Wanted:
        """See Source."""
        return await self._registry.look()

    async def load(self, version: Version) -> Model:
        """See Source."""
        folder = self._cache / version.key
        await child.run(
            "get",
            "--model",
            self._settings.model_name,
            "--version",
            version.number,
            "--to",
            str(folder),
            timeout_seconds=self._settings.fetch_timeout_seconds,
        )
        model = await asyncio.to_thread(_load, folder, mmap=True)
        return model.with_version(version.number)

    async def last(self) -> Wanted | None:
        """See Source."""
        try:
            noted = json.loads((self._cache / _LAST).read_text(encoding="utf-8"))
            version = Version(str(noted["number"]), str(noted["created"]))
            suppressed = frozenset(map(str, noted.get("suppressed", ())))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Wanted(version, suppressed=suppressed) if (self._cache / version.key).is_dir() else None

    async def keep(self, versions: Collection[Version], wanted: Wanted) -> None:
        """See Source."""
        await asyncio.to_thread(self._keep, {version.key for version in versions}, wanted)

    def _keep(self, keys: set[str], wanted: Wanted) -> None:
        noted = {**vars(wanted.champion), "suppressed": sorted(wanted.suppressed)}
        note = json.dumps(noted)
        # Processes may share the cache: each has a name of its own for what is not complete.
        with tempfile.NamedTemporaryFile("w", dir=self._cache, prefix=".last-", encoding="utf-8", delete=False) as file:
            file.write(note)
        Path(file.name).replace(self._cache / _LAST)
        for folder in self._cache.iterdir():
            if folder.name in keys or not folder.is_dir():
                continue
            with contextlib.suppress(FileNotFoundError):
                # A fetch in progress belongs to somebody, as long as it is young.
                young = time.time() - folder.stat().st_mtime < _ABANDONED_SECONDS
                if not (folder.name.startswith(".") and young):
                    shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """See Source."""
        await self._registry.close()


class FolderSource:
    """One folder. It is read into memory: who replaces its files must not pull them from under a mapped model."""

    def __init__(self, folder: Path, timeout_seconds: float) -> None:
        self._folder = folder
        self._timeout_seconds = timeout_seconds

    async def look(self) -> Wanted:
        """See Source."""
        folder = self._folder.resolve()
        try:
            changed = (folder / MANIFEST).stat().st_mtime_ns
        except OSError:
            raise RegistryError(f"{self._folder} holds no model: {MANIFEST} is missing.") from None
        return Wanted(Version(str(folder), str(changed)))

    async def load(self, version: Version) -> Model:
        """See Source."""
        await child.run("check", "--folder", version.number, timeout_seconds=self._timeout_seconds)
        model = await asyncio.to_thread(_load, Path(version.number), mmap=False)
        return model if model.version else model.with_version(model.manifest.created)

    async def last(self) -> Wanted | None:
        """See Source."""
        return None

    async def keep(self, versions: Collection[Version], wanted: Wanted) -> None:
        """See Source."""

    async def close(self) -> None:
        """See Source."""


def source(settings: Settings) -> Source:
    """The source that the settings name."""
    if settings.model_path is not None:
        return FolderSource(settings.model_path, settings.fetch_timeout_seconds)
    return RegistrySource(settings, registry(settings))


def _load(folder: Path, *, mmap: bool) -> Model:
    model = Model.load(folder, mmap=mmap)
    model.touch()
    # The first answers would pay for what is made on first use.
    for row in range(min(len(model.users), _WARM_USERS)):
        model.recommend(model.users.name(row * len(model.users) // _WARM_USERS), 10)
    return model
