"""Resources of data services made by hand, and tables of cases for the rules that judge them."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies import rules
from policies.model import Judgement, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS

MET, BROKEN, NOT_KNOWN = Verdict.MET, Verdict.BROKEN, Verdict.UNKNOWN
_WORST = (Verdict.MET, Verdict.UNKNOWN, Verdict.BROKEN)

for _module in pkgutil.iter_modules(rules.__path__):
    importlib.import_module(f"{rules.__name__}.{_module.name}")


def resource(
    type_: str,
    inputs: Mapping[str, Any] | None = None,
    /,
    *,
    name: str = "one",
    refers: Mapping[str, Node | Iterable[Node]] | None = None,
    provider: Node | None = None,
    id: str = "",  # noqa: A002 - the graph's own word
) -> Node:
    """A resource; `refers` says which others the value of a property comes from."""
    sources = {key: (of,) if isinstance(of, Node) else tuple(of) for key, of in (refers or {}).items()}
    return Node(
        urn=f"urn:pulumi:test::mlops::{type_}::{name}",
        type=type_,
        name=name,
        id=id,
        inputs=dict(inputs or {}),
        property_dependencies={key: tuple(one.urn for one in of) for key, of in sources.items()},
        provider=provider.urn if provider else "",
    )


def judgements(rule: str, *nodes: Node) -> list[Judgement]:
    """All that a rule says of a stack of these resources."""
    if rule in STACK_CHECKS:
        return list(STACK_CHECKS[rule](Graph(project="mlops", stack="test", nodes=nodes)))
    return [one for node in nodes for one in RESOURCE_CHECKS[rule](node)]


def verdict(rule: str, *nodes: Node) -> Verdict | None:
    """The worst that a rule says; None where it has nothing to judge."""
    found = [one.verdict for one in judgements(rule, *nodes)]
    return max(found, key=_WORST.index) if found else None


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
