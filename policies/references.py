"""Which resource a property points to: by where its value comes from, and only then by the value itself.

A bucket's public access block, a cluster's instances and a repository's lifecycle policy are resources of their own.
Before a deployment their ids are unknown; where the value comes from is known all the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import as_list, is_unknown
from policies.model import ABSENT, Answer, Judgement, look, say

_NAMING = ("bucket", "name", "arn", "identifier", "clusterIdentifier")
"""Properties by whose value other resources may refer to one."""


@dataclass(frozen=True, kw_only=True)
class Attached:
    """The resources of one type by the resource that they belong to."""

    by_urn: dict[str, list[Node]]
    loose: tuple[Node, ...]
    """Those whose owner only the deployment will show: each may belong to anything."""

    def of(self, owner: Node) -> list[Node]:
        return self.by_urn.get(owner.urn, [])

    def missing(self, owner: Node, message: str) -> Judgement:
        """The judgement of an owner to which nothing is attached."""
        return say(owner, "", None if self.loose else False, message)

    def exists(self, owner: Node) -> Answer:
        return True if self.of(owner) else None if self.loose else False


def attached(graph: Graph, types: Iterable[str], property_: str, owners: Iterable[str]) -> Attached:
    """The resources of `types` by the resource of the types `owners` that `property_` points to."""
    wanted = tuple(owners)
    names = _by_name(graph, wanted)
    by_urn: dict[str, list[Node]] = {}
    loose: list[Node] = []
    for node in graph.of_type(*types):
        found = targets(graph, node, property_, wanted) or set(_named(names, look(node.inputs, property_)))
        for urn in found:
            by_urn.setdefault(urn, []).append(node)
        if not found and look(node.inputs, property_) == UNKNOWN:
            loose.append(node)
    return Attached(by_urn=by_urn, loose=tuple(loose))


def targets(graph: Graph, node: Node, property_: str, wanted: Iterable[str]) -> set[str]:
    """URNs of the resources of the wanted types that a property's value comes from.

    A value may come through a sibling: a lifecycle takes its bucket's name from the bucket's versioning, so that it
    waits for it. Such a one is followed by the same property.
    """
    types, found, seen = frozenset(wanted), set[str](), set[str]()
    waiting = list(node.property_dependencies.get(property_, ()))
    while waiting:
        urn = waiting.pop()
        if urn in seen or urn not in graph:
            continue
        seen.add(urn)
        if graph[urn].type in types:
            found.add(urn)
        else:
            waiting.extend(graph[urn].property_dependencies.get(property_, ()))
    return found


def names_of(node: Node) -> Iterator[str]:
    """The texts by which another resource may refer to this one."""
    if node.id:
        yield node.id
    for values in (node.inputs, node.outputs):
        for key in _NAMING:
            value = values.get(key)
            if isinstance(value, str) and value and value != SECRET and not is_unknown(value):
                yield value


def _by_name(graph: Graph, types: tuple[str, ...]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for node in graph.of_type(*types):
        for name in names_of(node):
            names.setdefault(name, set()).add(node.urn)
    return names


def _named(names: dict[str, set[str]], value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and one is not ABSENT:
            yield from names.get(one, ())


def sources(graph: Graph, node: Node, name: str, *types: str) -> tuple[Node, ...]:
    """The resources of these types that a property's value comes from."""
    urns = node.property_dependencies.get(name.partition(".")[0].partition("[")[0], ())
    return tuple(graph[urn] for urn in urns if urn in graph and graph[urn].type in types)


def refers(graph: Graph, node: Node, name: str, target: Node) -> bool:
    """Whether a property names a resource: by where its value comes from, or by the value itself."""
    if target.urn in node.property_dependencies.get(name, ()):
        return True
    value = look(node.inputs, name)
    return bool({one for one in as_list(value) if isinstance(one, str)}.intersection(names_of(target)))


def referring(graph: Graph, type_: str, name: str, target: Node) -> tuple[Node, ...]:
    """The resources of a type whose property names the target."""
    return tuple(node for node in graph.of_type(type_) if refers(graph, node, name, target))


def unclear(graph: Graph, type_: str, name: str) -> bool:
    """Whether a resource of a type may refer to anything: its property is unknown and nobody says where it is from."""
    return any(
        is_unknown(look(node.inputs, name)) and not node.property_dependencies.get(name)
        for node in graph.of_type(type_)
    )
