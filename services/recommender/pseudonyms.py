"""Pseudonyms: what stands for a user in the lake, in features and in models; only the holder of the key can tell who.

The loop makes them before anything is written; the service makes the same ones of the ids that it is asked for.
"""

import hashlib
import hmac
import re
from pathlib import Path

_FORM = re.compile(r"u-[0-9a-f]{32}")
KEY_FILE = "pii-salt"
"""Name of the file in the folder for scratch that holds the key where none is given."""


class Pseudonyms:
    """Keyed hashes of ids. The same id has the same pseudonym, to the letter: AB1 is not ab1."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.fingerprint = hmac.digest(key, b"fingerprint", "sha256").hex()[:16]
        """Tells this key from another one, and nothing about it."""

    @classmethod
    def found(cls, key: str | None, state: Path | None) -> "Pseudonyms | None":
        """By the key, or by the one that the loop keeps in its folder; None where there is neither."""
        if key:
            return cls(key.encode())
        path = state / KEY_FILE if state else None
        return cls(path.read_bytes()) if path and path.is_file() else None

    def of(self, user_id: str) -> str:
        """`u-` and the first 32 hex digits of HMAC-SHA-256; what is a pseudonym already stays as it is."""
        user_id = user_id.strip()
        if _FORM.fullmatch(user_id):
            return user_id
        return (
            "u-"
            + hmac.digest(self._key, b"user:" + user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]
        )
