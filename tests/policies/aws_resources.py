"""Resources of AWS made by hand, and tables of what the rules must say of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Graph, Node
from policies import rules
from policies.model import Judgement, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS

rules.load()

ACCOUNT = "000000000000"
BASELINE = "mlops:index:AccountBaseline"
_SEVEREST = (Verdict.BROKEN, Verdict.UNKNOWN, Verdict.MET)

Inputs = Mapping[str, Any]


def node(
    type_: str,
    inputs: Inputs | None = None,
    *,
    name: str = "it",
    refers: Mapping[str, Iterable[Node]] | None = None,
    outputs: Inputs | None = None,
) -> Node:
    """A resource; `refers` says which resources a property's value comes from."""
    by_property = {key: tuple(one.urn for one in targets) for key, targets in (refers or {}).items()}
    return Node(
        urn=f"urn:pulumi:test::mlops::{type_}::{name}",
        type=type_,
        name=name,
        id=f"{name}-id",
        inputs=dict(inputs or {}),
        outputs=dict(outputs or {}),
        property_dependencies=by_property,
    )


def baseline() -> Node:
    """The component that says that the stack owns the account's settings."""
    return Node(urn=f"urn:pulumi:test::mlops::{BASELINE}::account", type=BASELINE, name="account", custom=False)


def judgements(rule: str, *nodes: Node) -> list[Judgement]:
    """All that a rule says of these resources."""
    if rule in STACK_CHECKS:
        return list(STACK_CHECKS[rule](Graph(project="mlops", stack="test", nodes=nodes)))
    return [judgement for one in nodes for judgement in RESOURCE_CHECKS[rule](one)]


def verdict(rule: str, *nodes: Node) -> Verdict | None:
    """The gravest of a rule's verdicts; None where it has nothing to judge."""
    found = {judgement.verdict for judgement in judgements(rule, *nodes)}
    return next((one for one in _SEVEREST if one in found), None)


@dataclass(frozen=True)
class Case:
    """What a rule must say of some resources."""

    sentence: str
    rule: str
    expected: Verdict | None
    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


def stacks(
    rule: str, wrong: str, broken: Iterable[Node], met: Iterable[Node], unknown: Iterable[Node]
) -> tuple[Case, ...]:
    """Three stacks: one that breaks a rule, one that satisfies it, one of which it cannot be told yet."""
    return (
        Case(f"refuses {wrong}", rule, Verdict.BROKEN, tuple(broken)),
        Case("accepts what is right", rule, Verdict.MET, tuple(met)),
        Case("does not decide before the value is known", rule, Verdict.UNKNOWN, tuple(unknown)),
    )


def three(rule: str, wrong: str, type_: str, broken: Inputs, met: Inputs, unknown: Inputs) -> tuple[Case, ...]:
    """The same for a rule that looks at one resource at a time."""
    return stacks(rule, wrong, [node(type_, broken)], [node(type_, met)], [node(type_, unknown)])


def more(rule: str, expected: Verdict | None, sentence: str, *nodes: Node) -> Case:
    """A further case."""
    return Case(sentence, rule, expected, nodes)


def document(*statements: Inputs) -> str:
    """An IAM document as the program writes it."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


def trusts(principal: Any, condition: Inputs | None = None) -> dict[str, Any]:
    """A role's trust in somebody."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"assumeRolePolicy": document({**statement, "Condition": dict(condition)} if condition else statement)}
