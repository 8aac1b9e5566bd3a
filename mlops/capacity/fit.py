"""Placing pods on nodes as the scheduler would: which fit at the desired size, which wait, which never fit.

First-fit decreasing: large pods first, each on the first node that has room and that its rules allow. The scheduler
spreads instead, and so may leave more fragments; what does not fit here does not fit there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlops.capacity.filling import Bin, Filling, Nodes
from mlops.capacity.model import Pods
from mlops.capacity.nodes import Group, groups
from mlops.capacity.pods import not_counted, pods
from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Hidden, noted

Why = Literal["grows", "full", "too large", "no group", "apart", "unknown machine"]
"""grows: the autoscaler adds nodes for them. full: the group is at its largest. too large: no node of the group is
big enough. no group: no group has the labels, or all are tainted. apart: their own rules (affinity, spread, ports of
the node) leave no node for them. unknown machine: they may only run where nobody knows what a node offers."""


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
    disk: int
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
    not_counted: tuple[str, ...]
    """What brings pods that are not in these figures."""
    hidden: tuple[Hidden, ...] = ()
    """Values that were asked for and that only the deployment will tell; a default stands for them."""

    @property
    def stuck(self) -> tuple[Pending, ...]:
        """Pods that stay Pending whatever the autoscaler does."""
        return tuple(row for row in self.pending if row.why != "grows")

    @property
    def complete(self) -> bool:
        """Whether everything that runs is counted."""
        return not self.not_counted and not self.hidden


def capacity(graph: Graph, all_pods: Sequence[Pods] | None = None, most: Mapping[str, int] | None = None) -> Capacity:
    """Fill the node groups of a graph with its pods, or with others.

    Args:
        most: nodes that a group may have, by its name, where that is another number than its own.
    """
    with noted() as hidden:
        all_pods = pods(graph) if all_pods is None else all_pods
        there = [replace(one, most=(most or {}).get(one.node.name, one.most)) for one in groups(graph)]
        nodes = Nodes([Filling(group, [one for one in all_pods if one.daemon]) for group in there])
        pending = [*_daemons(nodes)]
        for wanted in sorted((one for one in all_pods if not one.daemon), key=_order):
            pending += _place(wanted, nodes)
        left_out = not_counted(graph)
    return Capacity(
        groups=tuple(_load(filling) for filling in nodes.fillings),
        pending=tuple(pending),
        pods=tuple(all_pods),
        not_counted=left_out,
        hidden=tuple(sorted(hidden)),
    )


def _order(pods_: Pods) -> tuple[bool, int, int, int]:
    """Large ones first; those that want to be near others once these are there."""
    return bool(pods_.rules.near), -pods_.gpus, -pods_.memory, -pods_.cpu


def nodes_needed(graph: Graph) -> Callable[[Node], int]:
    """How many nodes a node group needs: its desired size, or more where the autoscaler has to add some."""
    needed = {load.group.node.urn: load.nodes for load in capacity(graph).groups}
    return lambda node: needed.get(node.urn, 0)


def _daemons(nodes: Nodes) -> Iterator[Pending]:
    """Daemons for which a node has no room: one waits on every node of the group."""
    for filling in nodes.fillings:
        for daemon in filling.left_out:
            why: Why = "too large" if filling.group.machine else "unknown machine"
            yield Pending(pods=daemon, count=max(filling.group.desired, 1), why=why, group=filling.group.node.name)


def _place(wanted: Pods, nodes: Nodes) -> Iterator[Pending]:
    """Put each replica onto a node that is there, else onto one that the autoscaler would add."""
    allowed = [filling for filling in nodes.fillings if filling.accepts(wanted)]
    if not allowed:
        if wanted.replicas:
            yield Pending(pods=wanted, count=wanted.replicas, why="no group", group="")
        return
    waiting: dict[tuple[Why, str], int] = {}
    for _ in range(wanted.replicas):
        room = next(_rooms(wanted, allowed, nodes), None)
        if room is None:
            why, group = _grow(wanted, allowed, nodes)
        else:
            room[0].put(wanted)
            why, group = "grows", room[1].group.node.name
            if not room[0].added:
                continue
        waiting[why, group] = waiting.get((why, group), 0) + 1
    for (why, group), count in waiting.items():
        yield Pending(pods=wanted, count=count, why=why, group=group)


def _rooms(wanted: Pods, allowed: Sequence[Filling], nodes: Nodes) -> Iterator[tuple[Bin, Filling]]:
    for filling in allowed:
        yield from ((one, filling) for one in filling.bins if one.takes(wanted) and nodes.allow(wanted, one))


def _grow(wanted: Pods, allowed: Sequence[Filling], nodes: Nodes) -> tuple[Why, str]:
    known = [filling for filling in allowed if filling.group.machine]
    if not known:
        return "unknown machine", allowed[0].group.node.name
    large_enough = [filling for filling in known if filling.fresh().takes(wanted)]
    if not large_enough:
        return "too large", known[0].group.node.name
    growing = [filling for filling in large_enough if len(filling.bins) < filling.group.most]
    if not growing:
        # A node with room that only the pods' own rules keep them off: more nodes are what they need.
        return "full", large_enough[0].group.node.name
    for filling in growing:
        for made in filling.candidates():
            if made.takes(wanted) and nodes.allow(wanted, made):
                made.added = True
                made.put(wanted)
                filling.bins.append(made)
                return "grows", filling.group.node.name
    return "apart", growing[0].group.node.name


def _load(filling: Filling) -> GroupLoad:
    offer, count = filling.group.offer, len(filling.bins)
    return GroupLoad(
        group=filling.group,
        nodes=count,
        cpu=offer.cpu * count - sum(one.cpu for one in filling.bins),
        memory=offer.memory * count - sum(one.memory for one in filling.bins),
        gpus=offer.gpus * count - sum(one.gpus for one in filling.bins),
        disk=offer.disk * count - sum(one.disk for one in filling.bins),
        pods=offer.pods * count - sum(one.pods for one in filling.bins),
        daemon_cpu=sum(one.cpu for one in filling.daemons),
        daemon_memory=sum(one.memory for one in filling.daemons),
    )
