"""Masking, consent and retention: what is taken out before anything is written."""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.settings import Settings
from recommender.pseudonyms import KEY_FILE, Pseudonyms

_ERASED, _WITHDRAWN, _PENDING = "erased/", "withdrawn/", "withdrawing/"
_LAST = "forgotten.json"


@dataclass(frozen=True, kw_only=True)
class PrivacyRules:
    """What may be kept."""

    retention_days: int = 730
    """Days after which an event is neither taken in nor kept."""
    shown_days: int = 90
    """The same for what the recommender showed; no longer than events in any case."""
    most_withdrawn_share: float = 0.1
    """Share of the lake's events that one file of users may delete by withdrawn consent; above it ingest stops and
    asks. 1 lets every file do so."""
    least_withdrawing: int = 20
    """Users below whom their share of the events asks nobody."""

    @property
    def grain(self) -> timedelta:
        """How much later than due events are deleted, for the sake of fewer rewrites; nobody reads them meanwhile."""
        return timedelta(days=1)

    def oldest(self, now: datetime) -> datetime:
        """Events before this moment go."""
        return now - timedelta(days=self.retention_days)

    def oldest_shown(self, now: datetime) -> datetime:
        """Impressions before this moment go, at most an hour later."""
        return now - timedelta(days=min(self.shown_days, self.retention_days))


class Masker:
    """Replaces values by a keyed hash: equal values stay equal, and nobody without the key can try addresses or ids."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self.pseudonyms = Pseudonyms(salt)

    @classmethod
    def of(cls, settings: Settings) -> "Masker":
        """The masker of these settings.

        Raises:
            InputError: no salt is given, and S3 is AWS's own: a salt on one pod's disk would differ from the next.
        """
        if settings.pii_salt:
            return cls(settings.pii_salt.encode())
        if settings.endpoint_url is None:
            raise InputError("MLOPS_PII_SALT is not set: masked values need the salt that the platform's secret holds.")
        path = settings.state / KEY_FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return cls(path.read_text().encode())

    def mask(self, value: str) -> str:
        """Of an e-mail address, whose case means nothing: hex HMAC-SHA-256, cut to 32 characters."""
        return hmac.new(self._salt, value.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]

    def column(self, values: pa.ChunkedArray) -> pa.Array:
        """Mask a column of addresses; null stays null."""
        return pa.array([None if value is None else self.mask(value) for value in values.to_pylist()], pa.string())

    def users(self, user_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """A column of users' ids as pseudonyms; null stays null."""
        encoded = user_ids.combine_chunks().dictionary_encode()
        names = [self.pseudonyms.of(user_id) for user_id in encoded.dictionary.to_pylist()]
        return pa.chunked_array([pa.array(names, pa.string()).take(encoded.indices)])

    def events(self, event_ids: pa.ChunkedArray) -> pa.Array:
        """A column of events' ids, which may hold anything, as `e` and a keyed SipHash of 64 bits; null stays null."""
        key = hmac.digest(self._salt, b"event", "sha256").hex()[:16]
        values = pc.fill_null(event_ids, "").to_pandas().to_numpy(object)
        hashed = pa.array(pd.util.hash_array(values, hash_key=key, categorize=False)).cast(pa.string())
        return pc.if_else(pc.is_null(event_ids), None, pc.binary_join_element_wise("e", hashed, ""))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Somebody who asked to be forgotten."""

    user: str
    """Pseudonym."""
    at: float
    """Seconds since 1970."""
    events: int
    """Of training sets that they were in."""


def learnt_from(asked: Iterable[Asked], moment: float) -> frozenset[str]:
    """Of these who asked after a moment (seconds since 1970) and were in a training set."""
    return frozenset(person.user for person in asked if person.events and person.at > moment)


class Erasures:
    """Who asked to be forgotten, by pseudonym: neither a replayed stream nor an old file may bring them back.

    Who only withdrew consent is forgotten as well, and may come back by consenting again.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def add(self, pseudonym: str, moment: datetime, *, events: int) -> None:
        """Remember an erasure, and how many events of training sets went with it."""
        self._put(_ERASED + pseudonym, moment, events)

    def withdraw(self, pseudonyms: Iterable[str], moment: datetime) -> None:
        """Remember withdrawals; what was derived from these users is still to go."""
        for pseudonym in pseudonyms:
            self._put(_WITHDRAWN + pseudonym, moment, 0)
            self._lake.put("raw", _PENDING + pseudonym, b"")

    def pending(self) -> list[str]:
        """Who withdrew, and is still in what was derived."""
        return [key.removeprefix(_PENDING) for key in self._lake.keys("raw", _PENDING)]

    def settled(self, pseudonyms: Iterable[str], moment: datetime, *, events: int) -> None:
        """What was derived from them is gone, with so many events of training sets."""
        for pseudonym in pseudonyms:
            self._put(_WITHDRAWN + pseudonym, moment, events)
            self._lake.delete("raw", _PENDING + pseudonym)

    def returned(self, pseudonyms: pa.Array) -> None:
        """Who withdrew and consents again is nobody to be forgotten."""
        for pseudonym in self._names(_WITHDRAWN) & set(pseudonyms.to_pylist()):
            self._lake.delete("raw", _WITHDRAWN + pseudonym, _PENDING + pseudonym)

    def all(self) -> frozenset[str]:
        """Pseudonyms of the erased."""
        return self._names(_ERASED)

    def since(self, moment: float) -> frozenset[str]:
        """Pseudonyms of those who asked after a moment (seconds since 1970) and were in a training set."""
        return learnt_from(self.asked(), moment)

    def asked(self) -> list[Asked]:
        """Everybody who asked, and did not come back."""
        found = [
            (key.rpartition("/")[2], json.loads(self._lake.need("raw", key)))
            for prefix in (_ERASED, _WITHDRAWN)
            for key in self._lake.keys("raw", prefix)
        ]
        return [
            Asked(user=user, at=datetime.fromisoformat(said["at"]).timestamp(), events=said["events"])
            for user, said in found
        ]

    def last(self) -> datetime | None:
        """When somebody was forgotten last: what began before may hold them."""
        stored = self._lake.get("raw", _LAST)
        return datetime.fromisoformat(json.loads(stored)["at"]) if stored else None

    def allowed(self, user_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Per row, whether the user did not ask to be forgotten."""
        return pc.invert(pc.is_in(user_ids, value_set=pa.array(self.all(), pa.string())))

    def _names(self, prefix: str) -> frozenset[str]:
        return frozenset(key.removeprefix(prefix) for key in self._lake.keys("raw", prefix))

    def _put(self, key: str, moment: datetime, events: int) -> None:
        earlier = json.loads(self._lake.get("raw", key) or b'{"events": 0}')["events"]
        self._lake.put_json("raw", key, {"at": moment.isoformat(), "events": events + earlier})
        self._lake.put_json("raw", _LAST, {"at": moment.isoformat()})
