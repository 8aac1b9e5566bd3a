"""`acknowledged.yaml`: losses that somebody has looked at and wants, each with a reason and a last day.

- resource: database-instance      # its name, or its whole key where a name is not unique
  change: replace                  # or delete
  stack: prod                      # of this stack only; all stacks where it is left out
  reason: The staging copy is restored from last night's snapshot.
  expires: 2026-12-31
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from mlops.change.model import ChangeSet, Danger, Kind, ResourceChange
from mlops.core.problems import closest

FILE = "acknowledged.yaml"
_KEYS = ("resource", "change", "stack", "reason", "expires")
_CHANGES = {"replace": Kind.REPLACE, "delete": Kind.DELETE}


class AcknowledgementError(Exception):
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
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(getattr(error, "problem", None) or error)
        raise AcknowledgementError(f"{path.name} cannot be read: {reason}. Mend it and run this again.") from None
    if content is not None and not isinstance(content, list):
        raise AcknowledgementError(f"{path.name} must be a list of entries, each with {_listed(_KEYS)}.")
    return tuple(_entry(row, number, path.name) for number, row in enumerate(content or (), start=1))


def _entry(row: Any, number: int, name: str) -> Acknowledgement:
    where = f"{name}, entry {number}"
    if not isinstance(row, Mapping):
        raise AcknowledgementError(f"{where} must be a mapping with {_listed(_KEYS)}.")
    where = f"{where} ({row['resource']})" if row.get("resource") else where
    for key in row:
        if key not in _KEYS:
            raise AcknowledgementError(
                f'{where}: there is no key "{key}".{closest(str(key), _KEYS)} Allowed: {", ".join(_KEYS)}.'
            )
    for key in ("resource", "change"):
        if not row.get(key):
            raise AcknowledgementError(f"{where}: {key} is missing. An entry names a resource and its change.")
    if row["change"] not in _CHANGES:
        raise AcknowledgementError(f'{where}: change is "{row["change"]}". Allowed: {" or ".join(_CHANGES)}.')
    if not isinstance(row.get("reason"), str) or not row["reason"].strip():
        raise AcknowledgementError(f"{where}: reason is missing. Say why the data may go; whoever comes next asks.")
    return Acknowledgement(
        resource=str(row["resource"]),
        kind=_CHANGES[row["change"]],
        reason=" ".join(row["reason"].split()),
        expires=_day(row.get("expires"), where),
        stack=str(row.get("stack") or ""),
    )


def _day(value: Any, where: str) -> date:
    if value is None:
        raise AcknowledgementError(f"{where}: expires is missing. Give the last day on which this holds: 2026-12-31.")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    with suppress(ValueError):
        return date.fromisoformat(str(value))
    raise AcknowledgementError(f'{where}: expires is "{value}"; it must be a day: 2026-12-31.')


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


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}"
