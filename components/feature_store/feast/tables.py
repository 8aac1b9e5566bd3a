"""Where Feast keeps features online: tables of DynamoDB, or the platform's cache; what its job and its server are told
of it, and may do there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.identity import Grant, Statement
from components.cache import CacheOutputs
from components.features import views
from components.foundation import Foundation

_KEY = "entity_id"
_EXPIRES = "expires"
"""Attributes of an item that the table knows of: `services/pipelines/online_dynamodb.py`."""


@dataclass(frozen=True, kw_only=True)
class OnlineStore:
    """Where features are online, for the job that writes them and the server that reads them."""

    variables: Mapping[str, pulumi.Input[str]]
    read: Grant
    write: Grant


def in_cache(cache: CacheOutputs, prefix: str) -> OnlineStore:
    """The platform's cache. Its user reads and writes; nobody but the job and the server has it from here."""
    return OnlineStore(
        variables={
            "MLOPS_FEATURES_ONLINE": "valkey",
            "MLOPS_FEATURES_PREFIX": f"{prefix}-",
            "MLOPS_CACHE": cache.name,
            "MLOPS_CACHE_URL": pulumi.Output.concat("rediss://", cache.endpoint, ":6379"),
            "MLOPS_CACHE_USER": cache.user,
        },
        read=cache.connect(),
        write=cache.connect(),
    )


def in_tables(name: str, foundation: Foundation, protect: bool, opts: pulumi.ResourceOptions) -> OnlineStore:
    """A table for each view, paid by the request; what nobody writes again goes by itself."""
    key = foundation.keys.data
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect))
    tables = [
        aws.dynamodb.Table(
            f"{name}-{view.entity}-table",
            name=f"{foundation.prefix}-{view.name}",
            billing_mode="PAY_PER_REQUEST",
            hash_key=_KEY,
            attributes=[aws.dynamodb.TableAttributeArgs(name=_KEY, type="S")],
            ttl=aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=_EXPIRES),
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            deletion_protection_enabled=protect,
            opts=kept,
        )
        for view in views()
    ]

    def grant(access: str, actions: tuple[str, ...], key_actions: tuple[str, ...]) -> Grant:
        rights = (
            Statement(actions=actions, resources=tuple(table.arn for table in tables)),
            # DynamoDB asks for the key in the caller's name (DynamoDB developer guide, "Encryption at rest").
            Statement(actions=key_actions, resources=(key,)),
        )
        return Grant(resource="feature_store/online", access=access, statements=rights)

    return OnlineStore(
        variables={"MLOPS_FEATURES_ONLINE": "dynamodb", "MLOPS_FEATURES_PREFIX": f"{foundation.prefix}-"},
        read=grant("read", ("dynamodb:BatchGetItem",), ("kms:Decrypt",)),
        write=grant("write", ("dynamodb:BatchWriteItem",), ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")),
    )
