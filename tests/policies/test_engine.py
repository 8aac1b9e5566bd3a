"""From a graph to a verdict: levels by tier, unknowns, exemptions."""

from datetime import date
from pathlib import Path

import pytest

from mlops.plan.graph import Graph
from mlops.plan.values import UNKNOWN
from policies.engine import judge
from policies.exemptions import Exemption, ExemptionError, read
from policies.facts import facts
from policies.model import Level, Verdict
from policies.report import headline, to_json, to_markdown, totals
from tests.nodes import graph
from tests.policies.test_kubernetes_pods import workload

TODAY = date(2026, 11, 20)
BAD = workload(security={"privileged": True, "runAsNonRoot": False})
RULE = "k8s-run-as-non-root"


def exemption(resource: str, rule: str = RULE) -> Exemption:
    return Exemption(rule=rule, resource=resource, reason="the vendor's image", expires=date(2027, 1, 1))


def test_the_tier_decides_how_grave_a_breach_is() -> None:
    levels = {
        tier: {finding.level for finding in judge(graph(BAD), tier).by_rule[RULE]} for tier in ("dev", "prod", "")
    }
    assert levels == {"dev": {Level.ADVISORY}, "prod": {Level.MANDATORY}, "": {Level.MANDATORY}}


def test_a_rule_that_a_tier_disables_says_nothing_there() -> None:
    digest = "k8s-image-digest"
    pod = workload({"image": "server:1"})
    assert digest in judge(graph(pod), "prod").by_rule
    assert digest not in judge(graph(pod), "dev").by_rule


def test_only_mandatory_breaches_block() -> None:
    assert {one.rule.id for one in judge(graph(BAD), "dev").blocking} == {"k8s-no-privileged"}
    assert RULE in {one.rule.id for one in judge(graph(BAD), "prod").blocking}


def test_an_unknown_value_is_neither_met_nor_blocking() -> None:
    found = judge(graph(workload(security={"privileged": UNKNOWN})), "prod").by_rule["k8s-no-privileged"]
    assert [(one.verdict, one.value, one.blocks) for one in found] == [(Verdict.UNKNOWN, "[unknown]", False)]


@pytest.mark.parametrize("resource", ["server", "serv*", "*", BAD.urn, "urn:pulumi:test::*::server"])
def test_an_exemption_covers_a_resource_by_name_or_urn(resource: str) -> None:
    report = judge(graph(BAD), "prod", [exemption(resource)])
    assert not any(one.blocks for one in report.by_rule[RULE])
    assert [one.exemption is not None for one in report.by_rule[RULE] if one.verdict is Verdict.BROKEN] == [True]
    assert any(one.blocks for one in report.by_rule["k8s-no-privileged"])


def test_an_exemption_that_covers_nothing_is_named() -> None:
    unused = exemption("another")
    assert judge(graph(BAD), "prod", [unused]).unused_exemptions == (unused,)
    for_another = exemption("urn:pulumi:staging::*")
    assert judge(graph(BAD), "prod", [for_another]).unused_exemptions == ()


def test_an_exemption_of_the_stack_is_for_what_the_stack_lacks() -> None:
    assert exemption("stack").covers(RULE, "", "")
    assert not exemption("stack").covers(RULE, BAD.urn, BAD.name)
    assert not exemption("server").covers("k8s-pdb", BAD.urn, BAD.name)


def test_an_empty_stack_breaks_no_rule_of_a_resource() -> None:
    report = judge(Graph(project="mlops", stack="test", nodes=()), "prod")
    assert all(finding.urn == "" for finding in report.findings)


