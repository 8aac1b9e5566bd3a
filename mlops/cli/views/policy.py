"""Printing verdicts, rules and their coverage for people."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.core.problems import closest
from policies.coverage import Coverage
from policies.coverage import coverage as covered
from policies.engine import Finding, Report
from policies.facts import Rule, facts
from policies.frameworks import FrameworkError, chosen
from policies.model import Verdict
from policies.report import by_module, headline, rule_json, shown

if TYPE_CHECKING:
    from rich.table import Table


def of_framework(report: Report, name: str) -> Report:
    """The findings of rules that a framework maps.

    Raises:
        BadInputError: there is no such framework.
    """
    try:
        names = chosen(name)
    except FrameworkError as error:
        raise BadInputError(str(error)) from None
    kept = tuple(one for one in report.findings if any(one.rule.frameworks.get(part) for part in names))
    return replace(report, findings=kept)


def print_report(report: Report, *, every: bool) -> None:
    """What stands, module by module, then the totals."""
    console = ui.out()
    where = f"{report.project}/{report.stack}" if report.project else report.stack
    tier = f" · tier {report.tier}" if report.tier else " · judged as prod"
    console.print(f"[bold]{where}[/]{tier} · {headline(report)}")
    for module, findings in by_module(report).items():
        rows = findings if every else [one for one in findings if one.verdict is not Verdict.MET]
        if rows:
            console.print()
            console.print(_findings(module, rows))
    if report.blocking:
        console.print("\n[red]Not allowed:[/] mend what is mandatory, or exempt it in exemptions.yaml with a reason.")
    else:
        console.print("\n[green]Allowed:[/] no mandatory rule is broken without an exemption.")


def _findings(module: str, findings: Iterable[Finding]) -> "Table":
    rows = [
        (
            "exempted" if one.exemption else one.level.value if one.verdict is Verdict.BROKEN else one.verdict.value,
            one.rule.severity,
            one.rule.id,
            one.name,
            "; ".join(text for text in (shown(one), one.message) if text),
            _remedy(one),
        )
        for one in findings
    ]
    return ui.table(module, "Level", "Severity", "Rule", "Resource", "What shows it", "Fix", rows=rows)


def _remedy(finding: Finding) -> str:
    if finding.exemption:
        return f"accepted until {finding.exemption.expires}: {ui.shortened(finding.exemption.reason)}"
    return finding.rule.fix if finding.verdict is Verdict.BROKEN else ""


def print_notes(report: Report) -> None:
    """What the verdict does not cover."""
    unused = report.unused_exemptions
    if len(unused) == 1:
        ui.note(f"The exemption of {unused[0].resource} from {unused[0].rule} covers nothing here.")
    elif unused:
        # A project has exemptions for modules that this stack has not.
        first = ", ".join(f"{one.resource} from {one.rule}" for one in unused[:2])
        ui.note(f"{len(unused)} exemptions cover nothing here: {first}{' …' if len(unused) > 2 else ''}.")
    ui.note("Objects that Helm charts and operators make on the cluster are not in the plan and are not judged.")
    ui.note("`mlops policy --rule ID` explains a rule, `--coverage` says which types have none, `--all` shows the met.")


def print_rules(rule_id: str | None, *, as_json: bool) -> None:
    """One rule in full, or all in a line each.

    Raises:
        BadInputError: there is no such rule.
    """
    table = facts().rules
    if rule_id and rule_id not in table:
        raise BadInputError(
            f'There is no rule "{rule_id}".{closest(rule_id, sorted(table))} `mlops policy --rules` lists all.'
        )
    found = [table[rule_id]] if rule_id else list(table.values())
    if as_json:
        documents = [rule_json(rule) for rule in found]
        ui.print_json(documents[0] if rule_id else {"rules": documents})
    elif rule_id:
        _explain(found[0])
    else:
        rows = [
            (rule.id, rule.severity, rule.levels["dev"].value, rule.levels["prod"].value, rule.condition)
            for rule in found
        ]
        ui.out().print(ui.table("Rules", "Rule", "Severity", "dev", "prod", "What must hold", rows=rows))


def _explain(rule: Rule) -> None:
    from rich.markup import escape

    console = ui.out()
    console.print(f"[bold]{rule.id}[/] · {rule.severity} · dev {rule.levels['dev']}, prod {rule.levels['prod']}")
    console.print(f"What must hold: {escape(rule.condition)}.")
    console.print(f"Fix: {escape(rule.fix)}.")
    console.print(f"Properties: {escape(', '.join(rule.properties))}")
    console.print(f"Types: {escape(', '.join(rule.types))}")
    for name, ids in rule.frameworks.items():
        console.print(f"{facts().titles[name]}: {escape(', '.join(ids))}")
    if not rule.frameworks:
        console.print("No published framework mapping was found for it.")
    checks = "; ".join(f"{tool}: {', '.join(ids)}" for tool, ids in rule.sources["checks"].items())
    console.print(f"Published checks of the same property: {escape(checks) or 'none'}")
    ui.note(f"Facts as of {facts().as_of}. A mapped id is evidence toward a control, no proof that it is met.")


def print_coverage(types: Iterable[str], *, as_json: bool) -> None:
    """Each type with its rules, or why it has none."""
    rows = covered(types)
    if as_json:
        ui.print_json({"types": [asdict(row) for row in rows]})
        return
    ui.out().print(_coverage(rows))
    judged = sum(bool(row.rules) for row in rows)
    ui.note(f"{judged} of {len(rows)} types are judged by a rule; the others say why not.")


def _coverage(rows: Sequence[Coverage]) -> "Table":
    cells = [(row.type, str(len(row.rules)), ", ".join(row.rules) or row.reason) for row in rows]
    return ui.table("Types of resources", "Type", ("Rules", "right"), "Which, or why none", rows=cells)
