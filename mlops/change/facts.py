"""What is known of a type before it changes: which properties replace it, what is lost with it, what stands in the way.

One list for the whole project: `STATEFUL` is what holds data. Every fact has a source; what no source says is
"not known", never guessed.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops.plan.values import Properties

_INDEX = re.compile(r"\[\d+\]")

ABSENT = (None, False, "", 0, [], {})
"""Values that Terraform's SDK does not tell from an unset one, where the property has no default."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What the service does with the data when the resource is deleted, as one of its properties says."""

    path: str
    """Property that decides; empty for what holds whatever the properties say."""
    when: Any = "set"
    """Value of the property, or `set` for any but an unset one, or `unset`."""
    words: str
    """What happens; `{value}` is the property's value."""
    keeps: bool = False
    """Whether the data outlives the deletion: it is refused, or a copy is left."""


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Changes that AWS keeps for the resource's weekly window unless it is told to apply them at once."""

    properties: frozenset[str]
    window: str
    """Property with the window."""
    at_once: str = "applyImmediately"
    """Property that applies them at once."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One type."""

    source: str = ""
    """Where `replaced_by` was read."""
    replaced_by: tuple[str, ...] = ()
    """Input properties, dotted paths, whose change makes a new resource; `path#` counts how many blocks there are."""
    name: str = ""
    """Property with the physical name that Pulumi generates where none is given. One that is given and stays is taken
    until the old resource is gone, so that goes first."""
    chosen: frozenset[str] = frozenset()
    """Those of `replaced_by` that AWS chooses when they are not given: dropping one changes nothing."""
    sets: frozenset[str] = frozenset()
    """Those of `replaced_by` whose lists have no order."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values that stand for an unset one."""
    sometimes: Mapping[str, Callable[[Properties, Properties], bool]] = field(default_factory=dict)
    """Property -> whether its change, from these inputs to those, makes a new resource."""
    unread: frozenset[str] = frozenset()
    """Input properties that the source does not mention, being older or newer than the installed SDK."""
    holds: str = ""
    """What is lost with it, in a few words; empty for what can be made again from the program alone."""
    stops: str = ""
    """What stops or moves while it is replaced, for what holds no data."""
    fates: tuple[Fate, ...] = ()
    """The first one that applies is what happens on deletion."""
    instead: str = ""
    """How to get the change without the loss."""
    waits: Waits | None = None
    """Which changes wait for a maintenance window."""
    stays: str = ""
    """What is left in AWS when it is deleted, where the provider's deletion does nothing; empty where it deletes."""


def at(value: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path in a resource's inputs, `default` where there is none.

    Through a list, the values of all its entries, or None where no entry has one; for `path#`, how many there are.
    """
    if path.endswith("#"):
        found = at(value, path[:-1])
        return len(found) if isinstance(found, list) else int(found is not None)
    return _down(value, path.split("."), default)


def _down(value: Any, parts: list[str], default: Any) -> Any:
    if not parts:
        return default if value is None else value
    if isinstance(value, list):
        found = [_down(entry, parts, default) for entry in value]
        return found if any(one is not None for one in found) else default
    return _down(value.get(parts[0]) if isinstance(value, Mapping) else None, parts[1:], default)


def lower(path: str) -> Callable[[Properties, Properties], bool]:
    """Whether a version at this path went down: the provider updates in place upwards only."""

    def went_down(before: Properties, after: Properties) -> bool:
        return _version(at(after, path)) < _version(at(before, path))

    return went_down


def less(path: str) -> Callable[[Properties, Properties], bool]:
    """Whether a number at this path became smaller, and is still there."""

    def became_less(before: Properties, after: Properties) -> bool:
        old, new = at(before, path), at(after, path)
        return bool(old and new) and new < old

    return became_less


def given(path: str) -> Callable[[Properties, Properties], bool]:
    """Whether there is a value at this path now: taking one away changes nothing."""

    def is_given(_: Properties, after: Properties) -> bool:
        return at(after, path) not in ABSENT

    return is_given


def removed(path: str) -> Callable[[Properties, Properties], bool]:
    """Whether what was set at this path is not any more."""

    def was_removed(before: Properties, after: Properties) -> bool:
        return at(before, path) not in ABSENT and at(after, path) in ABSENT

    return was_removed


def before_version(path: str, limit: tuple[int, ...]) -> Callable[[Properties, Properties], bool]:
    """Whether the version at this path is below a limit."""

    def is_below(before: Properties, _: Properties) -> bool:
        return () < _version(at(before, path)) < limit

    return is_below


def _version(value: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(value or "")))


def applies(fate: Fate, inputs: Properties) -> bool:
    """Whether a fate is the one of a resource with these inputs."""
    value = at(inputs, fate.path) if fate.path else None
    if not fate.path:
        return True
    if fate.when == "set":
        return value not in ABSENT
    if fate.when == "unset":
        return value in ABSENT
    return value == fate.when or (fate.when is False and value in ABSENT)


def effective(inputs: Properties, path: str, facts: Facts) -> Any:
    """The value in effect at a path: defaults filled in, unset as None, lists without order sorted."""
    default = facts.defaults.get(path)
    value = at(inputs, path, default)
    if default is None and value in ABSENT:
        return None
    return sorted(value, key=json.dumps) if path in facts.sets and isinstance(value, list) else value


def replaces(facts: Facts, path: str, before: Properties, after: Properties, outputs: Properties) -> bool:
    """Whether the change of a property, from these inputs to those, makes a new resource.

    Args:
        outputs: of the resource as it is: what was chosen for it. Empty where that is not known.
    """
    one, two = (effective(inputs, path, facts) for inputs in (before, after))
    if one == two:
        return False
    if path in facts.sometimes:
        return facts.sometimes[path](before, after)
    if path not in facts.chosen:
        return True
    return two is not None and (one is not None or at(outputs, path) != two)


def replacing_paths(facts: Facts, before: Properties, after: Properties, outputs: Properties) -> tuple[str, ...]:
    """The properties whose change, from these inputs to those, makes a new resource."""
    paths = (*facts.replaced_by, *facts.sometimes)
    return tuple(path for path in paths if replaces(facts, path, before, after, outputs))


def covers(path: str, other: str) -> bool:
    """Whether `other` lies at or under `path`, whatever their indices into lists."""
    one, two = ([part for part in _INDEX.sub("", text).split(".") if part] for text in (path, other))
    return two[: len(one)] == one
