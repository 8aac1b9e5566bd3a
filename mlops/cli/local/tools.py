"""Programs that make a cluster in containers, for a stack that has none."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops.cli.errors import BadInputError, FailedError

OWN = "mlops"
"""Name of the cluster that they make."""
_ENGINE = "KIND_EXPERIMENTAL_PROVIDER"
"""Variable by which kind is told what runs its containers: by itself it takes the first that is installed."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One of them. What it is told was held against `--help` of kind 0.33.0 and k3d 5.8.3."""

    name: str
    make: Sequence[str]
    delete: Sequence[str]
    load: Sequence[str]
    """Hands the image in an archive to the cluster; the archive's path comes last."""
    engines: Sequence[str]
    """What can run its containers."""
    home: str

    @property
    def context(self) -> str:
        """That it adds to the kubeconfig."""
        return f"{self.name}-{OWN}"

    def environment(self) -> dict[str, str]:
        """Variables to run it with.

        Raises:
            BadInputError: nothing that can run its containers answers.
        """
        if os.environ.get(_ENGINE if self.name == "kind" else "DOCKER_HOST"):
            return {**os.environ}
        answering = next((engine for engine in self.engines if answers(engine)), None)
        if answering is None:
            there = [engine for engine in self.engines if shutil.which(engine)]
            which = f"{there[0]} does not answer: `{there[0]} info`" if there else "none is on PATH"
            raise BadInputError(
                f"{self.name} makes a cluster in containers, for which it needs {' or '.join(self.engines)}, and "
                f"{which}."
            )
        return {**os.environ, **({_ENGINE: answering} if self.name == "kind" and answering != "docker" else {})}

    def run(self, command: Sequence[str], kubeconfig: Path) -> None:
        """Run one of its commands on a kubeconfig.

        Raises:
            FailedError: with its own words.
        """
        environment = {**self.environment(), "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise FailedError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="kind",
            make=("kind", "create", "cluster", "--name", OWN, "--wait", "120s"),
            delete=("kind", "delete", "cluster", "--name", OWN),
            load=("kind", "load", "image-archive", "--name", OWN),
            engines=("docker", "podman", "nerdctl"),
            home="https://kind.sigs.k8s.io",
        ),
        Tool(
            name="k3d",
            # Without an end to it, it asks for an image that is not to be had for ever.
            make=("k3d", "cluster", "create", OWN, "--wait", "--timeout", "600s"),
            delete=("k3d", "cluster", "delete", OWN),
            load=("k3d", "image", "import", "--cluster", OWN),
            engines=("docker",),
            home="https://k3d.io",
        ),
    )
}


def answers(engine: str) -> bool:
    """Whether a container engine is there and works: docker is a client, and its daemon may not run."""
    return bool(shutil.which(engine)) and not subprocess.run([engine, "info"], capture_output=True).returncode
