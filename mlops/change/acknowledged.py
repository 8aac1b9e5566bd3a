"""`acknowledged.yaml`: losses that somebody has looked at and wants, each with a reason and a last day.

- resource: database-instance      # its name, or its whole key where a name is not unique
  change: replace                  # or delete
  stack: prod                      # of this stack only; all stacks where it is left out
  reason: The staging copy is restored from last night's snapshot.
  expires: 2026-12-31
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mlops.change.model import ChangeSet, Danger, Kind, ResourceChange
from mlops.core.accepted import Entry, EntryError, entries
from mlops.core.problems import closest

FILE = "acknowledged.yaml"
_KEYS = ("resource", "change", "stack", "reason", "expires")
_EXAMPLE = date(2026, 12, 31)
_CHANGES = {"replace": Kind.REPLACE, "delete": Kind.DELETE}


class AcknowledgementError(EntryError):
    """The file cannot be used. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """One entry."""

    resource: str
    kind: Kind
    reason: str
    expires: date
    """The last day on which it holds."""
    stack: str = ""

    def covers(self, change: ResourceChange) -> bool:
        return self.kind is change.kind and self.resource in (change.node.name, change.node.key, change.node.urn)


def read(path: Path) -> tuple[Acknowledgement, ...]:
    """The entries of a file; none where there is no file.

    Raises:
        AcknowledgementError: it is not a list of entries, or an entry lacks something.
    """
    return tuple(_acknowledgement(entry) for entry in entries(path, _KEYS, AcknowledgementError))


def _acknowledgement(entry: Entry) -> Acknowledgement:
    resource = entry.text("resource", ": resource is missing. An entry names a resource and its change.")
    entry = entry.named(resource)
    change = entry.text("change", ": change is missing. An entry names a resource and its change.")
    if change not in _CHANGES:
        entry.refuse(f': change is "{change}". Allowed: {" or ".join(_CHANGES)}.')
    return Acknowledgement(
        resource=resource,
        kind=_CHANGES[change],
        reason=entry.text("reason", ": reason is missing. Say why the data may go; whoever comes next asks."),
        expires=entry.day(_EXAMPLE),
        stack=str(entry.row.get("stack") or ""),
    )


def of_stack(entries: Iterable[Acknowledgement], stack: str) -> tuple[Acknowledgement, ...]:
    """The entries that speak of a stack."""
    return tuple(entry for entry in entries if entry.stack in ("", stack))


def accepted(
    entries: Sequence[Acknowledgement], changes: ChangeSet, today: date, file: str = FILE
) -> dict[str, Acknowledgement]:
    """URN of every loss that an entry acknowledges -> that entry.

    Raises:
        AcknowledgementError: an entry has expired, or nothing of the kind happens.
    """
    losses = changes.of(Danger.LOSS)
    found: dict[str, Acknowledgement] = {}
    for entry in entries:
        if entry.expires < today:
            raise AcknowledgementError(
                f"{file}: the entry for {entry.resource} expired on {entry.expires}. "
                "If the change is still to come, have it looked at again and give a new day; else take it out."
            )
        covered = [change.node.urn for change in losses if entry.covers(change)]
        if not covered:
            raise AcknowledgementError(f"{file}: {_nothing(entry, losses)}")
        found |= dict.fromkeys(covered, entry)
    return found


def _nothing(entry: Acknowledgement, losses: Sequence[ResourceChange]) -> str:
    what = f"{entry.resource} is acknowledged to be {entry.kind.value}d, but this change does no such thing."
    others = [f"{change.node.name} ({change.kind.value})" for change in losses]
    hint = closest(entry.resource, [change.node.name for change in losses])
    listed = f" What holds data and goes: {', '.join(others)}." if others else " Nothing that holds data goes."
    return f"{what}{hint}{listed} Take the entry out, or name its stack."
