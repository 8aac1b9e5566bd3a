"""What a change does to one resource."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlops.plan.graph import Node


class Kind(StrEnum):
    ADD = "add"
    UPDATE = "update in place"
    REPLACE = "replace"
    DELETE = "delete"
    NOT_KNOWN = "update or replace: not known"


class Danger(StrEnum):
    """From the worst to none."""

    LOSS = "data loss"
    """A resource that holds data is replaced or deleted. Blocks, unless acknowledged."""
    REFUSED = "refused"
    """AWS or Kubernetes says no on the way, although both ends are valid. Blocks."""
    UNGUARDED = "protection removed"
    """It stays, but what kept its data safe does not."""
    STOPS = "interruption"
    WAITS = "waits"
    """It happens in the maintenance window, not with the update."""
    STAYS = "stays in AWS"
    """It leaves the program and is not deleted."""
    NOT_KNOWN = "not known"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    path: str
    before: Any
    """None where it was absent."""
    after: Any
    replaces: bool = False
    note: str = ""
    """Why, where the values alone do not tell."""


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    kind: Kind
    danger: Danger
    node: Node
    """As it will be; of a deleted one, as it is."""
    module: str
    properties: tuple[PropertyChange, ...] = ()
    former_name: str = ""
    """Its name before, where an alias says that it had another one."""
    holds: str = ""
    """What would be lost."""
    fate: str = ""
    """What happens to that, or what is said about the change, in words."""
    instead: str = ""
    """What to do instead."""
    source: str = ""
    """Where it is known from that a property replaces, or that the change is refused."""

    @property
    def replacing(self) -> tuple[PropertyChange, ...]:
        return tuple(change for change in self.properties if change.replaces)


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """All that happens between two graphs, components left out, the most dangerous first."""

    changes: tuple[ResourceChange, ...] = field(default=())

    def of(self, danger: Danger) -> tuple[ResourceChange, ...]:
        return tuple(change for change in self.changes if change.danger is danger)

    def count(self, kind: Kind) -> int:
        return sum(change.kind is kind for change in self.changes)
