"""Attacks on every rule, made from its own examples: written otherwise, undone beside, half known, moved elsewhere."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from mlops.plan.graph import Node
from policies.facts import facts
from policies.model import Verdict
from policies.registry import RESOURCE_CHECKS
from tests.policies import attacks
from tests.policies import attacks_on_documents as documents
from tests.policies.carriers import CARRIERS, DEPLOYMENT
from tests.policies.examples import Example, examples
from tests.policies.support import verdict

BROKEN, MET = examples(Verdict.BROKEN), examples(Verdict.MET)
BY_RULE = {one.rule: one for one in reversed(BROKEN)}

WANTS_ONE = {
    "backup-plan-covers-data": "a selection takes whatever it names",
    "cis-monitoring-filters": "one filter and alarm an event are enough",
    "ecr-scan-on-push": "the registry's rule takes every repository",
    "eks-network-policy-engine": "one network that enforces is enough",
    "eks-workload-identity": "one way to have a role is enough",
    "guardduty-data-features": "one detector looks",
    "guardduty-eks": "one detector looks",
    "k8s-namespace-network-policy": "one policy that closes is enough; one that opens is an example of its own",
    "k8s-namespace-quota-and-limits": "one quota and one range in the namespace are enough",
    "securityhub-enabled": "one subscription is enough",
}
"""Rules whose first example lacks something that their right example has: put together they are right. Rule -> why."""
AWS_KEYS_DO = {
    "sns-kms": "AWS's own key encrypts as well; who may use it is asked of keys",
    "sqs-encrypted": "the same",
}
"""Rules that ask for encryption with any key. Rule -> why."""


def _unlike(expected: Verdict, found: Iterable[tuple[Example, tuple[Node, ...]]]) -> list[str]:
    """The examples of which a rule says another thing once they are changed; those that stay as they are left out."""
    changed = [(one, nodes) for one, nodes in found if nodes != one.nodes]
    assert changed
    return [str(one) for one, nodes in changed if verdict(one.rule, *nodes) is not expected]


SPELLINGS = {**attacks.RESPELT, **documents.RESPELT}


@pytest.mark.parametrize("attack", SPELLINGS)
def test_what_breaks_a_rule_breaks_it_however_it_is_spelt(attack: str) -> None:
    assert _unlike(Verdict.BROKEN, ((one, SPELLINGS[attack](one.nodes)) for one in BROKEN)) == []


@pytest.mark.parametrize("attack", attacks.RENAMED)
def test_what_breaks_a_rule_breaks_it_under_every_name_of_its_type(attack: str) -> None:
    assert _unlike(Verdict.BROKEN, ((one, attacks.RENAMED[attack](one.nodes)) for one in BROKEN)) == []


@pytest.mark.parametrize("attack", documents.WIDENED)
def test_a_condition_that_lets_everybody_through_mends_nothing(attack: str) -> None:
    assert _unlike(Verdict.BROKEN, ((one, documents.WIDENED[attack](one.nodes)) for one in BROKEN)) == []


@pytest.mark.parametrize("attack", attacks.MOVED)
def test_what_breaks_a_rule_breaks_it_wherever_it_is_stated(attack: str) -> None:
    assert _unlike(Verdict.BROKEN, ((one, attacks.MOVED[attack](one.nodes)) for one in BROKEN)) == []


@pytest.mark.parametrize("attack", documents.WEAKENED)
def test_a_right_document_that_is_weakened_is_not_right(attack: str) -> None:
    weak = [(one, documents.WEAKENED[attack](one.nodes)) for one in MET if _rests_on_a_document(one)]
    changed = [(one, nodes) for one, nodes in weak if nodes != one.nodes]
    assert changed
    assert [str(one) for one, nodes in changed if verdict(one.rule, *nodes) is Verdict.MET] == []


def _rests_on_a_document(example: Example) -> bool:
    """Whether the document is what makes it right: without one it is not."""
    return verdict(example.rule, *documents.emptied(example.nodes)) is not Verdict.MET or "trust" in example.rule


@pytest.mark.parametrize("spelling", ["alias/aws/any", "arn:aws:kms:us-east-1:000000000000:alias/aws/any"])
def test_a_key_of_aws_is_not_taken_for_a_key_of_ours(spelling: str) -> None:
    found = [(one, attacks.keys_of_aws(one.nodes, spelling)) for one in MET if one.rule not in AWS_KEYS_DO]
    changed = [(one, nodes) for one, nodes in found if nodes != one.nodes and _rests_on_a_key(one)]
    assert len({one.rule for one, _ in changed}) > 15
    assert [str(one) for one, nodes in changed if verdict(one.rule, *nodes) is not Verdict.BROKEN] == []


def _rests_on_a_key(example: Example) -> bool:
    return verdict(example.rule, *attacks.keys_of_aws(example.nodes, "")) is Verdict.BROKEN


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_pod_is_judged_in_whatever_makes_it(carrier: str) -> None:
    of_pods = [one for one in BROKEN if DEPLOYMENT in facts().rules[one.rule].types and one.rule in RESOURCE_CHECKS]
    carried = [(one, tuple(map(CARRIERS[carrier], one.nodes))) for one in of_pods]
    changed = [(one, nodes) for one, nodes in carried if nodes != one.nodes]
    assert changed
    # What KServe's runtime may still state is unknown, and never right.
    right = (Verdict.BROKEN, Verdict.UNKNOWN) if "model" in carrier else (Verdict.BROKEN,)
    assert [str(one) for one, nodes in changed if verdict(one.rule, *nodes) not in right] == []


def test_what_is_right_does_not_make_up_for_what_breaks_the_rule_beside_it() -> None:
    assert [str(one) for one in MET if one.rule in BY_RULE and not _is_broken_beside(one)] == []


def _is_broken_beside(example: Example) -> bool:
    wrong = BY_RULE[example.rule].nodes
    renamed = {node.urn: f"{node.urn}-beside" for node in wrong}
    beside = tuple(_beside(node, renamed) for node in wrong)
    return example.rule in WANTS_ONE or verdict(example.rule, *example.nodes, *beside) is Verdict.BROKEN


def _beside(node: Node, renamed: dict[str, str]) -> Node:
    links = {key: tuple(renamed.get(urn, urn) for urn in urns) for key, urns in node.property_dependencies.items()}
    return replace(
        node, urn=renamed[node.urn], name=f"{node.name}-beside", id=f"{node.id}-beside", property_dependencies=links
    )


def test_a_value_that_decides_is_not_taken_for_right_before_it_is_known() -> None:
    wrong = []
    for one in MET:
        for place, node in enumerate(one.nodes):
            for path, value in attacks.scalars(node.inputs):
                hidden = attacks.edited(node.inputs, path, attacks.UNKNOWN)
                if _decides(one, place, path, value) and _with(one, place, hidden) is Verdict.MET:
                    wrong.append(f"{one}: {'.'.join(map(str, path))}")
    assert wrong == []


def _decides(one: Example, place: int, path: attacks.Path, value: object) -> bool:
    """Whether another value of the kind would be wrong; names and ids of others are as right as the one given."""
    inputs = one.nodes[place].inputs
    return any(
        _with(one, place, attacks.edited(inputs, path, other)) is Verdict.BROKEN for other in attacks.others(value)
    )


def _with(one: Example, place: int, inputs: dict[str, object]) -> Verdict | None:
    nodes = list(one.nodes)
    nodes[place] = replace(nodes[place], inputs=inputs)
    return verdict(one.rule, *nodes)
