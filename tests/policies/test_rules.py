"""What every rule must keep, whoever wrote it. A new check is tested by being there."""

from functools import cache

import pytest

from localcloud.catalogue import KINDS
from mlops.plan.values import UNKNOWN
from mlops.tiers import TIERS
from policies import rules
from policies.coverage import REASONS, coverage
from policies.facts import STRICTNESS, facts
from policies.model import Level, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS, resource_rule, stack_rule
from tests.nodes import graph, resource
from tests.platforms import tier_graph

rules.load()
CHECKS = sorted({**RESOURCE_CHECKS, **STACK_CHECKS})
RESOURCE_TYPES = [
    (rule, type_) for rule in sorted(RESOURCE_CHECKS) if rule in facts().rules for type_ in facts().rules[rule].types
]


@cache
def types() -> frozenset[str]:
    """Every type of resource that the platform knows or makes."""
    made = {one.type for tier in TIERS for one in tier_graph(tier) if one.custom}
    return frozenset(KINDS) | made


@pytest.mark.parametrize("rule", CHECKS)
def test_a_check_belongs_to_a_rule_of_the_table(rule: str) -> None:
    assert rule in facts().rules


@pytest.mark.parametrize("set_", ["core", "extended"])
def test_every_rule_that_touches_a_type_of_the_catalogue_has_a_check(set_: str) -> None:
    touching = {rule.id for rule in facts().rules.values() if rule.set == set_ and types() & set(rule.types)}
    assert sorted(touching - set(CHECKS)) == []


def test_every_type_of_the_catalogue_has_a_rule_or_a_reason_why_none() -> None:
    assert [row.type for row in coverage(types()) if not row.rules and row.type not in REASONS] == []


def test_coverage_says_of_every_type_why_no_rule_looks_at_it() -> None:
    foreign = ("aws:fsx/lustreFileSystem:LustreFileSystem", "kubernetes:cert-manager.io/v1:Issuer", "random:index:Pet")
    assert [row.type for row in coverage(foreign) if not row.reason] == []


def test_coverage_names_the_rules_of_pods_for_what_carries_them() -> None:
    carriers = ("serving.kserve.io/v1beta1:InferenceService", "ray.io/v1:RayCluster", "apps/v1:ReplicaSet")
    rows = coverage(f"kubernetes:{carrier}" for carrier in carriers)
    assert all("k8s-no-privileged" in row.rules for row in rows)


def test_a_reason_for_no_rule_is_given_only_where_there_is_none() -> None:
    judged = {type_ for rule in facts().rules.values() for type_ in rule.types}
    assert sorted(judged & REASONS.keys()) == []


REQUIRED = {"aws:ec2/networkAclRule:NetworkAclRule": {"ruleAction": "allow", "protocol": "-1"}}
"""What a resource always states, where a rule does not list it among its properties."""


@pytest.mark.parametrize(("rule", "type_"), RESOURCE_TYPES)
def test_a_resource_of_which_nothing_is_known_never_counts_as_met(rule: str, type_: str) -> None:
    tops = {path.partition(".")[0].partition("[")[0] for path in facts().rules[rule].properties}
    named = {"spec" if top == "podSpec" else top: UNKNOWN for top in tops}
    found = list(RESOURCE_CHECKS[rule](resource(type_, {**named, **REQUIRED.get(type_, {})}, name="one")))
    assert [one for one in found if one.value == UNKNOWN and one.verdict is Verdict.MET] == []
    assert not found or any(one.verdict is not Verdict.MET for one in found)


@pytest.mark.parametrize(("rule", "type_"), RESOURCE_TYPES)
def test_a_resource_without_any_property_can_be_judged(rule: str, type_: str) -> None:
    for one in RESOURCE_CHECKS[rule](resource(type_, name="one")):
        assert one.verdict in Verdict
        assert one.urn


@pytest.mark.parametrize("rule", sorted(STACK_CHECKS))
def test_an_empty_stack_can_be_judged(rule: str) -> None:
    assert all(one.verdict is not Verdict.UNKNOWN for one in STACK_CHECKS[rule](graph()))


def test_every_tier_has_a_level() -> None:
    assert set(STRICTNESS) == set(TIERS)
    rule = facts().rules["k8s-run-as-non-root"]
    assert {tier: rule.level(tier) for tier in TIERS} == {
        "local": Level.ADVISORY,
        "dev": Level.ADVISORY,
        "experimental": Level.ADVISORY,
        "prod": Level.MANDATORY,
        "enterprise": Level.MANDATORY,
    }
    assert rule.level("of our own") is Level.MANDATORY


def test_a_rule_has_one_check() -> None:
    for register in (resource_rule, stack_rule):
        with pytest.raises(ValueError, match="has a check already"):
            register("k8s-run-as-non-root")(lambda _: [])


def test_the_table_says_when_and_from_which_commits_it_was_read() -> None:
    assert facts().as_of == "2026-11-20"
    assert "3e000faa3109230b748e4418a13c11c9e59f5cfb" in facts().sources["prowler"]  # pragma: allowlist secret
    assert len(facts().rules) == 233
