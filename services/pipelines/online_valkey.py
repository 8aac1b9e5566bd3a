"""Features online in Valkey, as ElastiCache Serverless has it: a cluster that clients log in to by their role.

Feast's own store knows a password that stays; ElastiCache's is a signature that holds for a quarter of an hour, and is
made anew for each connection.
"""

from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import boto3
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from redis import CredentialProvider, RedisCluster
from redis.asyncio import RedisCluster as AsyncRedisCluster

_TOKEN_SECONDS = 900
"""Longest life of a token. Source: ElastiCache user guide, "Authenticating with IAM"."""


class RoleCredentials(CredentialProvider):
    """Logs in as a user of the cache with the role that the process has."""

    def __init__(self, user: str, cache: str, region: str) -> None:
        self._user, self._cache, self._region = user, cache, region
        self._session = boto3.Session(region_name=region)

    def get_credentials(self) -> tuple[str, str]:
        """The user and a fresh token: the presigned request that ElastiCache checks, without its scheme."""
        query = urlencode({"Action": "connect", "User": self._user, "ResourceType": "ServerlessCache"})
        signer = RequestSigner(
            ServiceId("ElastiCache"),
            self._region,
            "elasticache",
            "v4",
            self._session.get_credentials(),
            self._session.events,
        )
        request = {"method": "GET", "url": f"https://{self._cache}/?{query}", "body": {}, "headers": {}, "context": {}}
        signed = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=_TOKEN_SECONDS, region_name=self._region
        )
        return self._user, signed.removeprefix("https://")


class ValkeyOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc]
    """Where the cache is, and as whom it is entered."""

    type: Literal["pipelines.online_valkey.ValkeyOnlineStore"] = "pipelines.online_valkey.ValkeyOnlineStore"
    url: str
    """`rediss://HOST:PORT`; without TLS `redis://`."""
    region: str
    cache: str | None = None
    """Name of the cache, and the user in it; without them nobody logs in."""
    user: str | None = None


class ValkeyOnlineStore(RedisOnlineStore):  # type: ignore[misc]
    """Feast's layout of keys in a cluster."""

    _client: Any = None
    _client_async: Any = None

    def _get_client(self, online_store_config: Any) -> Any:
        if self._client is None:
            self._client = RedisCluster(**_arguments(online_store_config))
        return self._client

    async def _get_client_async(self, online_store_config: Any) -> Any:
        if self._client_async is None:
            self._client_async = AsyncRedisCluster(**_arguments(online_store_config))
        return self._client_async


def _arguments(config: ValkeyOnlineStoreConfig) -> dict[str, Any]:
    place = urlsplit(config.url)
    login = RoleCredentials(config.user, config.cache, config.region) if config.user and config.cache else None
    return {
        "host": place.hostname,
        "port": place.port,
        "ssl": place.scheme == "rediss",
        "credential_provider": login,
        # A connection that is lost is noticed before a request has waited for it.
        "socket_connect_timeout": 5,
        "socket_timeout": 5,
    }
