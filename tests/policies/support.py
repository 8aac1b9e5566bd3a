"""Resources and graphs made by hand, and what a rule says of them."""

from collections.abc import Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies import rules
from policies.model import Judgement, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS

__all__ = ["UNKNOWN", "graph", "judgements", "node", "verdict"]


def node(type_: str, name: str = "one", /, **inputs: Any) -> Node:
    """A resource with these inputs, in camelCase as in Pulumi's schema."""
    return Node(urn=f"urn:pulumi:test::mlops::{type_}::{name}", type=type_, name=name, inputs=inputs)


def graph(*nodes: Node) -> Graph:
    """A stack that holds these resources."""
    return Graph(project="mlops", stack="test", nodes=nodes)


def judgements(rule_id: str, *nodes: Node) -> list[Judgement]:
    """All that a rule says of a stack of these resources."""
    rules.load()
    if check := STACK_CHECKS.get(rule_id):
        return list(check(graph(*nodes)))
    return [judgement for one in nodes for judgement in RESOURCE_CHECKS[rule_id](one)]


_WORST: Mapping[Verdict, int] = {Verdict.BROKEN: 0, Verdict.UNKNOWN: 1, Verdict.MET: 2}


def verdict(rule_id: str, *nodes: Node) -> Verdict | None:
    """The worst that a rule says of these resources; None where it has nothing to judge."""
    return min((one.verdict for one in judgements(rule_id, *nodes)), key=_WORST.__getitem__, default=None)
