"""Amazon ElastiCache Serverless with Valkey.

Valkey is the continuation of Redis under a free licence, and a third cheaper on ElastiCache. Clients log in by their
role: there is no password to keep, and none to change.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Egress, Statement
from components.base.security_group import MOST_CLIENTS, clients_of, security_group
from components.base.watched import Watched
from components.cache import CacheConfig, CacheOutputs
from components.foundation import Foundation
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import SecurityGroupId

PORTS = (6379, 6380)
"""Of the primary and of the readers. Source: ElastiCache user guide, "Serverless caches: network"."""
_ENGINE = "valkey"
_COMMANDS = "on ~* +@all -@admin -@dangerous"
"""Every entry, every command but those that administer or stop the cache (Valkey's own categories)."""


class ValkeyConfig(CacheConfig):
    """Amazon ElastiCache Serverless with Valkey."""

    card: ClassVar[Card] = Card(
        title="Amazon ElastiCache for Valkey (Serverless)",
        best_for="features online and answers that are asked for again and again, within a millisecond",
        not_for="data that must not be lost, and many gigabytes that are seldom read: those belong into a table",
        complexity="low",
        trade_offs="Grows by itself and spans zones, for a price by gigabyte and request instead of by node",
        state="a cache: what it held is asked anew; `snapshot_days` keeps daily snapshots, from which a cache is "
        "made with another name",
    )

    kind: Literal["valkey"] = "valkey"
    version: Literal["8", "7"] = "8"
    """Major version of Valkey."""
    most_gb: int = Field(default=10, ge=1, le=5000)
    """Data that it holds at most, GB; beyond that, entries with the nearest end go first."""
    most_ecpu_per_second: int = Field(default=5000, ge=1000, le=15_000_000)
    """ElastiCache processing units a second at most: about as many as simple reads of up to 1 KB. Beyond that, clients
    are slowed down: the most that its work can cost."""
    snapshot_days: int = Field(default=1, ge=0, le=35)
    """Days for which daily snapshots are kept; 0 takes none."""
    client_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique(most=MOST_CLIENTS)] = ()
    """Security groups that may connect besides the cluster's (sg-0123456789abcdef0)."""
    protect: bool = False
    """Refuse to delete the cache."""

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[CacheOutputs]:
        """Make the cache."""
        return Valkey(name, self, foundation, opts)


class Valkey(Component[CacheOutputs]):
    """A cache, and the one user that clients log in as by their role."""

    token = "mlops:index:Valkey"

    def __init__(
        self, name: str, config: ValkeyConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        network, cluster = foundation.network, foundation.optional_cluster
        group = security_group(
            name,
            vpc_id=network.vpc_id,
            label=f"{foundation.prefix}-{name}",
            description="Cache of the MLOps platform",
            clients=clients_of(cluster.security_group_id if cluster else None, config.client_security_groups),
            ports=[(PORTS[0], PORTS[-1])],
            opts=self.child,
        )
        user = aws.elasticache.User(
            f"{name}-user",
            # By its role logs in only a user whose id is its name.
            user_id=f"{foundation.prefix}-{name}",
            user_name=f"{foundation.prefix}-{name}",
            engine=_ENGINE,
            access_string=_COMMANDS,
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="iam"),
            opts=self.child,
        )
        users = aws.elasticache.UserGroup(
            f"{name}-users",
            user_group_id=f"{foundation.prefix}-{name}",
            engine=_ENGINE,
            user_ids=[user.user_id],
            opts=self.child,
        )
        cache = aws.elasticache.ServerlessCache(
            f"{name}-cache",
            name=f"{foundation.prefix}-{name}",
            engine=_ENGINE,
            major_engine_version=config.version,
            cache_usage_limits=aws.elasticache.ServerlessCacheCacheUsageLimitsArgs(
                data_storage=aws.elasticache.ServerlessCacheCacheUsageLimitsDataStorageArgs(
                    maximum=config.most_gb, unit="GB"
                ),
                ecpu_per_seconds=[
                    aws.elasticache.ServerlessCacheCacheUsageLimitsEcpuPerSecondArgs(
                        maximum=config.most_ecpu_per_second
                    )
                ],
            ),
            kms_key_id=foundation.keys.data,
            security_group_ids=[group.id],
            subnet_ids=list(network.private_subnet_ids[:3]),
            snapshot_retention_limit=config.snapshot_days,
            user_group_id=users.user_group_id,
            opts=self.child_with(protect=config.protect),
        )
        self.publish(
            CacheOutputs(
                name=cache.name,
                endpoint=cache.endpoints.apply(lambda endpoints: str(endpoints[0].address)),
                user=user.user_name,
                connect_statements=(Statement(actions=("elasticache:Connect",), resources=(cache.arn, user.arn)),),
                egress=(Egress(cidrs=network.private_subnet_cidrs[:3], ports=PORTS),),
                watched=(Watched(what="cache", namespace="AWS/ElastiCache", dimensions={"clusterId": cache.name}),),
            )
        )
