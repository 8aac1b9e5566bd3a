"""Login: who sends a request, by an API key or by a JSON Web Token.

An API key is no person: it speaks for a page of the shop or for a deployment. A token is a person, whose id in the shop
is the token's `sub` and whose scopes are in `scope` (RFC 9068). Nothing is written down about either.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt

from recommender.login_settings import SCOPES, ApiKey, LoginSettings, digest_of
from recommender.settings import Settings

log = logging.getLogger("recommender")

_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""By which whoever verifies cannot sign; the keys say which of them."""
_LEEWAY_SECONDS = 30
"""By which clocks may differ."""
_RENEW_SECONDS = 600.0
"""Between two looks at the keys: one that was withdrawn is believed no longer."""
_AGAIN_SECONDS = 30.0
"""Before an unknown key is looked for again, whoever names it."""
_MOST_KEY_BYTES = 1024 * 1024
_HOW = "Send the header Authorization: Bearer with an API key or a token, or X-API-Key with a key."


class LoginError(Exception):
    """Nobody knows who that is; the message says why, and nothing of what was presented."""


class KeysError(Exception):
    """The keys that tokens are verified with cannot be read."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    name: str
    """Of the key, or of the person; only to tell callers apart."""
    operator: bool = False
    person: str | None = None
    """The user of the shop who asks; None where it is no person."""
    scopes: frozenset[str] = field(default_factory=frozenset)


INSIDE = Caller("inside", operator=True, scopes=frozenset(SCOPES))
"""Whoever reaches a service that asks nobody: the network decides who that may be."""


class Login:
    """Tells who sends a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings: LoginSettings = settings
        self._keys = settings.api_keys
        if settings.admin_token is not None:
            admin = ApiKey("admin", "operator", digest_of(settings.admin_token.get_secret_value()))
            self._keys = (*self._keys, admin)
        self._tokens = Tokens(settings) if settings.asks_tokens else None

    async def who(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """The caller whom the headers name.

        Raises:
            LoginError: they name nobody, or nobody who is known.
            KeysError: it is a token, and it cannot be verified at the moment.
        """
        presented = _presented(headers)
        if presented is None:
            raise LoginError(_HOW)
        # All of them, so that the time does not tell which one it was nearly.
        found = [key for key in self._keys if key.is_of(presented)]
        if found:
            scopes = frozenset(SCOPES if found[0].scope == "operator" else {"visitor"})
            return Caller(f"key {found[0].name}", found[0].scope == "operator", scopes=scopes)
        if self._tokens is None or presented.count(".") != 2:
            raise LoginError(f"The key is not known. {_HOW}")
        return await self._tokens.who(presented)


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    given = {name: value.decode("latin-1").strip() for name, value in headers if name in _HEADERS}
    if given.get(b"x-api-key"):
        return given[b"x-api-key"]
    scheme, _, rest = given.get(b"authorization", "").partition(" ")
    return rest.strip() or None if scheme.lower() == "bearer" else None


_HEADERS = frozenset({b"authorization", b"x-api-key"})


class Tokens:
    """Verifies tokens by the issuer's published keys, or by a shared one."""

    def __init__(self, settings: LoginSettings) -> None:
        self._settings = settings
        self._published: Mapping[str | None, jwt.PyJWK] = {}
        self._read_at = -_RENEW_SECONDS
        self._tried_at = -_RENEW_SECONDS
        self._one_at_a_time = asyncio.Lock()

    async def who(self, token: str) -> Caller:
        """The person whom a token names; see Login."""
        try:
            header = jwt.get_unverified_header(token)
            key, algorithms = await self._key(header.get("kid"))
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise LoginError("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
            # What a token holds is its sender's, and a library has many ways to stumble over it.
            raise LoginError("The token cannot be verified: signature, issuer, audience or form is wrong.") from None
        scopes = _scopes(claims.get("scope"))
        return Caller(f"person {claims['sub']}", "operator" in scopes, str(claims["sub"]), scopes)

    async def _key(self, kid: object) -> tuple[Any, list[str]]:
        if self._settings.jwt_secret is not None:
            return self._settings.jwt_secret.get_secret_value(), ["HS256"]
        now = time.monotonic()
        found = self._of(kid)
        if now - self._read_at > _RENEW_SECONDS or found is None:
            await self._renew(now)
            found = self._of(kid)
        if not self._published:
            raise KeysError
        if found is None or found.algorithm_name not in _ALGORITHMS:
            raise jwt.InvalidKeyError
        return found, [found.algorithm_name]

    def _of(self, kid: object) -> jwt.PyJWK | None:
        if kid is None and len(self._published) == 1:
            return next(iter(self._published.values()))
        return self._published.get(kid) if isinstance(kid, str) else None

    async def _renew(self, asked: float) -> None:
        """Read the keys, unless somebody just did: an invented key id must not make the issuer pay for it."""
        async with self._one_at_a_time:
            if self._tried_at > asked or asked - self._tried_at < _AGAIN_SECONDS:
                return
            self._tried_at = time.monotonic()
            try:
                self._published = await asyncio.wait_for(_published(self._settings.jwks or ""), 10)
                self._read_at = self._tried_at
            except (OSError, ValueError, TimeoutError, httpx.HTTPError, jwt.PyJWTError) as error:
                log.error("the keys that tokens are verified with cannot be read: %s", type(error).__name__)


async def _published(place: str) -> Mapping[str | None, jwt.PyJWK]:
    if "://" in place:
        async with httpx.AsyncClient(timeout=5.0) as client, client.stream("GET", place) as answer:
            answer.raise_for_status()
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > _MOST_KEY_BYTES:
                    raise ValueError("too large")
    else:
        content = await asyncio.to_thread(Path(place).read_bytes)
    read = json.loads(content)
    if not isinstance(read, dict) or not isinstance(read.get("keys"), list):
        raise ValueError("no key set")
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(read).keys}


def _scopes(given: object) -> frozenset[str]:
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
    return frozenset(word for word in words if word in SCOPES)
