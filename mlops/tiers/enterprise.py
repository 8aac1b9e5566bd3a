"""enterprise: prod for many teams, at a scale where an hour of waiting costs more than the machines.

Express brokers that grow without being moved, larger nodes, GPUs from nothing on demand, a year of everything.
"""

from components.account.baseline import AccountBaselineConfig
from components.cluster import ClusterConfig
from components.cluster.config import AutoscalerConfig, EndpointConfig
from components.cluster.node_config import NodeGroupConfig
from components.data_pipeline.kafka import KafkaConfig
from components.data_pipeline.kafka.brokers import ExpressBrokers
from components.database import DatabaseConfig
from components.keys import KeysConfig
from components.ml_platform.mlflow import MlflowConfig
from components.ml_platform.mlflow.auth import BasicAuth
from components.network import NetworkConfig
from components.registry import RegistryConfig
from components.serving.kubernetes import KubernetesServingConfig
from components.settings import PlatformConfig
from components.storage import LifecycleConfig, StorageConfig

CONFIG = PlatformConfig(
    network=NetworkConfig(mode="private", zones=3, nat="per_zone", flow_log_days=365, protect=True),
    keys=KeysConfig(rotation_days=180, deletion_window_days=30, protect=True),
    storage=StorageConfig(
        lifecycle=LifecycleConfig(infrequent_access_days=30, archive_days=180, noncurrent_days=365),
        log_retention_days=731,
        protect=True,
    ),
    registry=RegistryConfig(keep_images=100, protect=True),
    cluster=ClusterConfig(
        endpoint=EndpointConfig(access="private"),
        log_types=("api", "audit", "authenticator", "controllerManager", "scheduler"),
        log_retention_days=731,
        deletion_protection=True,
        protect=True,
        high_availability=True,
        system=NodeGroupConfig(instance_types=("m7i.xlarge", "m6i.xlarge"), min_size=3, max_size=6, os="bottlerocket"),
        node_groups={
            "models": NodeGroupConfig(
                instance_types=("m7i.2xlarge", "m6i.2xlarge", "m6a.2xlarge"),
                capacity="mixed",
                on_demand_size=1,
                min_size=2,
                max_size=20,
                os="bottlerocket",
            ),
            "gpu": NodeGroupConfig(
                instance_types=("g6.xlarge", "g5.xlarge"),
                capacity="spot",
                min_size=0,
                max_size=8,
                disk_gb=200,
                gpu=True,
            ),
        },
        autoscaler=AutoscalerConfig(max_nodes=60),
    ),
    database=DatabaseConfig(
        instance_class="db.r7g.large",
        storage_gb=200,
        max_storage_gb=2000,
        multi_az=True,
        backup_retention_days=35,
        vault_days=35,
        deletion_protection=True,
        protect=True,
        final_snapshot=True,
        performance_insights_days=465,
        database_insights="advanced",
        monitoring_seconds=30,
        log_retention_days=365,
        secret_recovery_days=30,
    ),
    data_pipeline=KafkaConfig(
        brokers=ExpressBrokers(
            instance_type="express.m7g.large", monitoring="PER_TOPIC_PER_BROKER", log_retention_days=365
        ),
        protect=True,
    ),
    ml_platform=MlflowConfig(min_replicas=3, max_replicas=9, auth=BasicAuth()),
    serving=KubernetesServingConfig(node_group="models"),
    account_baseline=AccountBaselineConfig(audit_days=2557),
)
