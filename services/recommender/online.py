"""What recommenders are told beside the model: rules, the catalogue, and what users did lately.

Three small objects in the lake, which every replica looks at again and again; one that did not change costs a request
and no bytes. What cannot be read leaves what is known as it is.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from weakref import WeakKeyDictionary

from recommender.catalogue import CATALOGUE, Assortment, Catalogue
from recommender.manifest import ModelError
from recommender.metrics import Metrics
from recommender.model import Model
from recommender.recent import RECENT, RecentTable
from recommender.rules import RULES, Rules, RulesError
from recommender.settings import Settings

log = logging.getLogger("recommender")

_UNCHANGED = {"304", "NotModified"}
_ABSENT = {"NoSuchKey", "404"}


class Documents(Protocol):
    """Gives objects; called in a thread."""

    def get(self, key: str, etag: str | None) -> tuple[bytes | None, str | None] | None:
        """Content and tag, both None where there is no such object; None alone where the tag is still right."""


class S3Documents:
    """Objects of a bucket, through boto3."""

    def __init__(self, settings: Settings) -> None:
        # Imported here: a service without a lake starts without it.
        import boto3
        from botocore.config import Config

        self._bucket = settings.bucket_artifacts
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            config=Config(retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=10),
        )

    def get(self, key: str, etag: str | None) -> tuple[bytes | None, str | None] | None:
        """See Documents."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": etag} if etag else {}
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **condition)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in _UNCHANGED:
                return None
            if code in _ABSENT:
                return None, None
            raise
        return answer["Body"].read(), answer["ETag"]


@dataclass(frozen=True, eq=False)
class Known:
    """What the documents say, each as it was read last."""

    rules: Rules = field(default_factory=Rules)
    catalogue: Catalogue | None = None
    recent: RecentTable | None = None


class Online:
    """Keeps `known` what the documents say."""

    def __init__(self, settings: Settings, metrics: Metrics, documents: Documents | None = None) -> None:
        self.known: Known | None = Known() if settings.bucket_artifacts is None and documents is None else None
        """None before the first look: who does not know what is withdrawn does not answer."""
        self.problem: str | None = None
        self._settings = settings
        self._metrics = metrics
        self._documents = documents
        self._cache = settings.cache / f"online-{quote(settings.model_name, safe='')}"
        self._etags: dict[str, str | None] = {}
        self._assortments: WeakKeyDictionary[Model, Assortment] = WeakKeyDictionary()
        self._one_at_a_time = asyncio.Lock()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._settings.poll_seconds)

    async def refresh(self) -> None:
        """Look once."""
        if self._settings.bucket_artifacts is None and self._documents is None:
            return
        async with self._one_at_a_time:
            problem = await asyncio.to_thread(self._refresh)
            if problem and problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem

    def assortment(self, model: Model) -> Assortment:
        """What of a model's products may be shown."""
        found = self._assortments.get(model)
        if found is None:
            self.prepare(model)
            found = self._assortments[model]
        return found

    def prepare(self, model: Model) -> None:
        """Find out now what the first answer would have to find out; in a thread."""
        known = self.known or Known()
        self._assortments[model] = Assortment.of(known.catalogue, known.rules, model.products)

    def _refresh(self) -> str | None:
        if self._documents is None:
            self._documents = S3Documents(self._settings)
        known, problems = self.known or Known(), []
        for key, take in _TAKERS.items():
            try:
                known = self._read(self._documents, key, take, known)
            except (ModelError, RulesError) as error:
                problems.append(f"{error} What it said before goes on.")
            except Exception as error:  # a client has many errors; each means: not read, try again
                problems.append(f"{key} cannot be read: {type(error).__name__}.")
                if self.known is None:
                    known = self._cached(key, take, known)
        if problems and self.known is None and self._etags.get(RULES) is None and not self._cached_rules.is_file():
            return " ".join(problems)
        self._swap(known)
        return " ".join(problems) or None

    def _read(self, documents: Documents, key: str, take: "Taker", known: Known) -> Known:
        found = documents.get(key, self._etags.get(key))
        if found is None:
            return known
        data, etag = found
        taken = take(known, data)
        self._etags[key] = etag
        if key == RULES:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._cached_rules.write_bytes(data or taken.rules.written())
        return taken

    def _cached(self, key: str, take: "Taker", known: Known) -> Known:
        """A restart while the lake is away does not forget what is withdrawn."""
        try:
            return take(known, self._cached_rules.read_bytes()) if key == RULES else known
        except (OSError, RulesError):
            return known

    @property
    def _cached_rules(self) -> Path:
        return self._cache / "rules.json"

    def _swap(self, known: Known) -> None:
        before = self.known
        changed = before is None or before.rules is not known.rules or before.catalogue is not known.catalogue
        if changed:
            for model in list(self._assortments):
                self._assortments[model] = Assortment.of(known.catalogue, known.rules, model.products)
            self._metrics.rules.set(len(known.rules.rules))
        self.known = known


Taker = Callable[[Known, bytes | None], Known]
_TAKERS: dict[str, Taker] = {
    RULES: lambda known, data: replace(known, rules=Rules.read(data)),
    CATALOGUE: lambda known, data: replace(known, catalogue=Catalogue.unpacked(data) if data else None),
    RECENT: lambda known, data: replace(known, recent=RecentTable.unpacked(data) if data else None),
}
