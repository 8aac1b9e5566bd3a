"""Tables of what the rules must say of resources of AWS."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Node
from policies.model import Verdict
from tests.nodes import resource

ACCOUNT = "000000000000"
BASELINE = "mlops:index:AccountBaseline"

Inputs = Mapping[str, Any]


def baseline() -> Node:
    """The component that says that the stack owns the account's settings."""
    return resource(BASELINE, name="account")


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
    return stacks(rule, wrong, [resource(type_, broken)], [resource(type_, met)], [resource(type_, unknown)])


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


def of(rule: str, expected: Verdict, *cases: tuple[str, Node | tuple[Node, ...]]) -> list[Case]:
    return [more(rule, expected, sentence, *(made if isinstance(made, tuple) else (made,))) for sentence, made in cases]
