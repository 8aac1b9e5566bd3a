"""Attacks on every rule, made from its own examples: written otherwise, undone beside, half known, moved elsewhere."""

from dataclasses import replace

import pytest

from mlops.plan.graph import Node
from policies.model import Verdict
from tests.policies import attacks
from tests.policies.examples import Example, examples
from tests.policies.support import verdict

BROKEN, MET = examples(Verdict.BROKEN), examples(Verdict.MET)
BY_RULE = {one.rule: one for one in reversed(BROKEN)}


@pytest.mark.parametrize("attack", attacks.RESPELT)
def test_what_breaks_a_rule_breaks_it_however_it_is_spelt(attack: str) -> None:
    found = [(one, attacks.RESPELT[attack](one.nodes)) for one in BROKEN]
    assert [str(one) for one, nodes in found if nodes != one.nodes and verdict(one.rule, *nodes) is not one.expected] == []


@pytest.mark.parametrize("attack", attacks.WIDENED)
def test_a_condition_that_lets_everybody_through_mends_nothing(attack: str) -> None:
    found = [(one, attacks.WIDENED[attack](one.nodes)) for one in BROKEN]
    assert [str(one) for one, nodes in found if nodes != one.nodes and verdict(one.rule, *nodes) is not one.expected] == []


def test_what_is_right_does_not_make_up_for_what_breaks_the_rule_beside_it() -> None:
    assert [str(one) for one in MET if one.rule in BY_RULE and not _is_broken_beside(one)] == []


def _is_broken_beside(example: Example) -> bool:
    wrong = BY_RULE[example.rule].nodes
    renamed = {node.urn: f"{node.urn}-beside" for node in wrong}
    beside = tuple(_beside(node, renamed) for node in wrong)
    return verdict(example.rule, *example.nodes, *beside) is Verdict.BROKEN


def _beside(node: Node, renamed: dict[str, str]) -> Node:
    links = {key: tuple(renamed.get(urn, urn) for urn in urns) for key, urns in node.property_dependencies.items()}
    return replace(
        node, urn=renamed[node.urn], name=f"{node.name}-beside", id=f"{node.id}-beside", property_dependencies=links
    )


def test_a_value_that_decides_is_not_taken_for_right_before_it_is_known() -> None:
    wrong = []
    for one in MET:
        for place, node in enumerate(one.nodes):
            for path in attacks.leaves(node.inputs):
                if _decides(one, place, path) and _with(one, place, attacks.unknown(node.inputs, path)) is Verdict.MET:
                    wrong.append(f"{one}: {'.'.join(map(str, path))}")
    assert wrong == []


def _decides(one: Example, place: int, path: tuple[str | int, ...]) -> bool:
    return _with(one, place, attacks.without(one.nodes[place].inputs, path)) is not Verdict.MET


def _with(one: Example, place: int, inputs: dict[str, object]) -> Verdict | None:
    nodes = list(one.nodes)
    nodes[place] = replace(nodes[place], inputs=inputs)
    return verdict(one.rule, *nodes)
