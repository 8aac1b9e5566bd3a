"""Every rule of these services is tried on what breaks it, on what satisfies it and on what is not known yet."""

import pytest

from policies.model import Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from tests.policies import (
    test_rules_account,
    test_rules_containers_functions,
    test_rules_edges_aws,
    test_rules_eks,
    test_rules_identity,
    test_rules_machines,
    test_rules_network,
)
from tests.policies.aws_resources import Case
from tests.policies.support import judgements

TABLES = (
    test_rules_account,
    test_rules_containers_functions,
    test_rules_edges_aws,
    test_rules_eks,
    test_rules_identity,
    test_rules_machines,
    test_rules_network,
)
CASES: list[Case] = [case for table in TABLES for case in table.CASES]
MODULES = frozenset(
    f"policies.rules.{name}"
    for name in (
        "account",
        "cluster",
        "compute",
        "containers",
        "functions",
        "identity",
        "load_balancers",
        "machine_learning",
        "monitoring",
        "network",
        "security_groups",
    )
)
RULES = sorted(rule for rule, check in {**RESOURCE_CHECKS, **STACK_CHECKS}.items() if check.__module__ in MODULES)
FORBIDDEN = {"iam-no-user-policies", "iam-no-static-access-keys"}
"""Rules of what must not be there: they have nothing to judge where it is not."""


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_tried_broken_met_and_unknown(rule: str) -> None:
    tried = {case.expected for case in CASES if case.rule == rule}
    assert {Verdict.BROKEN, Verdict.UNKNOWN, None if rule in FORBIDDEN else Verdict.MET} <= tried


def test_no_case_is_of_a_rule_that_does_not_exist() -> None:
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("case", [case for case in CASES if case.expected is Verdict.BROKEN], ids=str)
def test_whatever_is_broken_says_so_in_words(case: Case) -> None:
    found = judgements(case.rule, *case.nodes)
    assert all(one.message for one in found if one.verdict is Verdict.BROKEN)
    assert not any(one.message for one in found if one.verdict is not Verdict.BROKEN)
