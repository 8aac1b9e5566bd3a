"""Where the local stack keeps what it needs: one folder, so that taking it down is deleting it."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "MLOPS_LOCAL_RUN"
"""Variable in the environment of every process of a local stack, with the stack's folder: how strays are found."""

_SOCKET_PATH_BYTES = 100
"""A Unix socket's path may have 104 bytes on macOS and 108 on Linux."""

_SERVICES = ("supervisor", "moto", "mlflow", "uvicorn")
"""Packages that an interrupted installation would lack."""


class LocalError(Exception):
    """Something is wrong with the local stack. The text says what happened and what to do."""


@dataclass(frozen=True)
class Layout:
    """The files of the local stack of one project."""

    root: Path
    """The folder with Pulumi.yaml."""

    @property
    def run(self) -> Path:
        return self.root / ".local" / "run"

    @property
    def data(self) -> Path:
        """What must outlive the processes: the emulated AWS's journal, MLflow's database, fetched models."""
        return self.run / "data"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def temporary(self) -> Path:
        return self.run / "tmp"

    @property
    def ports(self) -> Path:
        return self.run / "ports.json"

    @property
    def programs(self) -> Path:
        return self.run / "programs.json"

    @property
    def health(self) -> Path:
        return self.run / "health.json"

    @property
    def settings(self) -> Path:
        return self.run / "settings.json"

    @property
    def owner(self) -> Path:
        return self.run / "owner.json"

    @property
    def configuration(self) -> Path:
        return self.run / "supervisor.conf"

    @property
    def services(self) -> Path:
        return self.root / "services"

    @property
    def services_python(self) -> Path:
        return self.services / ".venv" / "bin" / "python"

    def missing_service(self) -> str:
        """What of the services' environment is not there, below the project; empty where it is whole."""
        python = self.services_python
        if not python.exists():
            return str(python.relative_to(self.root))
        packages = python.parent.parent / "lib"
        missing = (name for name in _SERVICES if not any(packages.glob(f"python*/site-packages/{name}")))
        return next((f"{packages.relative_to(self.root)}/python*/site-packages/{name}" for name in missing), "")

    @property
    def sockets(self) -> Path:
        """Folder of the sockets: the state's, unless its path is too long for a socket."""
        longest = self.run / "supervisor.sock"
        if len(os.fsencode(longest)) <= _SOCKET_PATH_BYTES:
            return self.run
        return Path(tempfile.gettempdir()) / f"mlops-{hashlib.sha256(os.fsencode(self.run)).hexdigest()[:12]}"

    @property
    def supervisor_socket(self) -> Path:
        return self.sockets / "supervisor.sock"

    @property
    def worker_socket(self) -> Path:
        return self.sockets / "worker.sock"

    def make(self) -> None:
        """Make the folders; nobody else on this machine may look into them."""
        for folder in (self.run, self.sockets, self.data, self.logs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is no file or not a whole one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file in one step, readable by its owner only.

    Raises:
        OSError: for example because the disk is full; the old file is still there.
    """
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value, indent=2))
    new.chmod(0o600)
    new.replace(path)
