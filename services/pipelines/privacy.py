"""Masking, consent and retention: what is taken out before anything is written."""

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.settings import Settings

EMAIL = re.compile(r"[^\s@,;\"'<>]+@[^\s@,;\"'<>]+\.[^\s@,;\"'<>]+")
_ERASED = "erased/"


@dataclass(frozen=True, kw_only=True)
class PrivacyRules:
    """What may be kept."""

    retention_days: int = 730
    """Days after which an event is neither taken in nor kept."""
    most_withdrawn_share: float = 0.1
    """Share of the lake's events that one file of users may delete by withdrawn consent; above it ingest stops and
    asks. 1 lets every file do so."""
    least_withdrawing: int = 20
    """Users below whom their share of the events asks nobody."""

    def oldest(self, now: datetime) -> datetime:
        """Events before this moment go."""
        return now - timedelta(days=self.retention_days)


class Masker:
    """Replaces values by a salted hash: equal values stay equal, and nobody without the salt can try addresses."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

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
        path = settings.state / "pii-salt"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return cls(path.read_text().encode())

    def mask(self, value: str) -> str:
        """Hex HMAC-SHA-256, cut to 32 characters."""
        return hmac.new(self._salt, value.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]

    def column(self, values: pa.ChunkedArray) -> pa.Array:
        """Mask a column of strings; null stays null."""
        return pa.array([None if value is None else self.mask(value) for value in values.to_pylist()], pa.string())


def without_emails(text: str) -> str:
    """The text with every e-mail address blotted out: for rows that could not be read and are kept as they came."""
    return EMAIL.sub("[e-mail]", text)


class Erasures:
    """Who asked to be forgotten, as masked ids: neither a replayed stream nor an old file may bring them back."""

    def __init__(self, lake: Lake, masker: Masker) -> None:
        self._lake = lake
        self._masker = masker

    def add(self, user_id: str, moment: datetime, *, events: int) -> None:
        """Remember an erasure, and how many events of training sets went with it."""
        key = _ERASED + self._masker.mask(user_id)
        earlier = json.loads(self._lake.get("raw", key) or b'{"events": 0}')["events"]
        self._lake.put_json("raw", key, {"at": moment.isoformat(), "events": events + earlier})

    def all(self) -> frozenset[str]:
        """Masked ids."""
        return frozenset(key.removeprefix(_ERASED) for key in self._lake.keys("raw", _ERASED))

    def since(self, moment: float) -> frozenset[str]:
        """Masked ids of those who asked after a moment (seconds since 1970) and were in a training set."""
        asked = {masked: json.loads(self._lake.need("raw", _ERASED + masked)) for masked in self.all()}
        return frozenset(
            masked
            for masked, erasure in asked.items()
            if erasure["events"] and datetime.fromisoformat(erasure["at"]).timestamp() > moment
        )

    def allowed(self, user_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Per row, whether the user did not ask to be forgotten."""
        erased = self.all()
        distinct = pc.unique(user_ids).to_pylist() if erased else []
        forgotten = [user for user in distinct if user is not None and self._masker.mask(user) in erased]
        return pc.invert(pc.is_in(user_ids, value_set=pa.array(forgotten, pa.string())))
