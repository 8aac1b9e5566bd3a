"""Where checks are registered under the ids of their rules."""

from collections.abc import Callable, Iterable
from functools import wraps

from mlops.plan.graph import Graph, Node
from policies.canonical import Canonical, canonical, canonical_graph
from policies.model import Judgement, ResourceCheck, StackCheck

RESOURCE_CHECKS: dict[str, ResourceCheck] = {}
"""Rule id -> check of one resource of the rule's types."""
STACK_CHECKS: dict[str, StackCheck] = {}
"""Rule id -> check of the whole graph, for what takes several resources to see, or what must exist."""


def resource_rule(rule_id: str) -> Callable[[ResourceCheck], ResourceCheck]:
    """Register a check that judges each resource of the rule's types by itself."""

    def register(check: ResourceCheck) -> ResourceCheck:
        if rule_id in RESOURCE_CHECKS or rule_id in STACK_CHECKS:
            raise ValueError(f"{rule_id} has a check already")
        RESOURCE_CHECKS[rule_id] = _reading_canonical(check)
        return check

    return register


def stack_rule(rule_id: str) -> Callable[[StackCheck], StackCheck]:
    """Register a check that judges the graph; it yields nothing where the rule has nothing to judge."""

    def register(check: StackCheck) -> StackCheck:
        if rule_id in RESOURCE_CHECKS or rule_id in STACK_CHECKS:
            raise ValueError(f"{rule_id} has a check already")
        STACK_CHECKS[rule_id] = _reading_canonical_graphs(check)
        return check

    return register


def _reading_canonical(check: ResourceCheck) -> ResourceCheck:
    """No check is handed a resource as somebody spelt it."""

    @wraps(check)
    def checked(node: Node) -> Iterable[Judgement]:
        whole = canonical(node)
        return [whole.own(one) for one in check(whole)]

    return checked


def _reading_canonical_graphs(check: StackCheck) -> StackCheck:
    @wraps(check)
    def checked(graph: Graph) -> Iterable[Judgement]:
        whole = canonical_graph(graph)
        return [_own(whole, one) for one in check(whole)]

    return checked


def _own(graph: Graph, judgement: Judgement) -> Judgement:
    if judgement.urn not in graph:
        return judgement
    node = graph[judgement.urn]
    return node.own(judgement) if isinstance(node, Canonical) else judgement
