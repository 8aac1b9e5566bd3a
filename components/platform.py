"""The platform: the settings tree, and the one constructor that wires everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pulumi
from pydantic import model_validator

from components import fit
from components.account.baseline import LOG_WRITERS, AccountBaseline, AccountBaselineArgs, AccountBaselineConfig
from components.account.budget import Budget, BudgetArgs
from components.account.config import AccountConfig, TagsConfig
from components.base.component import Component
from components.cache import CacheConfig
from components.cluster import Cluster, ClusterArgs, ClusterConfig
from components.cluster.endpoints import of_cluster
from components.data_pipeline import DataPipelineConfig
from components.database import Database, DatabaseArgs, DatabaseConfig
from components.foundation import Foundation
from components.keys import Keys, KeysArgs, KeysConfig
from components.lake_query import LakeQueryConfig
from components.ml_platform import MlPlatformConfig
from components.monitoring import MonitoringConfig
from components.network import Network, NetworkArgs, NetworkConfig, endpoints
from components.registry import Registry, RegistryArgs, RegistryConfig
from components.serving import ServingConfig
from components.storage import Storage, StorageArgs, StorageConfig
from components.stream_processing import StreamProcessingConfig
from components.warehouse import WarehouseConfig
from components.workloads.declared import WorkloadsConfig
from components.workloads.surroundings import Surroundings
from mlops.core import regions
from mlops.core.budget import BudgetConfig
from mlops.core.config import Config
from mlops.core.fields.aws import RegionName
from mlops.core.module import OneOf, SlotConfig
from mlops.core.usage import UsageConfig


class PlatformConfig(Config):
    """Everything that is decided about a platform before it exists."""

    region: RegionName = "us-east-1"
    """AWS region. A stack file sets it with `aws:region`."""
    account: AccountConfig = AccountConfig()
    """AWS account and credentials."""
    tags: TagsConfig = TagsConfig()
    """Who owns and pays."""
    network: NetworkConfig = NetworkConfig()
    """The VPC."""
    keys: KeysConfig = KeysConfig()
    """Encryption keys."""
    storage: StorageConfig = StorageConfig()
    """The data lake."""
    registry: RegistryConfig = RegistryConfig()
    """Container images."""
    cluster: ClusterConfig | None = None
    """The EKS cluster; null for a platform without Kubernetes."""
    database: DatabaseConfig | None = None
    """The PostgreSQL instance; null when no module needs one."""
    data_pipeline: Annotated[DataPipelineConfig, OneOf()] | None = None
    """How events enter."""
    ml_platform: Annotated[MlPlatformConfig, OneOf()] | None = None
    """Where experiments and models live."""
    serving: Annotated[ServingConfig, OneOf()] | None = None
    """How models answer."""
    stream_processing: Annotated[StreamProcessingConfig, OneOf()] | None = None
    """What is computed on events while they pass."""
    lake_query: Annotated[LakeQueryConfig, OneOf()] | None = None
    """SQL over the lake, where its data lies."""
    warehouse: Annotated[WarehouseConfig, OneOf()] | None = None
    """Where tables are joined and reported on."""
    cache: Annotated[CacheConfig, OneOf()] | None = None
    """What is asked many times a second."""
    workloads: WorkloadsConfig = WorkloadsConfig()
    """What runs on it: the reference workload, a team's own containers."""
    monitoring: Annotated[MonitoringConfig, OneOf()] | None = None
    """Who watches the platform; null watches nothing."""
    usage: UsageConfig = UsageConfig()
    """How much all this is used, for estimates. What a stack file leaves unsaid is expected as for its tier."""
    budget: BudgetConfig | None = None
    """What the stack may cost in a month, and who hears of it; null watches nothing."""
    account_baseline: AccountBaselineConfig | None = None
    """The account's own security, for the one stack that owns it; null where the organization or another stack does."""

    @property
    def modules(self) -> dict[str, SlotConfig]:
        """The slots that are filled, by name."""
        values = ((field, getattr(self, field)) for field in type(self).model_fields)
        return {slot: config for slot, config in values if isinstance(config, SlotConfig)}

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the availability zones in use."""
        network = self.network
        if network.existing:
            return network.existing.zone_names
        return network.zone_names or regions.zones(self.region)[: network.zones]

    @property
    def outside(self) -> bool:
        """Whether workloads run outside the cluster and ask what runs on it."""
        return bool(self.cluster and self.serving and "cluster" not in self.serving.needs)

    @model_validator(mode="after")
    def _fits_together(self) -> "PlatformConfig":
        if problems := fit.problems(self):
            raise ValueError("\n".join(problems))
        return self


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
            StorageArgs(key_arn=keys.data, balancers=config.serving is not None and config.serving.balanced),
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
            Budget("budget", config.budget, BudgetArgs(prefix=args.prefix, tags=args.tags), self.child)
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
            scrapers=config.monitoring.scraper_labels if config.monitoring and cluster else (),
        )
        module = self.child_with(providers=[cluster.kubernetes]) if cluster else self.child
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
        workloads = None
        if serving:
            around = Surroundings(foundation=foundation, serving=serving.outputs, ml_platform=tracking, stream=stream)
            workloads = config.workloads.build("serving", around, serving.child)
        if config.monitoring and watcher:
            answering = (serving.outputs, serving.outputs.host) if serving else ()
            parts = (database, stream, computing, tracking, *answering)
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
            )
        )

    @staticmethod
    def _network_args(config: PlatformConfig, log_key_arn: pulumi.Output[str]) -> NetworkArgs:
        services = endpoints.ALWAYS.union(
            of_cluster(config.cluster) if config.cluster else (),
            *(module.endpoints for module in config.modules.values()),
        )
        return NetworkArgs(
            region=config.region, zones=config.zones, log_key_arn=log_key_arn, endpoint_services=services
        )
