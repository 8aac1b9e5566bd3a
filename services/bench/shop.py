"""A shop that is reachable from outside: login, limits, rules and a catalogue, as they are on when it counts."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jwt
import numpy as np
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from scipy import sparse

from recommender.catalogue import CATALOGUE, Catalogue
from recommender.pseudonyms import Pseudonyms
from recommender.recent import MOST_USERS, RECENT, RecentTable
from recommender.rules import RULES, Rule, Rules

_SALT = "bench"
_ISSUER, _AUDIENCE = "bench", "recommender"
_CATEGORIES = 20
_WITHHELD = 50
"""One product in so many is withdrawn."""
_KEY_BITS = 2048
_TOKEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Shop:
    """What a service is told by its environment, and what its visitors send."""

    environment: Mapping[str, str]
    header: str
    """The header of a visitor's token, which is verified at every request."""


def open_shop(folder: Path, users: int, products: int) -> Shop:
    """Write everything into a folder, beside that of the model."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    (folder / "jwks.json").write_text(json.dumps({"keys": [{**public, "kid": "bench", "alg": "RS256"}]}))
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "user-0", "scope": "visitor operator"}
    token = jwt.encode({**claims, "exp": time.time() + _TOKEN_SECONDS}, key, "RS256", {"kid": "bench"})
    _tell(folder, users, products)
    return Shop(
        {
            "MLOPS_EXPOSED": "true",
            "MLOPS_PII_SALT": _SALT,
            "MLOPS_JWT_JWKS": str(folder / "jwks.json"),
            "MLOPS_JWT_ISSUER": _ISSUER,
            "MLOPS_JWT_AUDIENCE": _AUDIENCE,
            # Counted like any other, and all of them are one.
            "MLOPS_RATE_LIMIT": "100000",
        },
        f"Authorization: Bearer {token}",
    )


def _tell(folder: Path, users: int, products: int) -> None:
    (folder / "serving").mkdir()
    names = [f"product-{number}" for number in range(products)]
    categories = [f"category-{number % _CATEGORIES}" for number in range(products)]
    catalogue = Catalogue.of(names, categories, [float(number % 100) for number in range(products)])
    (folder / CATALOGUE).write_bytes(catalogue.packed())
    rules = (
        Rule(name="recall", reason="withdrawn", products=frozenset(names[::_WITHHELD])),
        Rule(name="dear", least_price=98.0),
    )
    (folder / RULES).write_bytes(Rules(rules=rules).written())
    active = min(users, MOST_USERS)
    taken = sparse.csr_array((np.ones(active, np.float32), (np.arange(active), np.arange(active) % products)),
                             shape=(active, products))  # fmt: skip
    known = Pseudonyms(_SALT.encode())
    recent = RecentTable.of([known.of(f"user-{number}") for number in range(active)], names, taken)
    (folder / RECENT).write_bytes(recent.packed())
