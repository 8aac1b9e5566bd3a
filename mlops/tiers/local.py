"""local: what comes up on one machine, on the stand-in cloud.

The shape of dev, so that what is seen here is what is deployed there, with nothing that outlives a destroy.
"""

from components.cluster import ClusterConfig
from components.cluster.config import EndpointConfig
from components.cluster.node_config import NodeGroupConfig
from components.data_pipeline.kinesis import KinesisConfig
from components.database import DatabaseConfig
from components.keys import KeysConfig
from components.ml_platform.mlflow import MlflowConfig
from components.network import NetworkConfig
from components.registry import RegistryConfig
from components.serving.kubernetes import KubernetesServingConfig
from components.settings import PlatformConfig
from components.storage import LifecycleConfig, StorageConfig
from components.streams.delivery import DeliveryConfig
from components.workloads.declared import WorkloadsConfig
from components.workloads.recommender import RecommenderConfig

CONFIG = PlatformConfig(
    network=NetworkConfig(mode="private", zones=2, nat="one", flow_log_days=1),
    keys=KeysConfig(deletion_window_days=7, protect=False),
    storage=StorageConfig(
        lifecycle=LifecycleConfig(infrequent_access_days=None, noncurrent_days=1),
        log_retention_days=1,
        protect=False,
        force_destroy=True,
    ),
    registry=RegistryConfig(keep_images=3, force_delete=True),
    cluster=ClusterConfig(
        endpoint=EndpointConfig(access="public", public_access_cidrs=("0.0.0.0/0",)),
        log_retention_days=1,
        deletion_protection=False,
        protect=False,
        high_availability=False,
        system=NodeGroupConfig(instance_types=("t3.large",), min_size=2, max_size=2),
    ),
    database=DatabaseConfig(
        instance_class="db.t4g.micro",
        storage_gb=20,
        max_storage_gb=None,
        backup_retention_days=1,
        deletion_protection=False,
        protect=False,
        final_snapshot=False,
        performance_insights_days=None,
        log_retention_days=1,
        secret_recovery_days=0,
    ),
    data_pipeline=KinesisConfig(delivery=DeliveryConfig(log_retention_days=1), protect=False),
    ml_platform=MlflowConfig(),
    serving=KubernetesServingConfig(),
    workloads=WorkloadsConfig(recommender=RecommenderConfig(max_replicas=1)),
)
