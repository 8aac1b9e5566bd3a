"""What recommenders are told beside the model: rules, the catalogue, and what users did lately.

Three small objects in the lake, which every replica looks at again and again; one that did not change costs a request
and no bytes. What cannot be read leaves what is known as it is.
"""

import asyncio
import contextlib
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


class FolderDocuments:
    """Files of a folder, for a service that takes its model from one: as they lie in the bucket, beside the model's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, etag: str | None) -> tuple[bytes | None, str | None] | None:
        """See Documents."""
        path = self._folder / key
        try:
            tag = str(path.stat().st_mtime_ns)
            return None if tag == etag else (path.read_bytes(), tag)
        except FileNotFoundError:
            return None, None


def documents_of(settings: Settings) -> Documents | None:
    """Where they are read, by the settings; None where there are none."""
    if settings.bucket_artifacts is not None:
        return S3Documents(settings)
    return FolderDocuments(settings.model_path.parent) if settings.model_path is not None else None


@dataclass(frozen=True, eq=False)
class Known:
    """What the documents say, each as it was read last."""

    rules: Rules = field(default_factory=Rules)
    catalogue: Catalogue | None = None
    recent: RecentTable | None = None
    assortments: WeakKeyDictionary[Model, Assortment] = field(default_factory=WeakKeyDictionary)
    """What rules and catalogue mean for each model."""

    def assortment(self, model: Model) -> Assortment:
        """What of a model's products may be shown; found out where nobody asked yet."""
        found = self.assortments.get(model)
        if found is None:
            found = Assortment.of(self.catalogue, self.rules, model.products)
            self.assortments[model] = found
        return found


class Online:
    """Keeps `known` what the documents say."""

    def __init__(self, settings: Settings, metrics: Metrics, documents: Documents | None = None) -> None:
        given = documents is not None or settings.bucket_artifacts is not None or settings.model_path is not None
        self.known: Known | None = None if given else Known()
        """None before the first look: who does not know what is withdrawn does not answer."""
        self.problem: str | None = None
        self._settings = settings
        self._metrics = metrics
        self._documents = documents
        place = quote(str(settings.bucket_artifacts or settings.model_path), safe="")
        self._cached_rules = settings.cache / "rules" / f"{place[-200:]}.json"
        self._etags: dict[str, str | None] = {}
        self._one_at_a_time = asyncio.Lock()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._settings.poll_seconds)

    async def refresh(self) -> None:
        """Look once."""
        if self._documents is None:
            self._documents = await asyncio.to_thread(documents_of, self._settings)
        if self._documents is None:
            return
        async with self._one_at_a_time:
            problem = await asyncio.to_thread(self._refresh, self._documents)
            if problem and problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem

    def prepare(self, model: Model) -> None:
        """Find out now what the first answer would have to find out; in a thread."""
        (self.known or Known()).assortment(model)

    def _refresh(self, documents: Documents) -> str | None:
        known, problems = self.known or Known(), []
        for key, take in _TAKERS.items():
            try:
                known = self._read(documents, key, take, known)
            except (ModelError, RulesError) as error:
                problems.append(f"{error} What was known before goes on.")
            except Exception as error:  # a client has many errors; each means: not read, try again
                problems.append(f"{key} cannot be read: {type(error).__name__}.")
            if key == RULES and problems and self.known is None:
                # A restart while the lake is away does not forget what is withdrawn.
                try:
                    known = take(known, self._cached_rules.read_bytes())
                except (OSError, RulesError):
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
            with contextlib.suppress(OSError):
                self._cached_rules.parent.mkdir(parents=True, exist_ok=True)
                self._cached_rules.write_bytes(taken.rules.written())
        return taken

    def _swap(self, known: Known) -> None:
        before = self.known or Known()
        if before.rules is not known.rules or before.catalogue is not known.catalogue:
            known = replace(known, assortments=WeakKeyDictionary())
            for model in list(before.assortments):
                known.assortment(model)
            self._metrics.rules.set(len(known.rules.rules))
        self.known = known


Taker = Callable[[Known, bytes | None], Known]
_TAKERS: dict[str, Taker] = {
    RULES: lambda known, data: replace(known, rules=Rules.read(data)),
    CATALOGUE: lambda known, data: replace(known, catalogue=Catalogue.unpacked(data) if data else None),
    RECENT: lambda known, data: replace(known, recent=RecentTable.unpacked(data) if data else None),
}
