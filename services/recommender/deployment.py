"""What is served now, and the task that makes it what the registry wants.

One reference to one frozen value: a request reads it once and is answered by what it found, so a swap can neither
drop a request nor mix two models. A model that cannot be fetched or trusted leaves everything as it is.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from recommender.child import FetchError
from recommender.manifest import ModelError
from recommender.metrics import Metrics
from recommender.model import Model
from recommender.pseudonyms import Pseudonyms
from recommender.registry import Mode, RegistryError, Version, Wanted
from recommender.source import Source

log = logging.getLogger("recommender")

Role = Literal["champion", "canary", "ab"]

_SLOWEST_RETRY_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Serving:
    """The models that answer."""

    champion: Model
    challenger: Model | None = None
    mode: Mode = "rolling"
    percent: float = 0.0

    def choose(self, user_id: str) -> tuple[Model, Role]:
        """The model that answers this user: always the same one as long as the share does not shrink."""
        if (
            (self.mode == "canary" or self.mode == "ab")
            and self.challenger is not None
            and assigned(self.challenger.version, self.champion.name_of(user_id), self.percent)
        ):
            return self.challenger, self.mode
        return self.champion, "champion"

    def shadow(self, user_id: str) -> Model | None:
        """The model that is compared on this user, if any."""
        if self.mode != "shadow" or self.challenger is None:
            return None
        name = self.champion.name_of(user_id)
        return self.challenger if assigned(self.challenger.version, name, self.percent) else None

    def roles(self) -> dict[str, Model]:
        """Models by role."""
        found = {"champion": self.champion}
        if self.challenger is not None:
            found[self.mode] = self.challenger
        return found


def assigned(version: str, user: str, percent: float) -> bool:
    """Whether a user has the version on trial. Drawn anew for each version: it is not always the same people whom
    trials befall, and what one trial did to them does not stay in the next one's groups."""
    return within(f"{version}:{user}", percent)


def within(user_id: str, percent: float) -> bool:
    """Whether a user belongs to the first `percent` of all, by a hash that is the same in every process."""
    digest = blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") < percent / 100 * 2**32


class Suppressed:
    """Who may not be known any more, as the registry said last; every model of a deployment looks here."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        return name in self.names


class Deployment:
    """Keeps `serving` what the source wants."""

    def __init__(
        self,
        source: Source,
        metrics: Metrics,
        poll_seconds: float,
        pseudonyms: Callable[[], Pseudonyms | None] = lambda: None,
        prepare: Callable[[Model], None] = lambda _: None,
        forget: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        """
        Args:
            prepare: is done with every model before it answers; in a thread.
            forget: is done with the pseudonyms of all who may not be known any more.
        """
        self.serving: Serving | None = None
        self.problem: str | None = "No model has been looked for yet."
        """Why what is served is not what is wanted, or None."""
        self._source = source
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._pseudonyms = pseudonyms
        self._prepare = prepare
        self._forget_users = forget
        self._suppressed = Suppressed()
        self._loaded: dict[Version, Model] = {}
        self._champion: Version | None = None
        self._previous: Version | None = None
        self._failures = 0
        self._refused: dict[Version, str] = {}
        self._wanted: Wanted | None = None
        self._one_at_a_time = asyncio.Lock()

    async def watch(self) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh()
            # A store that does not give the model out is asked less and less often.
            slower = self._poll_seconds * 2 ** min(self._failures, 10)
            await asyncio.sleep(max(self._poll_seconds, min(slower, _SLOWEST_RETRY_SECONDS)))

    async def refresh(self) -> str | None:
        """Look once and swap where something changed; what is in the way, or None."""
        async with self._one_at_a_time:
            try:
                problem = await self._refresh()
            except Exception as error:  # the watcher must outlive whatever a disk or a network comes up with
                log.exception("looking for a model failed")
                problem = f"{type(error).__name__}: {error}"
            if problem and problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem
            return problem

    async def _refresh(self) -> str | None:
        try:
            wanted = await self._source.look()
        except RegistryError as error:
            self._metrics.registry_up.set(0)
            if self.serving is None:
                await self._start_from_cache()
            return str(error)
        self._metrics.registry_up.set(1)
        self._metrics.registry_seen.set(time.time())
        # At once, and whatever becomes of the models below.
        self._suppress(wanted.suppressed)
        if wanted == self._wanted:
            return None
        problems: list[str] = []
        failures = self._failures
        champion = await self._model(wanted.champion, problems)
        challenger = await self._model(wanted.challenger, problems) if wanted.challenger else None
        if champion is not None:
            self._swap(wanted, champion, challenger)
            await self._forget(wanted)
            # Complete, or looked at again next time.
            self._wanted = None if problems else wanted
        if self._failures == failures:
            self._failures = 0
        return " ".join(problems) or None

    def _suppress(self, names: frozenset[str]) -> None:
        if names - self._suppressed.names:
            # Nobody goes back to a version that may hold them.
            self._previous = None
        self._suppressed.names = names
        self._forget_users(names)

    async def _start_from_cache(self) -> None:
        last = await self._source.last()
        if last is None:
            return
        self._suppress(last.suppressed)
        problems: list[str] = []
        model = await self._model(last.champion, problems)
        if model is not None:
            log.warning("serving version %s from the cache until the registry answers", last.champion.number)
            self._swap(last, model, None)

    async def _model(self, version: Version, problems: list[str]) -> Model | None:
        if version in self._loaded:
            return self._loaded[version]
        if version in self._refused:
            problems.append(self._refused[version])
            return None
        try:
            model = (await self._source.load(version)).under(self._pseudonyms(), self._suppressed)
            await asyncio.to_thread(self._prepare, model)
        except ModelError as error:
            self._metrics.refused.inc()
            self._refused[version] = f"Version {version.number} is refused: {error}"
            problems.append(self._refused[version])
            return None
        except (FetchError, OSError) as error:
            self._metrics.fetch_failures.inc()
            self._failures += 1
            problems.append(f"Version {version.number} cannot be fetched: {error}")
            return None
        self._loaded[version] = model
        return model

    def _swap(self, wanted: Wanted, champion: Model, challenger: Model | None) -> None:
        old = self.serving
        serving = (
            Serving(champion, challenger, wanted.mode, wanted.percent) if challenger is not None else Serving(champion)
        )
        if old is not None and old.roles() == serving.roles() and old.percent == serving.percent:
            return
        self.serving = serving
        self._metrics.swaps.inc()
        self._metrics.show_models(serving.roles())
        if old is None or old.champion is not champion:
            self._metrics.loaded.set(time.time())
        log.info(
            "serving version %s (%s)%s",
            champion.version or "without a number",
            champion.kind,
            f", {wanted.mode} {wanted.percent:g} % version {challenger.version}" if challenger is not None else "",
        )

    async def _forget(self, wanted: Wanted) -> None:
        keep = {wanted.champion, wanted.challenger}
        gone = [version for version in self._loaded if version not in keep]
        for version in gone:
            del self._loaded[version]
        self._refused = {version: why for version, why in self._refused.items() if version in keep}
        if self._champion is None or wanted.champion.number != self._champion.number:
            self._previous = self._champion
        self._champion = wanted.champion
        # The one before stays in the cache: rolling back to it is then a matter of milliseconds.
        kept = [version for version in (*keep, self._previous) if version is not None]
        await self._source.keep(kept, wanted)
