"""Resources and graphs made by hand: the one builder of nodes that tests of judgements share."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node


def resource(
    type_: str,
    inputs: Mapping[str, Any] | None = None,
    /,
    *,
    name: str = "it",
    stack: str = "test",
    parent: Node | None = None,
    refers: Mapping[str, Node | Iterable[Node]] | None = None,
    provider: Node | None = None,
    **fields: Any,
) -> Node:
    """A resource with its URN; a component where its type is one of the project's own.

    Args:
        refers: property -> the resources that its value comes from.
        fields: whatever else a `Node` holds.
    """
    sources = {key: (of,) if isinstance(of, Node) else tuple(of) for key, of in (refers or {}).items()}
    line = f"{parent.key.partition('::')[0]}$" if parent else ""
    custom = not type_.startswith("mlops:")
    made: dict[str, Any] = {
        "urn": f"urn:pulumi:{stack}::mlops::{line}{type_}::{name}",
        "type": type_,
        "name": name,
        "parent": parent.urn if parent else "",
        "custom": custom,
        "id": f"{name}-id" if custom else "",
        "inputs": dict(inputs or {}),
        "property_dependencies": {key: tuple(one.urn for one in of) for key, of in sources.items()},
        "provider": provider.urn if provider else "",
    }
    return Node(**{**made, **fields})


def graph(*nodes: Node, stack: str = "test") -> Graph:
    """A stack that holds these resources."""
    return Graph(project="mlops", stack=stack, nodes=nodes)
