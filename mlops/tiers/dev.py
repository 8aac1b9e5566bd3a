"""dev: the whole platform at the smallest size at which it still works, for a team that develops on it.

One NAT gateway and one copy of everything; spot nodes; nothing is protected, because it can be made again.
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
from components.workloads.declared import WorkloadsConfig
from components.workloads.recommender import RecommenderConfig

CONFIG = PlatformConfig(
    network=NetworkConfig(mode="private", zones=2, nat="one", flow_log_days=7),
    keys=KeysConfig(deletion_window_days=7, protect=False),
    storage=StorageConfig(
        lifecycle=LifecycleConfig(noncurrent_days=14), log_retention_days=30, protect=False, force_destroy=True
    ),
    registry=RegistryConfig(keep_images=10, force_delete=True),
    cluster=ClusterConfig(
        # Developers deploy from their own machines; a stack file narrows this to the office's blocks.
        endpoint=EndpointConfig(access="public", public_access_cidrs=("0.0.0.0/0",)),
        log_retention_days=7,
        deletion_protection=False,
        protect=False,
        high_availability=False,
        system=NodeGroupConfig(instance_types=("t3.large", "t3a.large"), min_size=2, max_size=3),
        node_groups={
            "models": NodeGroupConfig(
                instance_types=("m5.xlarge", "m5a.xlarge", "m6i.xlarge", "m6a.xlarge"), capacity="spot", max_size=4
            )
        },
        autoscaler=AutoscalerConfig(max_nodes=10),
    ),
    database=DatabaseConfig(
        instance_class="db.t4g.micro",
        storage_gb=20,
        max_storage_gb=50,
        backup_retention_days=1,
        deletion_protection=False,
        protect=False,
        final_snapshot=False,
        log_retention_days=7,
        secret_recovery_days=0,
    ),
    data_pipeline=KinesisConfig(delivery=DeliveryConfig(log_retention_days=7), protect=False),
    ml_platform=MlflowConfig(),
    serving=KubernetesServingConfig(node_group="models"),
    workloads=WorkloadsConfig(recommender=RecommenderConfig()),
)
