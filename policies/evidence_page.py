"""The evidence as one HTML page that an auditor can read and print: no script, nothing loaded from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.evidence import WORDS, Evidence, Status
from policies.exemptions import Exemption
from policies.facts import facts
from policies.report import STACK_LEVEL, value_text

_FOLDER = Path(__file__).parent / "data"

_MEANINGS: Mapping[Status, str] = {
    Status.NOT_MET: "at least one resource breaks a rule that is mapped to the control",
    Status.ACCEPTED: "resources break a rule, and each breach has a written reason and a last day",
    Status.UNKNOWN: "no rule is broken, but a value is known only after the deployment",
    Status.NOT_JUDGED: "a mapped rule is switched off for this tier, or the project has no check of it",
    Status.PARTLY: "all that is seen satisfies the rules; a part of what the control is about is not seen here",
    Status.SUPPORTED: "about people and processes: resources support it, people have to show it",
    Status.MET: "every resource that the mapped rules look at satisfies them",
    Status.NOT_SHOWN: "about the account, which this stack does not own: whoever does has to show it",
    Status.NOT_APPLICABLE: "the stack has no resource that the mapped rules look at",
    Status.NOT_DECIDABLE: "no resource definition shows it: it is seen in the running account",
    Status.ORGANISATIONAL: "people, contracts and processes; resources can only support it",
}


def to_html(evidence: Evidence, plan: Mapping[str, Any]) -> str:
    """One page: summary, controls, the resources behind them, what resources do not show, and how it was made."""
    # Loading it takes longer than a report needs; whoever wants JSON only does without.
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    environment.filters["shown"] = lambda value: value_text(value, 240)
    environment.filters["slug"] = lambda status: str(status).replace(" ", "-").replace(",", "")
    return environment.get_template("evidence.html.j2").render(
        evidence=evidence,
        plan=plan,
        titles=[facts().titles[name] for name in evidence.frameworks],
        facts=facts(),
        meanings=_MEANINGS,
        words=WORDS,
        stack_level=STACK_LEVEL,
        shown_controls=[control for control in evidence.controls if control.rules],
        other_controls=[control for control in evidence.controls if not control.rules],
        accepted=_accepted(evidence),
    )


def _accepted(evidence: Evidence) -> list[tuple[Exemption, list[str]]]:
    """Each exemption that was used, with the resources that it covers."""
    found: dict[Exemption, dict[str, None]] = {}
    for one in evidence.report.findings:
        if one.exemption and one.rule.id in evidence.rules:
            found.setdefault(one.exemption, {})[one.name or STACK_LEVEL] = None
    return [(exemption, list(names)) for exemption, names in found.items()]
