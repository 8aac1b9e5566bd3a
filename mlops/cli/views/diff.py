"""The view of a change for people: by danger, with what happens and what to do instead."""

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape

from mlops.change.model import Danger, Kind, ResourceChange
from mlops.change.report import HEADS, Report, because, headline, outcome, verdict
from mlops.cli import ui
from mlops.plan.summary import STACK_LEVEL, short_type

_PROPERTIES_SHOWN = 3


def show(report: Report) -> None:
    """The whole view."""
    console = ui.out()
    console.print(f"[bold]{report.stack}[/]: {headline(report)}", highlight=False)
    console.print(f"Base: {report.base}. Head: {report.head}.", markup=False, soft_wrap=True)
    for danger, head in HEADS.items():
        changes = report.changes.of(danger)
        if changes:
            _group(danger, head, changes, report)
    _rest(report.changes.of(Danger.NONE))
    colour = "green" if report.stands else "red"
    console.print(f"\n[{colour}]{'✓' if report.stands else '✗'}[/] {verdict(report)}")
    if report.blocking:
        console.print(
            "Change it as said above, or acknowledge it in acknowledged.yaml: resource, change, reason, expires.",
            markup=False,
            soft_wrap=True,
        )


def _group(danger: Danger, head: str, changes: Sequence[ResourceChange], report: Report) -> None:
    console = ui.out()
    console.print(f"\n[bold]{head}[/] ({len(changes)})")
    for change in changes:
        colour = "red" if danger in (Danger.LOSS, Danger.REFUSED) else "yellow"
        words = "" if danger is Danger.NOT_KNOWN else f": {change.kind.value}"
        name = escape(change.node.name)
        console.print(f"[{colour}]•[/] [bold]{name}[/] ({short_type(change.node.type)}){words}", soft_wrap=True)
        for text in _lines(change, report):
            console.print(f"    {text}", markup=False, soft_wrap=True)


def _lines(change: ResourceChange, report: Report) -> list[str]:
    reasons = because(change)
    more = len(reasons) - _PROPERTIES_SHOWN
    lines = [*reasons[:_PROPERTIES_SHOWN], *([f"and {more} more properties"] if more > 0 else [])]
    if change.former_name:
        lines.append(f"was {change.former_name}; an alias keeps it the same resource")
    if told := outcome(change, report):
        lines.append(told)
    if change.instead:
        lines.append(f"Instead: {change.instead}")
    if change.source:
        lines.append(f"Source: {change.source}")
    return lines


def _rest(changes: Sequence[ResourceChange]) -> None:
    if not changes:
        return
    rows: list[tuple[str, str, str]] = []
    for kind in Kind:
        found = [change for change in changes if change.kind is kind]
        modules = dict.fromkeys(change.module or STACK_LEVEL for change in found)
        for module in modules:
            types = Counter(
                short_type(change.node.type) for change in found if (change.module or STACK_LEVEL) == module
            )
            listed = ", ".join(name if number == 1 else f"{name} {number}" for name, number in types.most_common())
            rows.append((kind.value, module, listed))
    ui.out().print()
    ui.out().print(ui.table("Without danger to data", "Change", "Module", "Resources", rows=rows))
