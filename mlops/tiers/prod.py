"""prod: survives the loss of a zone and of a person's attention.

Three zones with a way out each, a standby database, three brokers, two replicas of what must not stop;
whatever holds data is protected, by Pulumi and by AWS.
"""

from components.account.baseline import AccountBaselineConfig
from components.cluster import ClusterConfig
from components.cluster.config import AutoscalerConfig, EndpointConfig
from components.cluster.node_config import NodeGroupConfig
from components.data_pipeline.kafka import KafkaConfig
from components.data_pipeline.kafka.brokers import StandardBrokers
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
    keys=KeysConfig(deletion_window_days=30, protect=True),
    storage=StorageConfig(
        lifecycle=LifecycleConfig(infrequent_access_days=30, archive_days=180, noncurrent_days=90),
        log_retention_days=365,
        protect=True,
    ),
    registry=RegistryConfig(keep_images=50, protect=True),
    cluster=ClusterConfig(
        endpoint=EndpointConfig(access="private"),
        log_types=("api", "audit", "authenticator", "controllerManager", "scheduler"),
        log_retention_days=365,
        deletion_protection=True,
        protect=True,
        high_availability=True,
        system=NodeGroupConfig(instance_types=("m7i.large", "m6i.large"), min_size=3, max_size=6),
        node_groups={
            "models": NodeGroupConfig(
                instance_types=("m7i.xlarge", "m6i.xlarge", "m6a.xlarge"),
                capacity="mixed",
                on_demand_size=1,
                min_size=2,
                max_size=10,
            )
        },
        autoscaler=AutoscalerConfig(max_nodes=30),
    ),
    database=DatabaseConfig(
        instance_class="db.m7g.large",
        storage_gb=100,
        max_storage_gb=1000,
        multi_az=True,
        backup_retention_days=30,
        vault_days=35,
        deletion_protection=True,
        protect=True,
        final_snapshot=True,
        monitoring_seconds=60,
        log_retention_days=365,
        secret_recovery_days=30,
    ),
    data_pipeline=KafkaConfig(
        brokers=StandardBrokers(
            instance_type="kafka.m7g.large", storage_gb=100, max_storage_gb=1000, log_retention_days=365
        ),
        protect=True,
    ),
    ml_platform=MlflowConfig(min_replicas=2, max_replicas=4, auth=BasicAuth()),
    serving=KubernetesServingConfig(node_group="models"),
    account_baseline=AccountBaselineConfig(),
)
