"""One way to read the properties of a resource: a value, or why there is none (absent, unknown, secret).

`node.at("scalingConfig.maxSize").whole(1)` reads a number whatever stands there. A value that is unknown or secret is
never taken for text, for an empty mapping or for zero in silence: within `noted()` it is written down that somebody
asked for it, so that whoever reckons with a default can say what the default stands for.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from mlops.plan.values import SECRET, UNKNOWN


class Gap(StrEnum):
    """Why there is no value."""

    ABSENT = "absent"
    """Nobody gave one: the service's default holds."""
    UNKNOWN = "unknown"
    """It is known only after the deployment."""
    SECRET = "secret"
    """It is there, and the graph does not hold it."""


@dataclass(frozen=True, kw_only=True, order=True)
class Hidden:
    """A value that somebody asked for and that the graph does not tell."""

    resource: str
    """Logical name; empty for properties that belong to no resource."""
    path: str
    """Where it stands: `spec`, where the whole spec is hidden and `spec.replicas` was asked for."""
    gap: Gap

    def __str__(self) -> str:
        return f"{self.resource}: {self.path} is {self.gap}" if self.resource else f"{self.path} is {self.gap}"


_notes: ContextVar[set[Hidden] | None] = ContextVar("notes", default=None)


@contextmanager
def noted() -> Iterator[set[Hidden]]:
    """Write down every hidden value that is asked for inside, each once. Blocks may be nested; all of them note it."""
    outer = _notes.get()
    notes: set[Hidden] = set()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
        if outer is not None:
            outer |= notes


def told(notes: set[Hidden], shown: int = 3) -> str:
    """A sentence on what was asked for and is hidden; empty where nothing is."""
    named = [str(note) for note in sorted(notes)]
    more = f" and {len(named) - shown} more" if len(named) > shown else ""
    return f"Not told by the graph, so taken as its default: {'; '.join(named[:shown])}{more}." if named else ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What stands at a path. Its methods give the value in the type that is wanted, or the default."""

    path: str = ""
    owner: str = ""
    """Logical name of the resource."""
    value: Any = None
    """Plain JSON; None where there is no value. What lies below it may be hidden: use `at` to go down."""
    gap: Gap | None = Gap.ABSENT
    """Why there is no value; None where there is one."""

    def __bool__(self) -> bool:
        """Whether there is a value that is not empty, false or zero."""
        return bool(self.value)

    def __iter__(self) -> "Iterator[Reading]":
        """The entries of a list; none of anything else."""
        entries = self.value if isinstance(self.value, list) else ()
        for index in range(len(entries)):
            yield self.at(f"[{index}]")

    @property
    def hidden(self) -> bool:
        """Whether there is a value that the graph does not tell."""
        return self.gap in (Gap.UNKNOWN, Gap.SECRET)

    def at(self, path: str) -> "Reading":
        """What stands below it, at a dotted path: `spec.template`, `ingress[0].cidrBlocks`."""
        found = self
        for step in path.replace("[", ".").replace("]", "").split("."):
            found = found.key(step) if step else found
        return found

    def key(self, name: str) -> "Reading":
        """What stands directly below it under a name, whatever characters that has, or under a number in a list."""
        if self.hidden:
            return self
        below = None
        if isinstance(self.value, Mapping):
            below = self.value.get(name)
        elif isinstance(self.value, list) and name.isdigit() and int(name) < len(self.value):
            below = self.value[int(name)]
        joined = f"{self.path}[{name}]" if isinstance(self.value, list) else f"{self.path}.{name}".lstrip(".")
        return reading(below, joined, self.owner)

    def entries(self) -> "dict[str, Reading]":
        """The entries of a mapping by their keys; none of anything else."""
        return {str(name): self.key(name) for name in self.value} if isinstance(self.value, Mapping) else {}

    def text(self, default: str = "") -> str:
        """A text, number or truth value as text."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value) if isinstance(self.value, str | int | float) else default

    def number(self, default: float | Decimal = 0) -> Decimal:
        """A number, also one that is written as text."""
        if isinstance(self.value, str | int | float) and not isinstance(self.value, bool):
            try:
                found = Decimal(str(self.value))
            except InvalidOperation:
                return Decimal(str(default))
            return found if found.is_finite() else Decimal(str(default))
        return Decimal(str(default))

    def whole(self, default: int = 0) -> int:
        """A whole number; fractions are cut off."""
        return int(self.number(default))

    def flag(self, *, default: bool = False) -> bool:
        """A truth value, also one that is written as text."""
        if isinstance(self.value, str):
            return {"true": True, "false": False}.get(self.value.lower(), default)
        return self.value if isinstance(self.value, bool) else default

    def texts(self) -> tuple[str, ...]:
        """The texts and numbers in a list, or a single one."""
        each = (self,) if not isinstance(self.value, list) else self
        return tuple(one.text() for one in each if one.text())

    def labels(self) -> dict[str, str]:
        """A mapping of texts, such as labels or tags; what is hidden in it is left out, and noted."""
        return {name: one.text() for name, one in self.entries().items() if one.gap is None}

    def document(self) -> "Reading":
        """The JSON document that is written here as text, such as a policy; absent where it is none."""
        if not isinstance(self.value, str):
            return self
        try:
            return replace(self, value=json.loads(self.value))
        except ValueError:
            return replace(self, value=None, gap=Gap.ABSENT)


def reading(value: Any, path: str = "", owner: str = "") -> Reading:
    """What a plain value of a graph says. A hidden one is noted: somebody asks for it."""
    gap = Gap.UNKNOWN if value == UNKNOWN else Gap.SECRET if value == SECRET else Gap.ABSENT if value is None else None
    found = Reading(path=path, owner=owner, value=value if gap is None else None, gap=gap)
    notes = _notes.get()
    if found.hidden and notes is not None:
        notes.add(Hidden(resource=owner, path=path, gap=Gap(str(gap))))
    return found
