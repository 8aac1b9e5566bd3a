"""From findings to controls: what a report to an auditor says, and what it does not claim."""

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from mlops.plan.values import UNKNOWN
from policies.claims import is_about_people
from policies.engine import judge
from policies.evidence import Evidence, Status, evidence, to_json
from policies.evidence_page import to_html
from policies.exemptions import Exemption
from policies.facts import facts
from policies.frameworks import CHOICES, FrameworkError, chosen
from policies.rules.ownership import BASELINE
from tests.nodes import graph, resource
from tests.platforms import tier_graph
from tests.policies.test_kubernetes_pods import workload

PLAN = {
    "project": "mlops",
    "stack": "test",
    "tier": "prod",
    "source": "a plan of the program",
    "date": "2026-11-20",
    "revision": "",
    "uncommitted": False,
    "resources": 1,
}
FRAMEWORKS = ("soc2", "gdpr", "hipaa", "pci", "cis")


def of(*nodes: Any, framework: str = "pci", exemptions: tuple[Exemption, ...] = ()) -> Evidence:
    return evidence(judge(graph(*nodes), "prod", exemptions), framework)


def status(found: Evidence, rule: str) -> Status:
    return found.rules[rule].status


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_control_is_traced_to_resources_and_properties(name: str) -> None:
    report = judge(tier_graph("prod"), "prod")
    document = to_json(evidence(report, name), PLAN)
    assert sum(document["summary"].values()) == len(document["controls"])
    traced = [control for control in document["controls"] if control["status"] in ("met", "not met")]
    for control in traced:
        shown = [resource for rule in control["rules"] for resource in rule["resources"]]
        assert shown
        for rule in control["rules"]:
            values = {(row["urn"], row["property"]): row for row in document["rules"][rule["rule"]]["findings"]}
            for shown_by in rule["resources"]:
                row = values[shown_by["urn"], shown_by["property"]]
                assert {"value", "verdict", "type", "resource"} <= row.keys()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_mapped_id_is_a_control_and_none_stands_twice(name: str) -> None:
    controls = [(control.framework, control.id) for control in of(framework=name).controls]
    assert len(controls) == len(set(controls))
    for framework in chosen(name):
        mapped = {id_ for rule in facts().rules.values() for id_ in rule.frameworks.get(framework, ())}
        assert mapped <= {id_ for of_framework, id_ in controls if of_framework == framework}


def test_a_breach_an_unknown_an_exemption_and_nothing_are_four_things() -> None:
    rule = "k8s-no-privileged"
    bad = workload(security={"privileged": True})
    accepted = Exemption(rule=rule, resource="*", reason="the vendor's image", expires=date(2027, 1, 1))
    assert status(of(bad), rule) is Status.NOT_MET
    assert status(of(bad, exemptions=(accepted,)), rule) is Status.ACCEPTED
    assert status(of(workload(security={"privileged": UNKNOWN})), rule) is Status.UNKNOWN
    assert status(of(workload()), rule) is Status.MET
    assert status(of(), rule) is Status.NOT_APPLICABLE


def test_a_rule_that_the_tier_switches_off_counts_for_nothing() -> None:
    report = judge(graph(workload({"image": "server:1"})), "dev")
    found = evidence(report, "cis")
    switched_off = [one for one in found.rules.values() if one.rule.level("dev") == "disabled"]
    silent = (Status.NOT_JUDGED, Status.NOT_APPLICABLE, Status.NOT_SHOWN)
    assert all(one.status in silent for one in switched_off)


def test_controls_that_code_cannot_decide_are_listed_as_such() -> None:
    cis = {control.id: control for control in of(framework="cis").controls if control.framework == "cis_aws"}
    assert cis["2.4"].status is Status.NOT_DECIDABLE
    assert "MFA" in cis["2.4"].title
    gdpr = {control.id: control for control in of(framework="gdpr").controls}
    assert gdpr["Art. 12-23"].status is Status.ORGANISATIONAL
    assert "check the list against your edition" in gdpr["Art. 12-23"].why


