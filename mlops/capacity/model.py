"""Pods of one kind: what they ask of a node, and which nodes they may run on."""

from dataclasses import dataclass, field, replace

from mlops.capacity.requests import Requests
from mlops.capacity.scheduling import Rules


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Pods of one kind."""

    name: str
    module: str
    replicas: int
    """How many; for a daemon, one a node."""
    cpu: int = 0
    """Request, thousandths of a core."""
    memory: int = 0
    """Request, MiB."""
    gpus: int = 0
    disk: int = 0
    """Request of ephemeral storage, MiB."""
    daemon: bool = False
    rules: Rules = field(default_factory=Rules)
    """Where they may run."""
    passing: bool = False
    """Whether they come and go: jobs."""
    assumed: str = ""
    """Where requests come from that the graph does not state; `memory` if from nowhere else."""

    def asking(self, requests: Requests) -> "Pods":
        """The same pods with these requests."""
        return replace(self, cpu=requests.cpu, memory=requests.memory, gpus=requests.gpus, disk=requests.disk)

    @property
    def requests(self) -> Requests:
        return Requests(cpu=self.cpu, memory=self.memory, gpus=self.gpus, disk=self.disk)
