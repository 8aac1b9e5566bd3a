"""Nodes while they are filled: what is left of each, what runs on it, and whom that keeps away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mlops.capacity.model import Pods
from mlops.capacity.nodes import Group
from mlops.capacity.scheduling import HOST, ZONE, Labels, Spread, Taint, Term, accepts, selects


@dataclass
class Bin:
    """One node while it is filled."""

    cpu: int
    memory: int
    gpus: int
    pods: int
    disk: int
    labels: Labels
    taints: tuple[Taint, ...]
    added: bool = False
    """Whether the autoscaler has to bring it first."""
    running: list[Pods] = field(default_factory=list)
    """One entry a pod that has a say in who comes near it, or a port of the node."""

    def takes(self, wanted: Pods) -> bool:
        """Whether there is room, ports of the node included."""
        room = self.cpu >= wanted.cpu and self.memory >= wanted.memory and self.gpus >= wanted.gpus
        if not (room and self.disk >= wanted.disk and self.pods >= 1):
            return False
        return not any(one.rules.ports & wanted.rules.ports for one in self.running)

    def put(self, wanted: Pods) -> None:
        self.cpu -= wanted.cpu
        self.memory -= wanted.memory
        self.gpus -= wanted.gpus
        self.disk -= wanted.disk
        self.pods -= 1
        self.running.append(wanted)


@dataclass
class Filling:
    """A group while it is filled: its nodes, and what a fresh one offers once the daemons are on it."""

    group: Group
    offered: Sequence[Pods]
    """All daemons; those that the group's nodes do not take are left out."""
    daemons: list[Pods] = field(default_factory=list)
    """Those that run on each node."""
    left_out: list[Pods] = field(default_factory=list)
    """Those that its nodes would take and have no room for."""
    bins: list[Bin] = field(default_factory=list)

    def __post_init__(self) -> None:
        trial = self._empty(0)
        for daemon in (one for one in self.offered if self.accepts(one)):
            if trial.takes(daemon):
                trial.put(daemon)
                self.daemons.append(daemon)
            else:
                self.left_out.append(daemon)
        self.bins = [self.fresh(number) for number in range(self.group.desired)]

    def _empty(self, number: int) -> Bin:
        offer, zones = self.group.offer, self.group.zones
        zone = {ZONE: zones[number % len(zones)]} if zones else {}
        return Bin(
            cpu=offer.cpu,
            memory=offer.memory,
            gpus=offer.gpus,
            pods=offer.pods,
            disk=offer.disk,
            labels={**self._labels(number), **zone},
            taints=self.group.taints,
        )

    def _labels(self, number: int) -> dict[str, str]:
        return {**self.group.labels, HOST: f"{self.group.node.name}-{number}"}

    def fresh(self, number: int = 0) -> Bin:
        """An empty node with its daemons; Auto Scaling puts one after the other into the zones in turn."""
        made = self._empty(number)
        for daemon in self.daemons:
            made.put(daemon)
        return made

    def candidates(self) -> Iterator[Bin]:
        """The nodes that the autoscaler may bring: one in each zone, that with the fewest first."""
        count = len(self.bins)
        yield from (self.fresh(count + offset) for offset in range(len(self.group.zones) or 1))

    def accepts(self, wanted: Pods) -> bool:
        """Whether labels and taints of one of its nodes let the pods in."""
        zones = [{ZONE: zone} for zone in self.group.zones] or [{}]
        return any(
            accepts(wanted.rules, {**self._labels(0), **zone}, self.group.taints, gpus=wanted.gpus) for zone in zones
        )


@dataclass
class Nodes:
    """All nodes of a cluster: rules about other pods look beyond one group."""

    fillings: Sequence[Filling]

    def allow(self, wanted: Pods, node: Bin) -> bool:
        """Whether the pods that run already, here and nearby, let another one come to a node."""
        rules = wanted.rules
        if not accepts(rules, node.labels, node.taints, gpus=wanted.gpus):
            return False
        if not (rules.near or rules.apart or rules.spread) and not self._has_rules():
            return True
        return (
            all(self._is_near(term, wanted, node) for term in rules.near)
            and not any(self._runs_near(term, node) for term in rules.apart)
            and not self._is_kept_away(wanted, node)
            and all(self._is_even(spread, wanted, node) for spread in rules.spread)
        )

    def _has_rules(self) -> bool:
        return any(one.rules.apart for node in self._bins() for one in node.running)

    def _bins(self) -> Iterator[Bin]:
        return (one for filling in self.fillings for one in filling.bins)

    def _domain(self, topology: str, node: Bin) -> list[Bin]:
        """The nodes that share a label's value with one; only itself where nobody knows the label yet."""
        value = node.labels.get(topology)
        if value is None:
            return [node]
        found = [one for one in self._bins() if one.labels.get(topology) == value]
        return found if node in found else [*found, node]

    def _runs_near(self, term: Term, node: Bin) -> bool:
        near = (one for other in self._domain(term.topology, node) for one in other.running)
        return any(term.takes(one.rules.labels, one.rules.namespace) for one in near)

    def _is_near(self, term: Term, wanted: Pods, node: Bin) -> bool:
        """The first of a group that wants to be together may go anywhere."""
        if self._runs_near(term, node):
            return True
        running = (one for other in self._bins() for one in other.running)
        somewhere = any(term.takes(one.rules.labels, one.rules.namespace) for one in running)
        return not somewhere and term.takes(wanted.rules.labels, wanted.rules.namespace)

    def _is_kept_away(self, wanted: Pods, node: Bin) -> bool:
        """Whether a pod that runs wants nobody like this near: the rule holds both ways."""
        for other in self._bins():
            for one in other.running:
                for term in one.rules.apart:
                    domain = node.labels.get(term.topology)
                    near = other is node or (domain is not None and other.labels.get(term.topology) == domain)
                    if near and term.takes(wanted.rules.labels, wanted.rules.namespace):
                        return True
        return False

    def _is_even(self, spread: Spread, wanted: Pods, node: Bin) -> bool:
        """Whether one more here is not too many more than in the emptiest domain that the pods may go to."""
        value = node.labels.get(spread.topology)
        if value is None:
            # Zones that only the deployment will tell keep nobody off.
            return spread.topology == ZONE
        counts: dict[str, int] = {value: 0}
        for filling in self.fillings:
            if not filling.accepts(wanted):
                continue
            for one in filling.bins:
                domain = one.labels.get(spread.topology)
                if domain is not None:
                    counts[domain] = counts.get(domain, 0) + self._like(spread, wanted, one)
        fewest = min(counts.values()) if len(counts) >= spread.least_domains else 0
        own = 1 if selects(spread.selector, wanted.rules.labels) else 0
        return counts[value] + own - fewest <= spread.skew

    def _like(self, spread: Spread, wanted: Pods, node: Bin) -> int:
        near = (one for one in node.running if one.rules.namespace == wanted.rules.namespace)
        return sum(selects(spread.selector, one.rules.labels) for one in near)