@pytest.mark.parametrize(
    ("name", "control"),
    [
        *(("soc2", control) for control in ("CC1.1", "CC3.2", "CC7.4", "CC7.5", "CC8.1")),
        *(("hipaa", f"164.308{control}") for control in ("(a)(1)(ii)(A)", "(a)(3)(i)", "(a)(5)(ii)(C)", "(a)(8)")),
        ("gdpr", "Art. 30"),
        ("pci", "10.4.1"),
        ("nist", "CA-7"),
    ],
)
def test_controls_about_people_are_only_supported_by_resources(name: str, control: str) -> None:
    report = judge(tier_graph("enterprise"), "enterprise")
    found = {one.id: one for one in evidence(report, name).controls}
    assert found[control].status in (Status.SUPPORTED, Status.ORGANISATIONAL)
    assert "only supports" in found[control].why


@pytest.mark.parametrize("name", CHOICES)
def test_no_control_about_people_is_met_by_configuration_alone(name: str) -> None:
    controls = evidence(judge(tier_graph("enterprise"), "enterprise"), name).controls
    people = [one for one in controls if is_about_people(one.framework, one.id)]
    assert {one.status for one in people} <= {Status.SUPPORTED, Status.ORGANISATIONAL, Status.NOT_DECIDABLE}


@pytest.mark.parametrize("name", CHOICES)
def test_every_control_has_its_title(name: str) -> None:
    assert [one.id for one in of(framework=name).controls if not one.title] == []


def test_the_account_is_not_shown_by_a_stack_that_does_not_own_it() -> None:
    def cis(*nodes: Any) -> dict[str, Status]:
        return {one.id: one.status for one in of(*nodes, framework="cis").controls}

    stranger, owner = cis(workload()), cis(workload(), resource(BASELINE, name="account"))
    rule = facts().rules["cloudtrail-kms"]
    assert status(of(workload(), framework="cis"), rule.id) is Status.NOT_SHOWN
    (control, *_) = facts().rules["cloudtrail-validation"].frameworks["cis_aws"]
    assert (stranger[control], owner[control]) == (Status.NOT_SHOWN, Status.NOT_APPLICABLE)


@pytest.mark.parametrize("unseen", ["kubernetes:helm.sh/v3:Release", "aws:eks/addon:Addon"])
def test_pods_that_nobody_sees_make_a_control_partial(unseen: str) -> None:
    rule = "k8s-no-privileged"
    assert status(of(workload()), rule) is Status.MET
    found = of(workload(), resource(unseen, {}))
    assert status(found, rule) is Status.PARTLY
    assert not [one for one in found.controls if one.status is Status.MET and rule in {r.rule.id for r in one.rules}]


def test_a_mapping_of_one_source_is_marked() -> None:
    document = to_json(of(workload(), framework="pci"), PLAN)
    for control in document["controls"]:
        if control["rules"]:
            assert control["one_source"] is not any(rule["agreed_by_two_sources"] for rule in control["rules"])
            assert all(rule["mapped_by"] for rule in control["rules"])
    assert "mapped by one source only" in to_html(of(workload(), framework="iso27001"), PLAN)


def test_controls_stand_in_the_order_of_their_numbers() -> None:
    ids = [control.id for control in of(framework="pci").controls if control.rules]
    assert ids.index("2.2.7") < ids.index("10.2.1")


def test_a_framework_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(FrameworkError, match=r'There is no framework "sco2"\. Did you mean "soc2"'):
        of(framework="sco2")
    assert chosen("cis_eks") == ("cis_eks",)
    assert set(CHOICES) >= set(FRAMEWORKS)


class _Page(HTMLParser):
    """What a page links to, what it can be linked at, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.targets += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if tag == "a" else []
        self.loaded += [tag] if tag in ("script", "link", "img", "iframe") or "src" in values else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_page_stands_alone_and_its_links_lead_somewhere(name: str) -> None:
    report = judge(tier_graph("prod"), "prod")
    page = _Page()
    page.feed(to_html(evidence(report, name), PLAN))
    assert page.loaded == []
    assert page.open == []
    assert len(page.targets) == len(set(page.targets))
    assert {link.removeprefix("#") for link in page.links} <= set(page.targets)


def test_the_page_says_what_it_does_not_claim() -> None:
    text = to_html(of(workload()), PLAN)
    assert "It does not show that the control is met" in text
    assert "not in a git repository" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_what_a_resource_holds_cannot_break_out_of_the_page() -> None:
    text = to_html(of(workload({"image": "<script>alert(1)</script>"}), framework="pci"), PLAN)
    assert "<script>" not in text
