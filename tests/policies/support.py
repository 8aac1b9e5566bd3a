"""What a rule says of resources made by hand."""

from mlops.plan.graph import Node
from policies import rules
from policies.engine import of_rule
from policies.facts import facts
from policies.model import Judgement, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from tests.nodes import graph

rules.load()
_WORST = (Verdict.MET, Verdict.UNKNOWN, Verdict.BROKEN)


def judgements(rule: str, *nodes: Node) -> list[Judgement]:
    """All that a rule says of a stack of these resources."""
    check = STACK_CHECKS.get(rule) or RESOURCE_CHECKS[rule]
    return list(of_rule(facts().rules[rule], check, graph(*nodes)))


def verdict(rule: str, *nodes: Node) -> Verdict | None:
    """The worst that a rule says; None where it has nothing to judge."""
    return max((one.verdict for one in judgements(rule, *nodes)), key=_WORST.index, default=None)
