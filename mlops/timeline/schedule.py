"""When each resource begins and ends, with as much at once as dependencies allow: what the engine does.

An edge says that one resource waits for another. Most follow from data: a value of one is an input of the other.
The rest was ordered by hand (`depends_on`), and is worth its time only where AWS or Kubernetes insists on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from mlops.plan.graph import Graph, Node
from mlops.timeline.durations import ENGINE_SECONDS, Duration, Operation, duration
from mlops.timeline.needed import needed

EdgeKind = Literal["data", "provider", "needed", "order"]
"""data: a value is passed. provider: it talks through it. needed: ordered by hand, and rightly. order: ordered by
hand, and nobody has said why."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`after` waits for `before` (URNs)."""

    before: str
    after: str
    kind: EdgeKind
    why: str
    """Property that passes the value, or the reason."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource in time, seconds from the start."""

    node: Node
    start: float
    end: float
    duration: Duration
    waits_for: Edge | None
    """The edge that ended last before it could begin; None if it begins at once."""


@dataclass(frozen=True)
class Schedule:
    """All steps of one operation on a graph, by URN in order of their start."""

    graph: Graph
    operation: Operation
    steps: Mapping[str, Step]
    bound: float
    """Seconds below which no ordering of the same resources comes: the longest chain of what truly needs the other."""

    @cached_property
    def total(self) -> float:
        """Seconds until the last step ends."""
        return max((step.end for step in self.steps.values()), default=0.0)

    @property
    def excess(self) -> float:
        """How far the total is above the bound, as a share of the bound."""
        return self.total / self.bound - 1 if self.bound else 0.0

    def critical_path(self) -> tuple[Step, ...]:
        """The chain of steps that the total consists of, first to last. Steps without duration are left out."""
        step = max(self.steps.values(), key=lambda one: one.end, default=None)
        chain = []
        while step is not None:
            chain.append(step)
            edge = step.waits_for
            step = self.steps[edge.before if self.operation == "create" else edge.after] if edge else None
        return tuple(one for one in reversed(chain) if one.end > one.start)

    def sum_of(self, part: Literal["low", "high"]) -> float:
        """Total when every step takes its lowest or its highest time."""
        return max(_ends(self.graph, edges(self.graph), self.operation, part).values(), default=0.0)


def edges(graph: Graph) -> tuple[Edge, ...]:
    """Every wait in a graph, each pair once."""
    return tuple(edge for node in graph if node.custom for edge in _edges_of(node, graph))


def _edges_of(node: Node, graph: Graph) -> Iterator[Edge]:
    seen: set[str] = set()
    for prop, urns in node.property_dependencies.items():
        for urn in urns:
            for before in _resources(urn, node, graph):
                if before not in seen:
                    seen.add(before)
                    yield Edge(before=before, after=node.urn, kind="data", why=prop)
    if node.provider in graph and node.provider not in seen:
        seen.add(node.provider)
        yield Edge(before=node.provider, after=node.urn, kind="provider", why="provider")
    for urn in node.dependencies:
        for before in _resources(urn, node, graph):
            if before not in seen:
                seen.add(before)
                reason = needed(graph[before], node)
                yield Edge(before=before, after=node.urn, kind="needed" if reason else "order", why=reason or "")


def _resources(urn: str, node: Node, graph: Graph) -> Iterator[str]:
    """The resources that a dependency means: a component stands for all that is below it."""
    if urn not in graph or urn == node.urn:
        return
    if graph[urn].custom:
        yield urn
        return
    if any(above.urn == urn for above in graph.ancestors(node)):
        return
    waiting = list(graph.children(urn))
    while waiting:
        child = waiting.pop()
        if child.custom:
            yield child.urn
        else:
            waiting.extend(graph.children(child.urn))


def schedule(graph: Graph, operation: Operation) -> Schedule:
    """Place every resource in time. A deletion follows the same edges backwards."""
    all_edges = edges(graph)
    steps = _steps(graph, all_edges, operation)
    forced = tuple(edge for edge in all_edges if edge.kind != "order")
    bound = max(_ends(graph, forced, operation, "typical").values(), default=0.0)
    return Schedule(graph=graph, operation=operation, steps=steps, bound=bound)


def savings(schedule_: Schedule) -> tuple[tuple[Edge, float], ...]:
    """The edges of the critical path that nothing asks for, and by how many seconds each makes the whole longer."""
    all_edges = edges(schedule_.graph)
    found = []
    for step in schedule_.critical_path():
        edge = step.waits_for
        if edge and edge.kind == "order":
            without = tuple(one for one in all_edges if one is not edge and one != edge)
            ends = _ends(schedule_.graph, without, schedule_.operation, "typical")
            found.append((edge, schedule_.total - max(ends.values(), default=0.0)))
    return tuple(found)


def _steps(graph: Graph, all_edges: tuple[Edge, ...], operation: Operation) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    incoming = _incoming(all_edges, operation)
    for urn in _order(graph, incoming, operation):
        node = graph[urn]
        last = max(incoming.get(urn, ()), key=lambda edge: steps[_other(edge, operation)].end, default=None)
        start = steps[_other(last, operation)].end if last else 0.0
        taken = duration(node, operation)
        end = start + seconds(node, taken, "typical")
        steps[urn] = Step(node=node, start=start, end=end, duration=taken, waits_for=last)
    return dict(sorted(steps.items(), key=lambda item: item[1].start))


def _ends(
    graph: Graph, some_edges: tuple[Edge, ...], operation: Operation, part: Literal["low", "typical", "high"]
) -> dict[str, float]:
    incoming = _incoming(some_edges, operation)
    ends: dict[str, float] = {}
    for urn in _order(graph, incoming, operation):
        start = max((ends[_other(edge, operation)] for edge in incoming.get(urn, ())), default=0.0)
        ends[urn] = start + seconds(graph[urn], duration(graph[urn], operation), part)
    return ends


def seconds(node: Node, taken: Duration, part: Literal["low", "typical", "high"]) -> float:
    """Seconds of a step, the engine's own included."""
    own = 0.0 if not node.custom or node.package == "pulumi" else ENGINE_SECONDS
    return float(getattr(taken, part)) + own


def _incoming(some_edges: tuple[Edge, ...], operation: Operation) -> dict[str, list[Edge]]:
    """By resource, the edges that it waits for."""
    found: dict[str, list[Edge]] = {}
    for edge in some_edges:
        found.setdefault(edge.after if operation == "create" else edge.before, []).append(edge)
    return found


def _other(edge: Edge, operation: Operation) -> str:
    return edge.before if operation == "create" else edge.after


def _order(graph: Graph, incoming: Mapping[str, list[Edge]], operation: Operation) -> list[str]:
    """Resources so that each comes after all that it waits for.

    Raises:
        ValueError: they wait for each other in a circle.
    """
    done: dict[str, bool] = {}
    order: list[str] = []
    for root in (node.urn for node in graph if node.custom):
        stack = [(root, False)]
        while stack:
            urn, finished = stack.pop()
            if finished:
                if not done.get(urn):
                    done[urn] = True
                    order.append(urn)
                continue
            if urn in done:
                # It is still open, so it is among those that wait for this one.
                if not done[urn]:
                    raise ValueError(f"{graph[urn].name} waits for itself.")
                continue
            done[urn] = False
            stack.append((urn, True))
            before = (_other(edge, operation) for edge in incoming.get(urn, ()))
            stack.extend((one, False) for one in before if not done.get(one))
    return order