def test_every_finding_is_traced_to_rule_resource_property_and_value() -> None:
    report = judge(graph(BAD), "prod", [exemption("server")])
    rows = [row for row in to_json(report)["findings"] if row["rule"] == "k8s-no-privileged"]
    assert (
        rows[0]
        | {
            "severity": "high",
            "level": "mandatory",
            "verdict": "broken",
            "urn": BAD.urn,
            "property": "spec.template.spec.containers[0].securityContext.privileged",
            "value": True,
            "fix": "remove",
        }
        == rows[0]
    )
    accepted = [row for row in to_json(report)["findings"] if row["exemption"]]
    assert accepted[0]["exemption"] == {"reason": "the vendor's image", "expires": "2027-01-01"}


def test_totals_tell_the_accepted_from_the_broken() -> None:
    plain, accepted = (totals(judge(graph(BAD), "prod", found)) for found in ([], [exemption("*")]))
    assert accepted["exempted"] == 1
    assert plain["broken"] - accepted["broken"] == 1
    assert "1 exempted" in headline(judge(graph(BAD), "prod", [exemption("*")]))


def test_markdown_names_what_stands_the_mandatory_first() -> None:
    lines = [line for line in to_markdown(judge(graph(BAD), "prod")).splitlines() if line.startswith("| ")]
    levels = [line.split("|")[2].strip() for line in lines[2:]]
    assert levels == sorted(levels)
    assert levels[0] == "**mandatory**"


GOOD = "rule: k8s-pdb, resource: server, reason: one copy, expires: 2027-03-31"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{rule: k8s-pdb, resource: server, expires: 2027-03-31}", "has no reason. Say why"),
        ("{rule: k8s-pdb, resource: server, reason: ' ', expires: 2027-03-31}", "has no reason"),
        ("{rule: k8s-pbd, resource: server, reason: x, expires: 2027-03-31}", 'Did you mean "k8s-pdb"?'),
        ("{rule: k8s-pdb, reason: x, expires: 2027-03-31}", "names no resource"),
        ("{resource: server, reason: x, expires: 2027-03-31}", "names no rule"),
        ("{rule: k8s-pdb, resource: server, reason: x}", "expires is missing"),
        ("{rule: k8s-pdb, resource: server, reason: x, expires: soon}", 'expires is "soon"; it must be a day'),
        ("{rule: k8s-pdb, resource: server, reason: x, expires: 2026-11-19}", "expired on 2026-11-19; today is 2026"),
        ("{rule: k8s-pdb, resource: server, reason: x, until: 2027-03-31}", 'there is no key "until"'),
        ("k8s-pdb", "must be a mapping"),
    ],
)
def test_an_exemption_that_cannot_hold_is_refused_with_one_sentence(tmp_path: Path, entry: str, sentence: str) -> None:
    file = tmp_path / "exemptions.yaml"
    file.write_text(f"exemptions:\n  - {{{GOOD}}}\n  - {entry}\n")
    with pytest.raises(ExemptionError) as error:
        read(file, facts().rules, TODAY)
    assert sentence in str(error.value)
    assert "exemptions.yaml, entry 2" in str(error.value)


@pytest.mark.parametrize("text", ["- x", "exceptions: []", "exemptions: 5", "exemptions: [", "text"])
def test_a_file_that_holds_no_exemptions_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "exemptions.yaml"
    file.write_text(text)
    with pytest.raises(ExemptionError, match=r"exemptions\.yaml"):
        read(file, facts().rules, TODAY)


@pytest.mark.parametrize("text", ["", "exemptions:\n", "exemptions: []"])
def test_a_project_need_not_exempt_anything(tmp_path: Path, text: str) -> None:
    file = tmp_path / "exemptions.yaml"
    assert read(file, facts().rules, TODAY) == ()
    file.write_text(text)
    assert read(file, facts().rules, TODAY) == ()


def test_an_exemption_holds_on_its_last_day(tmp_path: Path) -> None:
    file = tmp_path / "exemptions.yaml"
    file.write_text(f"exemptions: [{{{GOOD}}}]")
    assert len(read(file, facts().rules, date(2027, 3, 31))) == 1
    with pytest.raises(ExemptionError, match="expired"):
        read(file, facts().rules, date(2027, 4, 1))
