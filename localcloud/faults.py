"""Faults on demand: a resource that fails once, so that the way back can be rehearsed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

Operation = Literal["create", "update", "delete"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Lets the first resource fail that fits, once."""

    selector: str
    """A URN or a type token."""
    operation: Operation = "create"


@dataclass(kw_only=True)
class Faults:
    """The faults of one rehearsal, and which of them have struck."""

    pending: list[Fault] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    """URNs of the resources that failed."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> "Faults":
        return cls(pending=list(faults))

    def strike(self, urn: str, type_: str, operation: Operation) -> str | None:
        """The text of the fault that hits this operation, if one does."""
        with self._lock:
            for fault in self.pending:
                if fault.operation == operation and fault.selector in (urn, type_):
                    self.pending.remove(fault)
                    self.struck.append(urn)
                    return f"Injected fault: the {operation} of {urn.rpartition('::')[2]} fails once, on request."
        return None
