"""A real core for tests of what builds on it."""

import pulumi

from components.cluster import Cluster, ClusterArgs, ClusterConfig
from components.database import Database, DatabaseArgs, DatabaseConfig
from components.foundation import Foundation
from components.keys import Keys, KeysArgs, KeysConfig
from components.network import Network, NetworkArgs, NetworkConfig
from components.registry import Registry, RegistryArgs, RegistryConfig
from components.storage import Storage, StorageArgs, StorageConfig
from mlops.core.regions import zones
from tests.support import REGION

PREFIX = "mlops-test"


def foundation(
    opts: pulumi.ResourceOptions,
    *,
    cluster: bool,
    database: bool,
    zone_count: int = 3,
    settings: ClusterConfig | None = None,
) -> Foundation:
    """Network, keys, storage and registry; a cluster and a database where asked for."""
    keys = Keys("keys", KeysConfig(), KeysArgs(region=REGION, alias_prefix=PREFIX), opts).outputs
    network_args = NetworkArgs(
        region=REGION, zones=zones(REGION)[:zone_count], log_key_arn=keys.logs, endpoint_services=frozenset()
    )
    network = Network("network", NetworkConfig(zones=zone_count), network_args, opts).outputs
    eks = None
    if cluster:
        cluster_args = ClusterArgs(name=PREFIX, network=network, keys=keys, region=REGION, tags={"Owner": "tests"})
        eks = Cluster("cluster", settings or ClusterConfig(), cluster_args, opts).outputs
    postgres = None
    if database:
        database_args = DatabaseArgs(
            prefix=PREFIX,
            network=network,
            keys=keys,
            cluster_security_group_id=eks.security_group_id if eks else None,
        )
        postgres = Database("database", DatabaseConfig(), database_args, opts).outputs
    return Foundation(
        prefix=PREFIX,
        region=REGION,
        network=network,
        keys=keys,
        storage=Storage("storage", StorageConfig(), StorageArgs(key_arn=keys.data), opts).outputs,
        registry=Registry("registry", RegistryConfig(), RegistryArgs(prefix=PREFIX, key_arn=keys.data), opts).outputs,
        optional_cluster=eks,
        optional_database=postgres,
    )


def module_options(base: Foundation, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Options as Platform gives them to modules: the cluster's provider beside the AWS one."""
    if base.optional_cluster is None:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(providers=[base.optional_cluster.kubernetes]))
