"""A graph in numbers: what a stack makes, by module and by type, and what is protected."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mlops.plan.graph import Graph, Node

STACK_LEVEL = "(stack)"
"""Where resources that belong to no module are counted: providers."""


@dataclass(frozen=True, kw_only=True)
class ModuleSummary:
    """One module: a component directly under the platform, with all that is below it."""

    name: str
    token: str
    """Type of the component; empty for the stack's own resources."""
    resources: int
    """Without components, which exist in Pulumi only."""
    protected: int
    types: tuple[tuple[str, int], ...]
    """Short type and how many, most first."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    modules: tuple[ModuleSummary, ...]
    """In order of registration."""
    resources: int
    components: int
    packages: tuple[tuple[str, int], ...]
    """Provider package (`aws`, `kubernetes`) and how many resources, most first."""
    protected: tuple[Node, ...]


def summarise(graph: Graph) -> Summary:
    """Count a graph. Resources are what a provider makes; components are not among them."""
    by_module: dict[str, list[Node]] = {}
    for node in graph:
        if node.custom:
            by_module.setdefault(graph.module(node) or STACK_LEVEL, []).append(node)
    tokens = {node.name: node.type for node in graph if not node.custom and graph.module(node) == node.name}
    custom = [node for node in graph if node.custom]
    return Summary(
        modules=tuple(_module(name, tokens.get(name, ""), nodes) for name, nodes in by_module.items()),
        resources=len(custom),
        components=len(graph) - len(custom),
        packages=_most_first(node.package for node in custom),
        protected=tuple(node for node in custom if node.protect),
    )


def _module(name: str, token: str, nodes: list[Node]) -> ModuleSummary:
    return ModuleSummary(
        name=name,
        token=token,
        resources=len(nodes),
        protected=sum(node.protect for node in nodes),
        types=_most_first(short_type(node.type) for node in nodes),
    )


def _most_first(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(words).items(), key=lambda item: (-item[1], item[0])))


def short_type(token: str) -> str:
    """A type as people say it: `s3 Bucket`, `Deployment`, `helm Release`, `kubernetes provider`."""
    package, _, rest = token.partition(":")
    if package == "pulumi":
        return f"{token.rpartition(':')[2]} provider"
    module, _, kind = rest.rpartition(":")
    if package == "kubernetes":
        return f"helm {kind}" if module.startswith("helm.sh") else kind
    service = re.split(r"[/:]", module)[0]
    return kind if service in ("", "index") else f"{service} {kind}"
