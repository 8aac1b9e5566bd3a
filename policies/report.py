"""A report as data for machines and as Markdown for a review."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.engine import Finding, Report
from policies.facts import Rule
from policies.model import Level, Verdict

STACK_LEVEL = "(stack)"
"""Where findings that belong to no module, or to no resource, are shown."""


def totals(report: Report) -> dict[str, int]:
    """Numbers of findings: met, broken (exempted ones apart), unknown, and how many of the broken block."""
    exempted = sum(finding.exemption is not None for finding in report.findings)
    return {
        "met": report.count(Verdict.MET),
        "broken": report.count(Verdict.BROKEN) - exempted,
        "unknown": report.count(Verdict.UNKNOWN),
        "exempted": exempted,
        "mandatory": len(report.blocking),
        "rules": len(report.by_rule),
        "resources": report.resources,
    }


def to_json(report: Report) -> dict[str, Any]:
    """The whole report; every finding traced to rule, resource, property and value."""
    return {
        "project": report.project,
        "stack": report.stack,
        "tier": report.tier,
        "totals": totals(report),
        "findings": [finding_json(finding) for finding in report.findings],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain data."""
    exemption = finding.exemption
    return {
        "rule": finding.rule.id,
        "severity": finding.rule.severity,
        "level": finding.level.value,
        "verdict": finding.verdict.value,
        "module": finding.module,
        "urn": finding.urn,
        "type": finding.type,
        "resource": finding.name,
        "property": finding.path,
        "value": finding.value,
        "reason": finding.message,
        "fix": finding.rule.fix if finding.verdict is Verdict.BROKEN else "",
        "exemption": {"reason": exemption.reason, "expires": exemption.expires.isoformat()} if exemption else None,
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    """The facts of a rule as plain data."""
    return {
        "id": rule.id,
        "severity": rule.severity,
        "levels": {name: level.value for name, level in rule.levels.items()},
        "scope": rule.scope,
        "condition": rule.condition,
        "fix": rule.fix,
        "types": list(rule.types),
        "properties": list(rule.properties),
        "frameworks": {name: list(ids) for name, ids in rule.frameworks.items()},
        "agreed_by_two_sources": {name: list(ids) for name, ids in rule.agreed.items()},
        "sources": rule.sources,
    }


def value_text(value: Any, width: int = 60) -> str:
    """A property's value in one line; `not set` where there is none."""
    text = "not set" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def shown(finding: Finding) -> str:
    """`property = value`, for people."""
    return f"{finding.path} = {value_text(finding.value)}" if finding.path else ""


def headline(report: Report) -> str:
    """One line with all totals."""
    number = totals(report)
    return (
        f"{number['broken']} broken, of these {number['mandatory']} mandatory; {number['exempted']} exempted; "
        f"{number['unknown']} unknown; {number['met']} met. "
        f"{number['rules']} rules over {number['resources']} resources."
    )


def to_markdown(report: Report) -> str:
    """What stands, as a table for a pull request."""
    lines = [
        f"### {report.project}/{report.stack}: {len(report.blocking)} mandatory findings",
        "",
        headline(report),
        "",
    ]
    rows = [finding for finding in report.findings if finding.stands]
    if rows:
        lines += ["| Module | Level | Severity | Rule | Resource | Property | Fix |", "| :-- " * 7 + "|"]
        lines += [_markdown_row(finding) for finding in _mandatory_first(rows)]
    return "\n".join(lines) + "\n"


def _markdown_row(finding: Finding) -> str:
    cells = (
        finding.module or STACK_LEVEL,
        f"**{finding.level}**" if finding.level is Level.MANDATORY else finding.level.value,
        finding.rule.severity,
        f"`{finding.rule.id}`",
        finding.name or STACK_LEVEL,
        f"`{shown(finding)}`" if finding.path else finding.message,
        finding.rule.fix,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _mandatory_first(findings: Sequence[Finding]) -> Iterable[Finding]:
    return sorted(findings, key=lambda finding: not finding.blocks)


def by_module(report: Report) -> Mapping[str, Sequence[Finding]]:
    """Module -> its findings, in the report's order."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.module or STACK_LEVEL, []).append(finding)
    return found
