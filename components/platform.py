"""The platform: the one constructor that wires everything."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi

from components.account.baseline import LOG_WRITERS, AccountBaseline, AccountBaselineArgs
from components.account.budget import Budget, BudgetArgs
from components.base.component import Component
from components.cluster import Cluster, ClusterArgs
from components.cluster.endpoints import of_cluster
from components.database import Database, DatabaseArgs
from components.foundation import Foundation
from components.keys import Keys, KeysArgs
from components.network import Network, NetworkArgs, endpoints
from components.registry import Registry, RegistryArgs
from components.settings import PlatformConfig
from components.storage import Storage, StorageArgs
from components.surroundings import Surroundings
from components.teams import Teams
from components.teams.room import room


@dataclass(frozen=True, kw_only=True)
class PlatformArgs:
    """What follows from the stack."""

    prefix: str
    """Start of physical names: `mlops-dev`."""
    tags: dict[str, str]
    """Tags that default tags do not reach by themselves: instances, volumes."""


@dataclass(frozen=True, kw_only=True)
class PlatformOutputs:
    """What the stack exports; absent parts are None."""

    buckets: dict[str, pulumi.Output[str]]
    registry: dict[str, pulumi.Output[str]]
    cluster_name: pulumi.Output[str] | None
    kubeconfig_command: pulumi.Output[str] | None
    oidc_provider_arn: pulumi.Output[str] | None
    database_endpoint: pulumi.Output[str] | None
    stream: pulumi.Output[str] | None
    stream_endpoint: pulumi.Output[str] | None
    tracking_url: pulumi.Output[str] | None
    model_urls: dict[str, pulumi.Output[str]] | None
    recommender_url: pulumi.Output[str] | None
    lake_query_workgroup: pulumi.Output[str] | None
    warehouse_endpoint: pulumi.Output[str] | None
    cache_endpoint: pulumi.Output[str] | None
    container_urls: dict[str, pulumi.Output[str]] | None
    ml_roles: Mapping[str, pulumi.Output[str]] | None
    metrics: pulumi.Output[str] | None
    logs: pulumi.Output[str] | None
    alerts: pulumi.Output[str] | None
    dashboards: pulumi.Output[str] | None
    modules: Mapping[str, pulumi.Output[str]]
    """What modules export that build on others, by the name of the export."""

    def exports(self) -> dict[str, object]:
        """By the name under which the stack exports it."""
        return {
            "alerts": self.alerts,
            "buckets": self.buckets,
            "cacheEndpoint": self.cache_endpoint,
            "clusterName": self.cluster_name,
            "containerUrls": self.container_urls or None,
            "dashboards": self.dashboards,
            "databaseEndpoint": self.database_endpoint,
            "kubeconfigCommand": self.kubeconfig_command,
            "lakeQueryWorkgroup": self.lake_query_workgroup,
            "logs": self.logs,
            "metrics": self.metrics,
            "mlRoles": dict(self.ml_roles) if self.ml_roles else None,
            "modelUrls": self.model_urls,
            "oidcProviderArn": self.oidc_provider_arn,
            "recommenderUrl": self.recommender_url,
            "registry": self.registry,
            "stream": self.stream,
            "streamEndpoint": self.stream_endpoint,
            "trackingUrl": self.tracking_url,
            "warehouseEndpoint": self.warehouse_endpoint,
            **self.modules,
        }


class Platform(Component[PlatformOutputs]):
    """Network, keys, storage and registry; cluster and database where wanted; then a module for each slot."""

    token = "mlops:index:Platform"

    def __init__(
        self,
        name: str,
        config: PlatformConfig,
        args: PlatformArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        keys_args = KeysArgs(
            region=config.region,
            alias_prefix=args.prefix,
            log_writers=tuple(
                sorted(
                    {
                        *(LOG_WRITERS if config.account_baseline else ()),
                        *(config.monitoring.key_users if config.monitoring else ()),
                    }
                )
            ),
        )
        keys = Keys("keys", config.keys, keys_args, self.child).outputs
        network = Network("network", config.network, self._network_args(config, keys.logs), self.child).outputs
        storage = Storage(
            "storage",
            config.storage,
            StorageArgs(
                key_arn=keys.data,
                balancers=config.serving is not None and config.serving.balanced,
                emptied=config.emptied,
            ),
            self.child,
        ).outputs
        registry = Registry(
            "registry", config.registry, RegistryArgs(prefix=args.prefix, key_arn=keys.data), self.child
        ).outputs
        cluster = None
        if config.cluster:
            cluster_args = ClusterArgs(
                name=args.prefix,
                network=network,
                keys=keys,
                region=config.region,
                tags=args.tags,
                profile=config.account.profile,
                role_arn=config.account.role_arn,
            )
            cluster = Cluster("cluster", config.cluster, cluster_args, self.child).outputs
        database = None
        if config.database:
            database_args = DatabaseArgs(
                prefix=args.prefix,
                network=network,
                keys=keys,
                cluster_security_group_id=cluster.security_group_id if cluster else None,
            )
            database = Database("database", config.database, database_args, self.child).outputs

        if config.budget:
            teams = {team: described.monthly_usd for team, described in config.teams.items() if described.monthly_usd}
            Budget("budget", config.budget, BudgetArgs(prefix=args.prefix, tags=args.tags, teams=teams), self.child)
        if config.account_baseline:
            baseline_args = AccountBaselineArgs(prefix=args.prefix, region=config.region, keys=keys, storage=storage)
            AccountBaseline("account", config.account_baseline, baseline_args, self.child)

        foundation = Foundation(
            prefix=args.prefix,
            region=config.region,
            network=network,
            keys=keys,
            storage=storage,
            registry=registry,
            outside=config.outside,
            optional_cluster=cluster,
            optional_database=database,
            log_retention_days=config.storage.log_retention_days,
            tags=args.tags,
            handover=config.delivery.handover(args.prefix) if config.delivery and cluster else None,
            scrapers=config.monitoring.scraper_labels if config.monitoring and cluster else (),
            announcing=frozenset(module.announces for module in config.modules.values() if module.announces),
        )
        module = self.child_with(providers=[cluster.kubernetes]) if cluster else self.child
        secrets = config.secrets and config.secrets.build("secrets", foundation, module).outputs
        foundation = secrets.given_to(foundation) if secrets else foundation
        watcher = config.monitoring and config.monitoring.build("monitoring", foundation, module)
        stream = config.data_pipeline and config.data_pipeline.build("data-pipeline", foundation, module).outputs
        computing = None
        if config.stream_processing:
            computing = config.stream_processing.build("stream-processing", foundation, stream, module).outputs
        tracking = config.ml_platform and config.ml_platform.build("ml-platform", foundation, module).outputs
        lake_query = config.lake_query and config.lake_query.build("lake-query", foundation, module).outputs
        warehouse = config.warehouse and config.warehouse.build("warehouse", foundation, module).outputs
        cache = config.cache and config.cache.build("cache", foundation, module).outputs
        serving = config.serving and config.serving.build("serving", foundation, tracking, module)
        around = Surroundings(
            foundation=foundation,
            serving=serving.outputs if serving else None,
            ml_platform=tracking,
            stream=stream,
            lake_query=lake_query,
            warehouse=warehouse,
            cache=cache,
            orchestrated=config.orchestrated,
            apart=bool(config.orchestrated and config.orchestration and config.orchestration.apart),
        )
        built = {
            slot: dependent.build(slot.replace("_", "-"), around, module).outputs
            for slot, dependent in config.dependents.items()
            if dependent.offered
        }
        around = replace(around, offers={words: offer for one in built.values() for words, offer in one.offers.items()})
        workloads = config.workloads.build("serving", around, serving.child) if serving else None
        around = replace(around, steps=workloads.steps if workloads else None)
        built |= {
            slot: dependent.build(slot.replace("_", "-"), around, module).outputs
            for slot, dependent in config.dependents.items()
            if slot not in built
        }
        dependents = list(built.values())
        if config.teams:
            rooms = {team: room(config, described) for team, described in config.teams.items()}
            Teams("teams", config.teams, around, rooms, module)
        if config.monitoring and watcher:
            answering = (serving.outputs, serving.outputs.host) if serving else ()
            core = (secrets, database, stream, computing, tracking, lake_query, warehouse, cache)
            parts = (*core, *answering, *dependents)
            parts = (
                secrets,
                database,
                stream,
                computing,
                tracking,
                lake_query,
                warehouse,
                cache,
                *answering,
                *dependents,
            )
            watched = [one for part in parts if part for one in part.watched]
            config.monitoring.build_watch("monitoring-watch", foundation, watcher.outputs, watched, watcher.child)

        self.publish(
            PlatformOutputs(
                buckets={str(zone): bucket for zone, bucket in storage.buckets.items()},
                registry=registry.urls,
                cluster_name=cluster.name if cluster else None,
                kubeconfig_command=cluster.kubeconfig_command if cluster else None,
                oidc_provider_arn=cluster.oidc_provider_arn if cluster else None,
                database_endpoint=database.endpoint if database else None,
                stream=stream.stream if stream else None,
                stream_endpoint=stream.endpoint if stream else None,
                tracking_url=tracking.tracking_uri if tracking else None,
                ml_roles=tracking.roles if tracking else None,
                model_urls=serving.outputs.endpoints if serving else None,
                recommender_url=workloads.recommender_url if workloads else None,
                container_urls=workloads.container_urls if workloads else None,
                lake_query_workgroup=lake_query.workgroup if lake_query else None,
                warehouse_endpoint=warehouse.endpoint if warehouse else None,
                cache_endpoint=cache.endpoint if cache else None,
                metrics=watcher.outputs.metrics if watcher else None,
                logs=watcher.outputs.logs if watcher else None,
                alerts=watcher.outputs.alerts if watcher else None,
                dashboards=watcher.outputs.dashboards if watcher else None,
                modules={name: value for one in (secrets, *dependents) if one for name, value in one.exports.items()},
            )
        )

    @staticmethod
    def _network_args(config: PlatformConfig, log_key_arn: pulumi.Output[str]) -> NetworkArgs:
        services = endpoints.ALWAYS.union(
            of_cluster(config.cluster) if config.cluster else (),
            *(module.needed_endpoints for module in config.modules.values()),
        )
        return NetworkArgs(
            region=config.region, zones=config.zones, log_key_arn=log_key_arn, endpoint_services=services
        )
