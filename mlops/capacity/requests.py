"""What the scheduler reckons with for one pod, from its spec.

Source: Kubernetes, `k8s.io/component-helpers/resource`, PodRequests, and its documentation, "Sidecar Containers",
section "Resource sharing within containers", and "Assign Pod-level CPU and memory resources".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.capacity.quantities import mebibytes, millicores, quantity
from mlops.capacity.scheduling import GPU


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What is asked of a node."""

    cpu: int = 0
    """Thousandths of a core."""
    memory: int = 0
    """MiB."""
    gpus: int = 0
    disk: int = 0
    """Ephemeral storage, MiB."""

    def plus(self, other: "Requests") -> "Requests":
        return Requests(
            cpu=self.cpu + other.cpu,
            memory=self.memory + other.memory,
            gpus=self.gpus + other.gpus,
            disk=self.disk + other.disk,
        )

    def at_least(self, other: "Requests") -> "Requests":
        return Requests(
            cpu=max(self.cpu, other.cpu),
            memory=max(self.memory, other.memory),
            gpus=max(self.gpus, other.gpus),
            disk=max(self.disk, other.disk),
        )


NOTHING = Requests()


def of_pod(spec: Mapping[str, Any]) -> Requests:
    """The requests of a pod: its containers and sidecars together, or what its start needs where that is more; what it
    asks for as a whole counts instead; its runtime's overhead comes on top."""
    running = NOTHING
    for container in _rows(spec.get("containers")):
        running = running.plus(of_container(container))
    sidecars, starting = NOTHING, NOTHING
    for container in _rows(spec.get("initContainers")):
        asked = of_container(container)
        if container.get("restartPolicy") == "Always":
            # A sidecar runs on, and whatever starts after it runs beside it.
            sidecars = sidecars.plus(asked)
            starting = starting.at_least(sidecars)
        else:
            starting = starting.at_least(asked.plus(sidecars))
    whole = running.plus(sidecars).at_least(starting)
    return _as_a_whole(spec, whole).plus(_requests(spec.get("overhead")))


def _as_a_whole(spec: Mapping[str, Any], containers: Requests) -> Requests:
    """Pod-level requests stand in place of the containers' for what they name: CPU and memory."""
    asked = _asked(spec.get("resources"))
    return Requests(
        cpu=millicores(asked["cpu"]) if "cpu" in asked else containers.cpu,
        memory=mebibytes(asked["memory"]) if "memory" in asked else containers.memory,
        gpus=containers.gpus,
        disk=containers.disk,
    )


def of_container(container: Mapping[str, Any]) -> Requests:
    """A limit without a request is the request."""
    return _requests(_asked(container.get("resources")))


def _asked(resources: Any) -> dict[str, Any]:
    given = resources if isinstance(resources, Mapping) else {}
    limits, requests = given.get("limits"), given.get("requests")
    return {
        **(limits if isinstance(limits, Mapping) else {}),
        **(requests if isinstance(requests, Mapping) else {}),
    }


def _requests(asked: Any) -> Requests:
    if not isinstance(asked, Mapping):
        return NOTHING
    return Requests(
        cpu=millicores(asked.get("cpu")),
        memory=mebibytes(asked.get("memory")),
        gpus=int(quantity(asked.get(GPU))),
        disk=mebibytes(asked.get("ephemeral-storage")),
    )


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
