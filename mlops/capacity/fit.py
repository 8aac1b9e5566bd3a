"""Placing pods on nodes as the scheduler would: which fit at the desired size, which wait, which never fit.

First-fit decreasing: large pods first, each on the first node that has room. The scheduler spreads instead, and
so may leave more fragments; what does not fit here does not fit there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlops.capacity.nodes import Group, groups
from mlops.capacity.pods import Pods, pods, unknown_charts
from mlops.plan.graph import Graph, Node

Why = Literal["grows", "full", "too large", "no group"]
"""grows: the autoscaler adds nodes for them. full: the group is at its largest. too large: no node of the group is
big enough. no group: no group has the labels, or all are tainted."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """Pods for which the nodes at the desired size have no room."""

    pods: Pods
    count: int
    why: Why
    group: str
    """The group that they wait for; empty if there is none."""


@dataclass(frozen=True, kw_only=True)
class GroupLoad:
    """A group and what runs on it."""

    group: Group
    nodes: int
    """Needed, and at least as many as the group begins with."""
    cpu: int
    """Requested on all its nodes, daemons included, thousandths of a core."""
    memory: int
    gpus: int
    pods: int
    daemon_cpu: int
    """Of which daemons take on each node."""
    daemon_memory: int

    @property
    def offered_cpu(self) -> int:
        return self.group.offer.cpu * self.nodes

    @property
    def offered_memory(self) -> int:
        return self.group.offer.memory * self.nodes


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How a cluster is filled."""

    groups: tuple[GroupLoad, ...]
    pending: tuple[Pending, ...]
    pods: tuple[Pods, ...]
    unknown_charts: tuple[str, ...]
    """Charts whose pods are not known, and not in these figures."""

    @property
    def stuck(self) -> tuple[Pending, ...]:
        """Pods that stay Pending whatever the autoscaler does."""
        return tuple(row for row in self.pending if row.why != "grows")


@dataclass
class _Bin:
    """One node while it is filled."""

    cpu: int
    memory: int
    gpus: int
    pods: int
    added: bool = False
    """Whether the autoscaler has to bring it first."""

    def takes(self, wanted: Pods) -> bool:
        return self.cpu >= wanted.cpu and self.memory >= wanted.memory and self.gpus >= wanted.gpus and self.pods >= 1

    def put(self, wanted: Pods) -> None:
        self.cpu -= wanted.cpu
        self.memory -= wanted.memory
        self.gpus -= wanted.gpus
        self.pods -= 1


@dataclass
class _Filling:
    """A group while it is filled: its nodes, and what a fresh one offers once the daemons are on it."""

    group: Group
    daemons: Sequence[Pods]
    bins: list[_Bin] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bins = [self.fresh() for _ in range(self.group.desired)]

    def fresh(self) -> _Bin:
        offer = self.group.offer
        made = _Bin(cpu=offer.cpu, memory=offer.memory, gpus=offer.gpus, pods=offer.pods)
        for daemon in self.daemons:
            made.put(daemon)
        return made

    def accepts(self, wanted: Pods) -> bool:
        """Whether labels and taints let the pods in."""
        labels = self.group.labels
        # Zones come with the subnets, and every group lies in all of them.
        asked = {key: value for key, value in wanted.selector.items() if not key.startswith("topology.kubernetes.io/")}
        return all(labels.get(key) == value for key, value in asked.items()) and all(
            wanted.tolerates(taint) for taint in self.group.taints
        )


def capacity(graph: Graph, all_pods: Sequence[Pods] | None = None) -> Capacity:
    """Fill the node groups of a graph with its pods, or with others."""
    all_pods = pods(graph) if all_pods is None else all_pods
    fillings = [_Filling(group, _daemons(group, all_pods)) for group in groups(graph)]
    pending: list[Pending] = []
    for wanted in sorted(
        (one for one in all_pods if not one.daemon), key=lambda one: (-one.gpus, -one.memory, -one.cpu)
    ):
        pending += _place(wanted, fillings)
    return Capacity(
        groups=tuple(_load(filling) for filling in fillings),
        pending=tuple(pending),
        pods=tuple(all_pods),
        unknown_charts=unknown_charts(graph),
    )


def nodes_needed(graph: Graph) -> Callable[[Node], int]:
    """How many nodes a node group needs: its desired size, or more where the autoscaler has to add some."""
    needed = {load.group.node.urn: load.nodes for load in capacity(graph).groups}
    return lambda node: needed.get(node.urn, 0)


def _daemons(group: Group, all_pods: Sequence[Pods]) -> list[Pods]:
    filling = _Filling(group, ())
    return [one for one in all_pods if one.daemon and filling.accepts(one)]


def _place(wanted: Pods, fillings: Sequence[_Filling]) -> Iterator[Pending]:
    """Put each replica onto a node that is there, else onto one that the autoscaler would add."""
    allowed = [filling for filling in fillings if filling.accepts(wanted)]
    if not allowed:
        if wanted.replicas:
            yield Pending(pods=wanted, count=wanted.replicas, why="no group", group="")
        return
    waiting: dict[tuple[Why, str], int] = {}
    for _ in range(wanted.replicas):
        room = next(((one, filling) for filling in allowed for one in filling.bins if one.takes(wanted)), None)
        if room is None:
            why, group = _grow(wanted, allowed)
        else:
            room[0].put(wanted)
            why, group = "grows", room[1].group.node.name
            if not room[0].added:
                continue
        waiting[why, group] = waiting.get((why, group), 0) + 1
    for (why, group), count in waiting.items():
        yield Pending(pods=wanted, count=count, why=why, group=group)


def _grow(wanted: Pods, allowed: Sequence[_Filling]) -> tuple[Why, str]:
    large_enough = [filling for filling in allowed if filling.fresh().takes(wanted)]
    if not large_enough:
        return "too large", allowed[0].group.node.name
    growing = next((filling for filling in large_enough if len(filling.bins) < filling.group.most), None)
    if growing is None:
        return "full", large_enough[0].group.node.name
    made = growing.fresh()
    made.added = True
    made.put(wanted)
    growing.bins.append(made)
    return "grows", growing.group.node.name


def _load(filling: _Filling) -> GroupLoad:
    offer, count = filling.group.offer, len(filling.bins)
    return GroupLoad(
        group=filling.group,
        nodes=count,
        cpu=offer.cpu * count - sum(one.cpu for one in filling.bins),
        memory=offer.memory * count - sum(one.memory for one in filling.bins),
        gpus=offer.gpus * count - sum(one.gpus for one in filling.bins),
        pods=offer.pods * count - sum(one.pods for one in filling.bins),
        daemon_cpu=sum(one.cpu for one in filling.daemons),
        daemon_memory=sum(one.memory for one in filling.daemons),
    )
