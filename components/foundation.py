"""What every module may build on: the published outputs of the core components, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from components.cluster import ClusterOutputs
from components.database import DatabaseOutputs
from components.keys import KeysOutputs
from components.kubernetes.handover import Handover
from components.network import NetworkOutputs
from components.registry import RegistryOutputs
from components.storage import StorageOutputs

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """Outputs of the core. A stack may leave out the cluster and the database; a variant that cannot do
    without says so in its `needs`, which the settings check long before anything is built."""

    prefix: str
    """Start of physical names that must be known beforehand: `mlops-dev`."""
    region: str
    network: NetworkOutputs
    keys: KeysOutputs
    storage: StorageOutputs
    registry: RegistryOutputs
    outside: bool = False
    """Whether workloads run outside the cluster and ask what runs on it."""
    optional_cluster: ClusterOutputs | None = None
    optional_database: DatabaseOutputs | None = None
    log_retention_days: int = 365
    """Days for which the tier keeps logs, for groups whose settings do not say."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """For instances and volumes, which the provider's default tags do not reach."""
    handover: Handover | None = None
    """Where objects of workloads on the cluster are handed over; None has the engine apply them."""
    scrapers: tuple[Mapping[str, str], ...] = ()
    """Labels of namespaces whose pods fetch metrics, for network policies; none where nobody does."""
    announcing: frozenset[str] = frozenset()
    """Modules whose pods announce metrics of their own (`SlotConfig.announces`)."""

    @property
    def cluster(self) -> ClusterOutputs:
        """The cluster, for variants that need one."""
        return _declared(self.optional_cluster, "cluster")

    @property
    def database(self) -> DatabaseOutputs:
        """The database, for variants that need one."""
        return _declared(self.optional_database, "database")


def _declared(value: T | None, need: str) -> T:
    if value is None:
        raise LookupError(f'This module uses the {need} without declaring it: add "{need}" to its `needs`.')
    return value
