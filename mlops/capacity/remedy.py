"""What would make room for the pods that stay Pending: nodes more, or larger ones. A pure function of the graph."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlops.capacity.fit import Capacity, Pending, capacity
from mlops.capacity.nodes import Group, offer
from mlops.core.machines import machines
from mlops.plan.graph import Graph

GROUP_LABEL = "mlops.platform/group"
_MANY = 450
"""Nodes of a managed node group at most. Source: Amazon EKS service quotas."""


@dataclass(frozen=True, kw_only=True)
class MoreNodes:
    """A group that would have room for everything with so many nodes."""

    group: Group
    nodes: int

    @property
    def more(self) -> int:
        """Nodes beyond those that the group may have now."""
        return self.nodes - self.group.most


@dataclass(frozen=True, kw_only=True)
class LargerNodes:
    """Pods that no node of a group could hold, and the smallest instance type of its family that does."""

    group: Group
    pods: str
    cpu: int
    """What one pod requests, thousandths of a core."""
    memory: int
    """MiB."""
    instance_type: str | None
    """None where the family has none."""


Remedy = MoreNodes | LargerNodes


def remedies(graph: Graph, made: Capacity) -> tuple[Remedy, ...]:
    """What to change so that all find room, as far as nodes can bring it about: by group, and by what is too large."""
    larger = tuple(_larger(made))
    full = {row.group for row in made.stuck if row.why == "full"}
    if not full:
        return larger
    grown = capacity(graph, made.pods, most=dict.fromkeys(full, _MANY))
    more = (
        MoreNodes(group=before.group, nodes=after.nodes)
        for before, after in zip(made.groups, grown.groups, strict=True)
        if before.group.node.name in full and after.nodes > before.group.most
    )
    return (*more, *larger)


def setting(group: Group) -> str:
    """The part of a stack file that a group's nodes come from."""
    name = group.labels.get(GROUP_LABEL, "")
    return f"cluster.{name}" if name == "system" else f"cluster.node_groups.{name or group.node.name}"


def _larger(made: Capacity) -> Iterator[LargerNodes]:
    loads = {load.group.node.name: load for load in made.groups}
    for row in made.stuck:
        load = loads.get(row.group)
        if row.why == "too large" and load and load.group.machine:
            yield LargerNodes(
                group=load.group,
                pods=row.pods.name,
                cpu=row.pods.cpu,
                memory=row.pods.memory,
                instance_type=_holds(row, load.group, load.daemon_cpu, load.daemon_memory),
            )


def _holds(row: Pending, group: Group, daemon_cpu: int, daemon_memory: int) -> str | None:
    """The smallest type of a group's family that holds one of the pods beside its daemons."""
    family = group.machine.name.partition(".")[0] if group.machine else ""
    for machine in sorted(machines().values(), key=lambda one: (one.vcpus, one.memory_mib)):
        room = offer(machine)
        if (
            machine.name.partition(".")[0] == family
            and room.cpu >= row.pods.cpu + daemon_cpu
            and room.memory >= row.pods.memory + daemon_memory
            and room.gpus >= row.pods.gpus
        ):
            return machine.name
    return None
