"""Tables of cases for the rules that judge data services."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.support import judgements, verdict

MET, BROKEN, NOT_KNOWN = Verdict.MET, Verdict.BROKEN, Verdict.UNKNOWN


def case(rule: str, expected: Verdict | None, sentence: str, *nodes: Node) -> Any:
    """One row of a table: what a rule says of these resources."""
    return pytest.param(rule, expected, nodes, id=f"{rule}: {sentence}")


def at(path: str, value: Any) -> dict[str, Any]:
    """Inputs that hold one value at a dotted path; a `[]` makes a list of one."""
    head, _, rest = path.partition(".")
    inner = at(rest, value) if rest else value
    return {head.removesuffix("[]"): [inner] if head.endswith("[]") else inner}


def one_property(
    rule: str, type_: str, path: str, *, right: Any, wrong: Any, beside: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """The three rows of a rule that one property decides."""
    for value, expected in ((right, MET), (wrong, BROKEN), (UNKNOWN, NOT_KNOWN)):
        shown = "a value known after the deployment" if value == UNKNOWN else repr(value)
        inputs = {**(beside or {}), **at(path, value)}
        yield case(rule, expected, f"{path} of {shown} is {expected.value}", resource(type_, inputs))


def left_out(rule: str, type_: str, expected: Verdict, beside: Mapping[str, Any] | None = None) -> Any:
    """The row of a resource that says nothing of the property."""
    return case(rule, expected, f"a resource that leaves AWS its default is {expected.value}", resource(type_, beside))


def by_rule(*tables: Iterable[Any]) -> dict[str, set[Verdict | None]]:
    """Rule -> the verdicts that the rows of some tables show."""
    found: dict[str, set[Verdict | None]] = {}
    for table in tables:
        for row in table:
            found.setdefault(row.values[0], set()).add(row.values[1])
    return found


def check(rule: str, expected: Verdict | None, nodes: tuple[Node, ...]) -> None:
    """Compare, and hold what every judgement must keep: a sentence where a rule is broken, and nowhere else."""
    found = judgements(rule, *nodes)
    assert verdict(rule, *nodes) is expected, found
    for one in found:
        assert bool(one.message) is (one.verdict is BROKEN)
        assert not one.message or one.message.endswith(".")
        assert one.urn == "" or one.urn in {node.urn for node in nodes}
