"""Where everything of the node lies, and its addresses."""

import os
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "mlops-node"
NODE = "node1"
NODE_ADDRESS = "10.0.0.1"
"""Of the bridge that pods hang on, inside the namespace."""
POD_RANGE = "10.0.0.0/24"
SERVICE_RANGE = "172.20.0.0/16"
API_SERVICE = "172.20.0.1"
DNS_SERVICE = "172.20.0.10"
DATABASE_ADDRESS, CLOUD_ADDRESS = "10.0.32.10", "10.0.34.10"
"""Of the stand-ins for RDS and for AWS's APIs, in a private subnet of a stack's network."""
CLOUD_NAME = "aws.node.internal"
CLOUD_URL = f"http://{CLOUD_NAME}:443"
"""On the port of AWS's own endpoints, so that the stacks' network policies mean it too."""
OUTSIDE, INSIDE = "198.18.9.1", "198.18.9.2"
"""The two ends of the wire between the machine and the namespace (a range that RFC 2544 keeps for tests)."""
API_PORT = 6443
SOCKET = "/run/mlops-node/containerd.sock"
PAUSE = "mlops.local/pause:1"


@dataclass(frozen=True)
class Home:
    """The folder of one node."""

    path: Path

    @classmethod
    def found(cls) -> "Home":
        """NODE_HOME, or a folder in the user's cache."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(Path(os.environ.get("NODE_HOME") or cache / "mlops-node"))

    @property
    def programs(self) -> Path:
        return self.path / "bin"

    @property
    def run(self) -> Path:
        """State of a running node; gone after `down`."""
        return self.path / "run"

    @property
    def keys(self) -> Path:
        return self.run / "pki"

    @property
    def images(self) -> Path:
        """Archives of images, and what they are made of; kept."""
        return self.path / "images"

    @property
    def hosts(self) -> Path:
        """Names that the node's DNS knows beside those of the cluster."""
        return self.run / "hosts"

    @property
    def kubeconfig(self) -> Path:
        """For an administrator on the machine."""
        return self.run / "kubeconfig"

    def program(self, name: str) -> str:
        return str(self.programs / name)
