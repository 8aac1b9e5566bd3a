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

from policies.engine import Finding, Report, applicable
from policies.facts import Rule, facts
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
    MET = "met"
    NOT_APPLICABLE = "not applicable"
    """The stack has no resource that the rules look at."""
    NOT_DECIDABLE = "not decidable from code"
    ORGANISATIONAL = "organisational"
    """People, contracts and processes; resources can only support it."""


_ORDER = tuple(Status)

_SUPPORTING = {
    "soc2": re.compile(r"CC[1-5]\."),
    "gdpr": re.compile(r"(Art(icle)?\.? ?)?30\b"),
    "hipaa": re.compile(r"164\.308\(a\)\(8\)|164\.314\(b\)"),
}
"""Controls about people and records to which some sources attach technical checks: resources only support them."""

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
    """Empty where the sources give an id only."""
    status: Status
    rules: tuple[RuleEvidence, ...]
    agreed: frozenset[str]
    """Ids of the rules that two independent sources map to it."""
    why: str
    """For what resources do not show: why."""


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
        judged = checked or report.types.isdisjoint(rule.types)
        status = Status.NOT_APPLICABLE if judged else Status.NOT_JUDGED
        nothing = "the stack has nothing that the rule looks at"
        why = nothing if judged else "the rule is switched off for this tier, or this project has no check of it"
    return RuleEvidence(rule=rule, status=status, findings=tuple(findings), why=why)


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
    supporting = _SUPPORTING.get(framework)
    for id_, shown in by_control.items():
        supports = supporting is not None and supporting.match(id_) is not None
        # What is not applicable or switched off says nothing against what other rules show.
        status = Status.ORGANISATIONAL if supports else _worst(one.status for one in shown)
        yield Control(
            framework=framework,
            id=id_,
            title="",
            status=status,
            rules=tuple(sorted(shown, key=lambda one: _ORDER.index(one.status))),
            agreed=frozenset(one.rule.id for one in shown if id_ in one.rule.agreed.get(framework, ())),
            why="about people and records: what resources show only supports it" if supports else "",
        )


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
                    title=title.strip(),
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
        "rules": [
            {
                "rule": one.rule.id,
                "status": one.status.value,
                "agreed_by_two_sources": one.rule.id in control.agreed,
                "resources": [
                    {"urn": finding.urn, "property": finding.path, "verdict": finding.verdict.value}
                    for finding in one.findings
                ],
            }
            for one in control.rules
        ],
    }
