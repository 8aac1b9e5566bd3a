"""What a rule says of resources made by hand."""

from mlops.plan.graph import Node
from policies import rules
from policies.model import Judgement, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from tests.nodes import graph

rules.load()
_WORST = (Verdict.MET, Verdict.UNKNOWN, Verdict.BROKEN)


def judgements(rule: str, *nodes: Node) -> list[Judgement]:
    """All that a rule says of a stack of these resources."""
    if rule in STACK_CHECKS:
        return list(STACK_CHECKS[rule](graph(*nodes)))
    return [one for node in nodes for one in RESOURCE_CHECKS[rule](node)]


def verdict(rule: str, *nodes: Node) -> Verdict | None:
    """The worst that a rule says; None where it has nothing to judge."""
    return max((one.verdict for one in judgements(rule, *nodes)), key=_WORST.index, default=None)
