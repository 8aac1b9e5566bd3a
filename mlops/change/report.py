"""What a change does, for machines and for a comment below a pull request."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlops.change.acknowledged import Acknowledgement
from mlops.change.model import ChangeSet, Danger, Kind, PropertyChange, ResourceChange
from mlops.plan.summary import short_type

VALUE_WIDTH = 48
HEADS: Mapping[Danger, str] = {
    Danger.LOSS: "Data would be lost",
    Danger.REFUSED: "Refused on the way",
    Danger.UNGUARDED: "Protection of data is taken away",
    Danger.STOPS: "Something stops meanwhile",
    Danger.WAITS: "Waits for a maintenance window",
    Danger.STAYS: "Leaves the program and stays in AWS",
    Danger.NOT_KNOWN: "Update or replace: not known",
}
"""Title of every group that is shown one by one."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A change with what somebody has said about it."""

    stack: str
    base: str
    """What it is compared with, in words."""
    head: str
    changes: ChangeSet
    acknowledged: Mapping[str, Acknowledgement]
    """URN -> the entry that allows its loss."""

    @property
    def blocking(self) -> tuple[ResourceChange, ...]:
        """The losses that nobody has acknowledged."""
        return tuple(change for change in self.changes.of(Danger.LOSS) if change.node.urn not in self.acknowledged)

    @property
    def refused(self) -> tuple[ResourceChange, ...]:
        """The changes that AWS or Kubernetes says no to."""
        return self.changes.of(Danger.REFUSED)

    @property
    def stands(self) -> bool:
        """Whether it may go on."""
        return not self.blocking and not self.refused


def to_json(report: Report) -> dict[str, Any]:
    """Plain JSON data."""
    return {
        "stack": report.stack,
        "base": report.base,
        "head": report.head,
        "counts": {kind.name.lower(): report.changes.count(kind) for kind in Kind},
        "blocking": [change.node.name for change in report.blocking],
        "refused": [change.node.name for change in report.refused],
        "changes": [_row(change, report) for change in report.changes.changes],
    }


def _row(change: ResourceChange, report: Report) -> dict[str, Any]:
    entry = report.acknowledged.get(change.node.urn)
    return {
        "resource": change.node.name,
        "type": change.node.type,
        "urn": change.node.urn,
        "module": change.module,
        "change": change.kind.value,
        "danger": change.danger.value,
        "former_name": change.former_name,
        "properties": [asdict(one) for one in change.properties],
        "holds": change.holds,
        "fate": change.fate,
        "instead": change.instead,
        "source": change.source,
        "acknowledged": {"reason": entry.reason, "expires": entry.expires.isoformat()} if entry else None,
    }


def headline(report: Report) -> str:
    """How much of what happens, in a line."""
    counts = [(report.changes.count(kind), kind.value) for kind in Kind]
    told = ", ".join(f"{number:,} {words}" for number, words in counts if number)
    return told or "nothing changes"


def verdict(report: Report) -> str:
    """Whether it may go on, in a sentence or two."""
    losses, blocking, refused = len(report.changes.of(Danger.LOSS)), len(report.blocking), len(report.refused)
    if blocking:
        said = f"{_resources(blocking)} with data would be replaced or deleted, and nobody has acknowledged it."
    elif losses:
        said = f"{_resources(losses)} with data will be replaced or deleted, as acknowledged."
    else:
        said = "No resource that holds data is replaced or deleted."
    return f"{said} The change of {_resources(refused)} is refused on the way." if refused else said


def _resources(number: int) -> str:
    return f"{number:,} resource{'' if number == 1 else 's'}"


def to_markdown(report: Report) -> str:
    """A comment below a pull request."""
    mark = "✅" if report.stands else "⛔"
    lines = [
        f"### {mark} `{report.stack}`: {headline(report)}",
        "",
        f"{verdict(report)} Base: {report.base}. Head: {report.head}.",
    ]
    for danger, head in HEADS.items():
        changes = report.changes.of(danger)
        if changes:
            lines += ["", f"#### {head} ({len(changes)})", "", *_table(danger, changes, report)]
    rest = report.changes.of(Danger.NONE)
    if rest:
        names = [f"- {change.kind.value}: `{change.node.name}` ({short_type(change.node.type)})" for change in rest]
        lines += ["", f"<details><summary>Without danger ({len(rest)})</summary>", "", *names, "", "</details>"]
    return "\n".join(lines) + "\n"


def _table(danger: Danger, changes: tuple[ResourceChange, ...], report: Report) -> list[str]:
    rows = ["| Resource | Change | Because | What happens | Instead |", "|---|---|---|---|---|"]
    for change in changes:
        cells = (
            f"`{change.node.name}` ({short_type(change.node.type)})",
            change.kind.value if danger is not Danger.NOT_KNOWN else "not known",
            "; ".join(because(change)) or "-",
            outcome(change, report) or "-",
            change.instead or "-",
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return rows


def because(change: ResourceChange) -> list[str]:
    """The properties that make it what it is, with both values."""
    if change.kind is Kind.DELETE:
        return ["it is not in the program any more"]
    return [property_words(one) for one in change.replacing or change.properties]


def property_words(one: PropertyChange) -> str:
    note = f" ({one.note})" if one.note else ""
    return f"{one.path}: {shown(one.before)} → {shown(one.after)}{note}"


def outcome(change: ResourceChange, report: Report) -> str:
    """What goes, what becomes of it, and who has acknowledged it."""
    parts = [f"{change.holds}: {change.fate}" if change.holds and change.fate else change.holds or change.fate]
    entry = report.acknowledged.get(change.node.urn)
    if entry:
        parts.append(f"acknowledged until {entry.expires}: {entry.reason}")
    return "; ".join(part for part in parts if part)


def shown(value: Any) -> str:
    """A value in one line."""
    if value is None:
        return "unset"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"
