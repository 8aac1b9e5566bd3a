"""Which resource of one graph is which of another: by type and name, or by an alias, its parents' aliases included."""

from dataclasses import dataclass

from mlops.plan.graph import Graph, Node, is_default_provider


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Two graphs laid over each other, components and default providers included in the pairs only."""

    pairs: tuple[tuple[Node, Node], ...]
    """Before and after, dependencies first."""
    added: tuple[Node, ...]
    removed: tuple[Node, ...]


def match(before: Graph, after: Graph) -> Matching:
    """Pair the resources of two graphs as the engine does: own identity first, then aliases."""
    old = {node.key: node for node in before if not is_default_provider(node.urn)}
    found: dict[str, Node] = {}
    taken: set[str] = set()
    for node in after:
        for key in _former_keys(node, after, found):
            if key in old and key not in taken:
                found[node.urn] = old[key]
                taken.add(key)
                break
    ordered = after.topological()
    return Matching(
        pairs=tuple((found[node.urn], node) for node in ordered if node.urn in found),
        added=tuple(node for node in after if node.urn not in found and not is_default_provider(node.urn)),
        removed=tuple(node for key, node in old.items() if key not in taken),
    )


def _former_keys(node: Node, after: Graph, found: dict[str, Node]) -> list[str]:
    """Keys that the resource may have had, the likeliest first."""
    keys = [node.key, *(alias.split("::", 2)[-1] for alias in node.aliases)]
    former = found.get(node.parent)
    if former is None or former.urn == node.parent:
        return keys
    parent = after[node.parent]
    types, _, _ = former.key.partition("::")
    names = [node.name]
    if node.name.startswith(parent.name):
        # The engine renames children whose names start with their parent's. Source: sdk/go/common/resource/urn.
        names.append(former.name + node.name.removeprefix(parent.name))
    own = [node.type, *(alias.split("::")[2].rpartition("$")[2] for alias in node.aliases)]
    return [*keys, *(f"{types}${type_}::{name}" for type_ in own for name in names)]
