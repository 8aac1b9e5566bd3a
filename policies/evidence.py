"""What a stack shows toward the controls of a framework: control, rules, resources, properties, and the status.

A status says what the resources of one plan show. A mapped control id is evidence toward a control; whether the
control is met is for people to say, who also see what no program shows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policies import claims
from policies.engine import Finding, Report, applicable
from policies.facts import Rule, control_titles, facts
from policies.frameworks import chosen
from policies.model import Verdict
from policies.report import finding_json, rule_json

WORDS = (
    "A control id that is mapped to a rule means that the rule gives evidence toward the control. "
    "It does not show that the control is met: that is for the auditor, who also sees what no program shows."
)


class Status(StrEnum):
    """What is known of a control or of one rule toward it."""

    NOT_MET = "not met"
    ACCEPTED = "not met, accepted"
    """Every breach has an exemption with a reason and a last day."""
    UNKNOWN = "unknown"
    """A value is known only after the deployment."""
    NOT_JUDGED = "not judged"
    """A rule is switched off for the tier, or this project has no check of it."""
    PARTLY = "met as far as seen"
    """All that is seen is right; the stack runs pods that no graph holds."""
    SUPPORTED = "supported by resources"
    """A control about people and processes: a configuration alone never meets it."""
    MET = "met"
    NOT_SHOWN = "not shown by this stack"
    """It is about the account, which the stack does not own."""
    NOT_APPLICABLE = "not applicable"
    """The stack has no resource that the rules look at."""
    NOT_DECIDABLE = "not decidable from code"
    ORGANISATIONAL = "organisational"
    """People, contracts and processes; resources can only support it."""


_ORDER = tuple(Status)

_LISTS: Mapping[str, tuple[Status, str]] = {
    "not_covered": (Status.NOT_DECIDABLE, "{kind}"),
    "in_sources_but_no_rule": (
        Status.NOT_DECIDABLE,
        "published checks exist, but look at what only a running account has",
    ),
    "services_in_scope_not_covered": (Status.NOT_DECIDABLE, "{kind}"),
    "published_check_but_no_rule": (
        Status.NOT_DECIDABLE,
        "published checks exist, but look at what only a running account has",
    ),
    "no_published_check": (Status.ORGANISATIONAL, "no published check of resources exists for it"),
    "organisational_from_memory_unverified": (
        Status.ORGANISATIONAL,
        "{kind}; listed without the framework's text at hand: check the list against your edition",
    ),
    "organisational_families_from_memory_unverified": (
        Status.ORGANISATIONAL,
        "policies and processes; listed without the framework's text at hand: check the list against your edition",
    ),
}
"""List in the table of what no resource shows -> status, and why."""


@dataclass(frozen=True, kw_only=True)
class RuleEvidence:
    """What one rule shows."""

    rule: Rule
    status: Status
    findings: tuple[Finding, ...]
    why: str
    """Where there is no finding: why not."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control of one framework."""

    framework: str
    id: str
    title: str
    status: Status
    rules: tuple[RuleEvidence, ...]
    agreed: frozenset[str]
    """Ids of the rules that two independent sources map to it."""
    why: str
    """For what resources do not show, or show in part: why."""

    @property
    def one_source(self) -> bool:
        """Whether no mapping of it has a second source."""
        return bool(self.rules) and not self.agreed


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All controls of one or several frameworks, in the order of their ids."""

    name: str
    """As it was asked for."""
    frameworks: tuple[str, ...]
    report: Report
    controls: tuple[Control, ...]
    rules: Mapping[str, RuleEvidence]

    @property
    def summary(self) -> dict[Status, int]:
        """How many controls have each status, worst first; statuses that none has are left out."""
        counted = Counter(control.status for control in self.controls)
        return {status: counted[status] for status in _ORDER if counted[status]}


def evidence(report: Report, name: str) -> Evidence:
    """The evidence toward one framework.

    Raises:
        FrameworkError: there is no framework of that name.
    """
    frameworks = chosen(name)
    mapped = [rule for rule in facts().rules.values() if any(rule.frameworks.get(part) for part in frameworks)]
    checked = {rule.id for rule, _ in applicable(report.tier)}
    rules = {rule.id: _rule(rule, report, checked=rule.id in checked) for rule in mapped}
    controls = [control for part in frameworks for control in _controls(part, rules.values())]
    return Evidence(
        name=name,
        frameworks=frameworks,
        report=report,
        controls=tuple(sorted(controls, key=lambda one: (frameworks.index(one.framework), _natural(one.id)))),
        rules=rules,
    )


def _rule(rule: Rule, report: Report, *, checked: bool) -> RuleEvidence:
    findings = report.by_rule.get(rule.id, [])
    status, why = _of_findings(findings), ""
    if not findings:
        status, why = _of_nothing(rule, report, checked=checked)
    elif status is Status.MET and claims.is_seen_in_part(rule, report.types):
        status, why = Status.PARTLY, claims.UNSEEN
    return RuleEvidence(rule=rule, status=status, findings=tuple(findings), why=why)


def _of_nothing(rule: Rule, report: Report, *, checked: bool) -> tuple[Status, str]:
    """What it says that a rule had nothing to judge."""
    if not checked and not report.types.isdisjoint(rule.types):
        return Status.NOT_JUDGED, "the rule is switched off for this tier, or this project has no check of it"
    if claims.is_of_the_account(rule, report.types):
        return Status.NOT_SHOWN, claims.OTHERS
    return Status.NOT_APPLICABLE, "the stack has nothing that the rule looks at"


def _of_findings(findings: Iterable[Finding]) -> Status:
    seen = set[Status]()
    for finding in findings:
        if finding.verdict is Verdict.BROKEN:
            seen.add(Status.ACCEPTED if finding.exemption else Status.NOT_MET)
        else:
            seen.add(Status.MET if finding.verdict is Verdict.MET else Status.UNKNOWN)
    return _worst(seen)


def _worst(statuses: Iterable[Status]) -> Status:
    return min(statuses, key=_ORDER.index, default=Status.NOT_APPLICABLE)


def _controls(framework: str, rules: Iterable[RuleEvidence]) -> list[Control]:
    mapped = {control.id: control for control in _mapped(framework, rules)}
    return [*mapped.values(), *(control for control in _unmapped(framework) if control.id not in mapped)]


def _mapped(framework: str, rules: Iterable[RuleEvidence]) -> Iterable[Control]:
    by_control: dict[str, list[RuleEvidence]] = {}
    for one in rules:
        for id_ in one.rule.frameworks.get(framework, ()):
            by_control.setdefault(id_, []).append(one)
    for id_, shown in by_control.items():
        status, why = _of_rules(framework, id_, shown)
        yield Control(
            framework=framework,
            id=id_,
            title=_title(framework, id_),
            status=status,
            rules=tuple(sorted(shown, key=lambda one: _ORDER.index(one.status))),
            agreed=frozenset(one.rule.id for one in shown if id_ in one.rule.agreed.get(framework, ())),
            why=why,
        )


def _of_rules(framework: str, control: str, shown: Iterable[RuleEvidence]) -> tuple[Status, str]:
    """What a control is by its rules; what is not applicable or switched off says nothing against what others show."""
    worst = _worst(one.status for one in shown)
    if claims.is_about_people(framework, control):
        return (Status.SUPPORTED if any(one.findings for one in shown) else Status.ORGANISATIONAL), claims.PEOPLE
    whys = {Status.PARTLY: claims.UNSEEN, Status.NOT_SHOWN: claims.OTHERS}
    if worst is Status.MET and any(one.status is Status.NOT_SHOWN for one in shown):
        return Status.PARTLY, claims.OTHERS
    return worst, whys.get(worst, "")


def _title(framework: str, control: str) -> str:
    return control_titles().get(framework, {}).get(control, "")


def _unmapped(framework: str) -> Iterable[Control]:
    table = facts().not_decidable.get(framework, {})
    kind = table.get("kind", "policies and processes")
    seen = set[str]()
    for key, (status, why) in _LISTS.items():
        entries = table.get(key, ())
        titles = entries if isinstance(entries, Mapping) else dict.fromkeys(entries, "")
        for id_, title in titles.items():
            if id_ not in seen:
                seen.add(id_)
                yield Control(
                    framework=framework,
                    id=id_,
                    title=title.strip() or _title(framework, id_),
                    status=status,
                    rules=(),
                    agreed=frozenset(),
                    why=why.format(kind=kind),
                )


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def to_json(evidence: Evidence, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data. `controls` leads from each control to resources and properties, `rules` to their values."""
    return {
        "framework": evidence.name,
        "editions": {name: facts().titles[name] for name in evidence.frameworks},
        "meaning": WORDS,
        "plan": dict(plan),
        "facts": {"as_of": facts().as_of, "sources": dict(facts().sources)},
        "summary": {status.value: number for status, number in evidence.summary.items()},
        "controls": [_control_json(control) for control in evidence.controls],
        "rules": {
            id_: {
                **rule_json(one.rule),
                "status": one.status.value,
                "why": one.why,
                "findings": [finding_json(finding) for finding in one.findings],
            }
            for id_, one in evidence.rules.items()
        },
    }


def _control_json(control: Control) -> dict[str, Any]:
    return {
        "framework": control.framework,
        "id": control.id,
        "title": control.title,
        "status": control.status.value,
        "why": control.why,
        "one_source": control.one_source,
        "rules": [
            {
                "rule": one.rule.id,
                "status": one.status.value,
                "agreed_by_two_sources": one.rule.id in control.agreed,
                "mapped_by": sorted(one.rule.sources["per_framework"].get(control.framework, ())),
                "resources": [
                    {"urn": finding.urn, "property": finding.path, "verdict": finding.verdict.value}
                    for finding in one.findings
                ],
            }
            for one in control.rules
        ],
    }
