"""Who may ask, and how often: the part of the settings that counts where the service is reachable from outside."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

Scope = Literal["visitor", "operator"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""A visitor asks and sends events; an operator sees reasons, metrics and documentation too, and reloads."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LEAST_SECRET_BYTES = 32
"""Of HS256 (RFC 7518, 3.2): as long as the hash."""


@dataclass(frozen=True)
class ApiKey:
    """A key of somebody who is no person: the shop's own pages, a deployment. Only its hash is known here.

    One round of SHA-256 is enough: a key of 256 random bits cannot be guessed, as a password can.
    """

    name: str
    scope: Scope
    sha256: str = field(repr=False)
    """Hex."""

    def is_of(self, presented: str) -> bool:
        """Whether somebody presented it, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(digest_of(presented), self.sha256)


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _api_keys(given: object) -> object:
    """`name:scope:sha256`, several with commas or blanks between."""
    if not isinstance(given, str):
        return given
    found = []
    for number, entry in enumerate(given.replace(",", " ").split(), 1):
        name, _, rest = entry.partition(":")
        scope, _, digest = rest.partition(":")
        if not (_NAME.fullmatch(name) and scope in SCOPES and _SHA256.fullmatch(digest)):
            raise ValueError(
                f"entry {number} is not name:scope:sha256, with a scope of {' or '.join(SCOPES)} and the SHA-256 of "
                "the key in 64 hex digits; `python -m recommender.keys` makes a key and its entry"
            )
        found.append(ApiKey(name, scope, digest))
    if len({key.name for key in found}) < len(found) or len({key.sha256 for key in found}) < len(found):
        raise ValueError("a name or a key is given twice")
    return tuple(found)


class LoginSettings(BaseModel):
    """Login and limits. Where somebody outside can reach the service both are on."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    exposed: bool = Field(False, validation_alias="MLOPS_EXPOSED")
    """Whether anybody outside the platform's network can reach the service."""
    login: Literal["on", "off"] | None = Field(None, validation_alias="MLOPS_LOGIN")
    """Whether everybody is asked who they are; not given, it is on where the service is exposed or knows keys."""
    api_keys: Annotated[tuple[ApiKey, ...], BeforeValidator(_api_keys)] = Field((), validation_alias="MLOPS_API_KEYS")
    """Keys by their hashes."""
    jwks: str | None = Field(None, min_length=1, validation_alias="MLOPS_JWT_JWKS")
    """File, or https address, of the JSON Web Key Set that tokens of persons are verified with."""
    jwt_secret: SecretStr | None = Field(None, validation_alias="MLOPS_JWT_SECRET")
    """Key that tokens of persons are signed with by HS256, where the issuer publishes none."""
    jwt_issuer: str | None = Field(None, min_length=1, validation_alias="MLOPS_JWT_ISSUER")
    """`iss` of the tokens."""
    jwt_audience: str | None = Field(None, min_length=1, validation_alias="MLOPS_JWT_AUDIENCE")
    """`aud` of the tokens: what they were issued for."""
    rate: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, validation_alias="MLOPS_RATE_LIMIT")
    """Requests a second of one person, or of one address that says nothing of who it is; 0 is no limit. Not given, it
    is 20 where the service is exposed."""
    key_rate: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, validation_alias="MLOPS_KEY_RATE_LIMIT")
    """Requests a second with one API key, which many visitors may stand behind; 0 is no limit. Not given, it is 1,000
    where the service is exposed."""
    trusted_proxies: str = Field("", validation_alias="MLOPS_TRUSTED_PROXIES")
    """Addresses or networks, with commas between, whose X-Forwarded-For is believed: it says whom a limit is for."""

    @property
    def asks_login(self) -> bool:
        """Whether everybody is asked who they are."""
        return self.login != "off" and (self.exposed or self.login == "on" or self._can_tell)

    @property
    def asks_tokens(self) -> bool:
        """Whether persons have tokens."""
        return bool(self.jwks or self.jwt_secret)

    @property
    def limit(self) -> float:
        """Requests a second of a person or an address; 0 is no limit."""
        return self.rate if self.rate is not None else 20.0 if self.exposed else 0.0

    @property
    def key_limit(self) -> float:
        """Requests a second of a key; 0 is no limit."""
        return self.key_rate if self.key_rate is not None else 1_000.0 if self.exposed else 0.0

    @property
    def _can_tell(self) -> bool:
        return bool(self.api_keys) or self.asks_tokens

    @model_validator(mode="after")
    def _whoever_asks_can_tell(self) -> "LoginSettings":
        ways = "MLOPS_API_KEYS, or MLOPS_JWT_JWKS or MLOPS_JWT_SECRET with MLOPS_JWT_ISSUER and MLOPS_JWT_AUDIENCE"
        if self.asks_login and not self._can_tell:
            why = "MLOPS_EXPOSED says that anybody can reach it" if self.exposed else "MLOPS_LOGIN is on"
            raise ValueError(
                f"{why}, and there is nothing to tell people by: set {ways}; "
                "or MLOPS_LOGIN=off where something in front asks already"
            )
        if self.asks_tokens and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(
                "tokens need MLOPS_JWT_ISSUER and MLOPS_JWT_AUDIENCE: else a token for another service would do"
            )
        if self.jwks and self.jwt_secret:
            raise ValueError("MLOPS_JWT_JWKS and MLOPS_JWT_SECRET are both set: keep the one that the issuer signs by")
        if self.jwt_secret and len(self.jwt_secret.get_secret_value().encode()) < _LEAST_SECRET_BYTES:
            raise ValueError(f"MLOPS_JWT_SECRET is shorter than the {_LEAST_SECRET_BYTES} bytes that HS256 needs")
        if self.jwks and not _is_safe(self.jwks):
            raise ValueError("MLOPS_JWT_JWKS goes over the network in clear: give an https address or a file")
        return self


def _is_safe(place: str) -> bool:
    """Whether nobody on the way can put keys of his own in."""
    address = urlsplit(place)
    inside = (address.hostname or "").endswith((".svc", ".svc.cluster.local")) or address.hostname in {
        "127.0.0.1",
        "localhost",
        "::1",
    }
    return "://" not in place or address.scheme == "https" or (address.scheme == "http" and inside)
