"""experimental: where the newest is tried, for people who delete it in the evening.

Public subnets without a NAT gateway, spot everywhere, the newest Kubernetes, GPUs from nothing, models that
scale to zero. Nothing is protected.
"""

from components.cluster import ClusterConfig
from components.cluster.config import AutoscalerConfig, EndpointConfig
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

CONFIG = PlatformConfig(
    network=NetworkConfig(mode="public", zones=2, nat="none", flow_log_days=3),
    keys=KeysConfig(deletion_window_days=7, protect=False),
    storage=StorageConfig(
        lifecycle=LifecycleConfig(noncurrent_days=3), log_retention_days=7, protect=False, force_destroy=True
    ),
    registry=RegistryConfig(keep_images=5, force_delete=True),
    cluster=ClusterConfig(
        version="1.36",
        endpoint=EndpointConfig(access="public", public_access_cidrs=("0.0.0.0/0",)),
        log_retention_days=3,
        deletion_protection=False,
        protect=False,
        high_availability=False,
        system=NodeGroupConfig(
            instance_types=("m6a.large", "m6i.large", "m5a.large", "m5.large"),
            capacity="spot",
            min_size=2,
            max_size=4,
            os="bottlerocket",
        ),
        node_groups={
            "gpu": NodeGroupConfig(
                instance_types=("g4dn.xlarge", "g5.xlarge"), capacity="spot", max_size=2, disk_gb=100, gpu=True
            )
        },
        autoscaler=AutoscalerConfig(max_nodes=8),
    ),
    database=DatabaseConfig(
        version="18",
        instance_class="db.t4g.micro",
        storage_gb=20,
        max_storage_gb=None,
        backup_retention_days=1,
        deletion_protection=False,
        protect=False,
        final_snapshot=False,
        performance_insights_days=None,
        log_retention_days=3,
        secret_recovery_days=0,
    ),
    data_pipeline=KinesisConfig(delivery=DeliveryConfig(log_retention_days=3), protect=False),
    ml_platform=MlflowConfig(),
    serving=KubernetesServingConfig(mode="Knative"),
)
