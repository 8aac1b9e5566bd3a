"""The settings tree: everything that is decided about a platform before it exists."""

from typing import Annotated

from pydantic import Field, model_validator

from components import fit
from components.account.baseline import AccountBaselineConfig
from components.account.config import AccountConfig, TagsConfig
from components.backup import BackupConfig
from components.cache import CacheConfig
from components.cluster import ClusterConfig
from components.compute import ComputeConfig
from components.data_pipeline import DataPipelineConfig
from components.data_quality import DataQualityConfig
from components.data_versioning import DataVersioningConfig
from components.database import DatabaseConfig
from components.delivery import DeliveryConfig
from components.experiment_tracking import ExperimentTrackingConfig
from components.feature_store import FeatureStoreConfig
from components.keys import KeysConfig
from components.lake_query import LakeQueryConfig
from components.ml_platform import MlPlatformConfig
from components.model_monitoring import ModelMonitoringConfig
from components.monitoring import MonitoringConfig
from components.network import NetworkConfig
from components.notebooks import NotebooksConfig
from components.orchestration import OrchestrationConfig
from components.registry import RegistryConfig
from components.secrets import SecretsConfig
from components.serving import ServingConfig
from components.storage import StorageConfig, Zone
from components.stream_processing import StreamProcessingConfig
from components.surroundings import DependentConfig
from components.teams.config import TeamConfig
from components.training import TrainingConfig
from components.warehouse import WarehouseConfig
from components.workloads.declared import WorkloadsConfig
from mlops.core import regions
from mlops.core.budget import BudgetConfig
from mlops.core.config import Config
from mlops.core.fields.aws import RegionName
from mlops.core.fields.kubernetes import TeamKey
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
    feature_store: Annotated[FeatureStoreConfig, OneOf()] | None = None
    """Where features are kept for training, and answered for online."""
    data_quality: Annotated[DataQualityConfig, OneOf()] | None = None
    """What tables of the lake are held against."""
    model_monitoring: Annotated[ModelMonitoringConfig, OneOf()] | None = None
    """Who looks at what models are asked and answer."""
    experiment_tracking: Annotated[ExperimentTrackingConfig, OneOf()] | None = None
    """Where experiments are tracked beside the ML platform."""
    data_versioning: Annotated[DataVersioningConfig, OneOf()] | None = None
    """Where versions of data sets lie that people name in Git."""
    orchestration: Annotated[OrchestrationConfig, OneOf()] | None = None
    """What runs jobs of several steps on a schedule, the loop among them."""
    secrets: Annotated[SecretsConfig, OneOf()] | None = None
    """Who looks after secrets; null leaves them as they were made."""
    backup: Annotated[BackupConfig, OneOf()] | None = None
    """What brings back what runs on the cluster; the database and the lake have their own backups."""
    notebooks: Annotated[NotebooksConfig, OneOf()] | None = None
    """Where people open notebooks."""
    delivery: Annotated[DeliveryConfig, OneOf()] | None = None
    """Who brings workloads onto the cluster; null is Pulumi, which brings all the rest."""
    compute: Annotated[ComputeConfig, OneOf()] | None = None
    """What works through much at once: batch predictions, distributed work."""
    training: Annotated[TrainingConfig, OneOf()] | None = None
    """Where models are trained that want GPUs or many machines."""
    workloads: WorkloadsConfig = WorkloadsConfig()
    """What runs on it: the reference workload, a team's own containers."""
    teams: dict[TeamKey, TeamConfig] = Field(default_factory=dict, max_length=200)
    """Who lives on the platform, by name: a namespace, a quota, rights and folders of the lake for each. A team that is
    taken out goes with its volumes, once `protect` is false."""
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
    def dependents(self) -> dict[str, DependentConfig]:
        """Those of them that build on the others, in the order in which they are made."""
        return {slot: config for slot, config in self.modules.items() if isinstance(config, DependentConfig)}

    @property
    def loop(self) -> bool:
        """Whether there is a loop: events, a registry of models, and a recommender that answers from them."""
        return bool(self.workloads.recommender and self.serving and self.ml_platform and self.data_pipeline)

    @property
    def orchestrated(self) -> bool:
        """Whether the loop is an orchestrator's to run."""
        return bool(self.loop and self.orchestration and self.orchestration.loop)

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
        served = self.serving is not None and "cluster" not in self.serving.needs
        return self.cluster is not None and (served or any(one.asks_from_outside for one in self.dependents.values()))

    @property
    def emptied(self) -> dict[tuple[Zone, str], int]:
        """Folders of the lake that empty by themselves, with the days for which what lies there is kept."""
        return {place: days for one in self.dependents.values() for place, days in one.emptied.items()}

    @model_validator(mode="after")
    def _fits_together(self) -> "PlatformConfig":
        if problems := fit.problems(self):
            raise ValueError("\n".join(problems))
        return self
