"""One change of one resource, and the words of what is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mlops.change.facts import at
from mlops.plan.graph import Node
from mlops.plan.reading import reading
from mlops.plan.values import Properties


@dataclass(frozen=True, kw_only=True)
class Step:
    """The inputs of a resource before and after; what the program ignores reads as before on both sides."""

    before: Properties
    after: Properties
    moved: frozenset[str] = frozenset()
    """Properties whose subnets lie in another VPC afterwards."""

    def values(self, path: str) -> tuple[Any, Any]:
        return at(self.before, path), at(self.after, path)

    def texts(self, path: str, default: str = "") -> tuple[str, str]:
        """The texts before and after; empty where they are hidden."""
        return reading(self.before).at(path).text(default), reading(self.after).at(path).text(default)

    def numbers(self, path: str) -> tuple[Decimal, Decimal] | None:
        """The numbers before and after, where both are there."""
        found = [reading(inputs).at(path).number(-1) for inputs in (self.before, self.after)]
        return (found[0], found[1]) if min(found) >= 0 else None

    def versions(self, path: str) -> "tuple[tuple[int, ...], tuple[int, ...]] | None":
        """The versions before and after, where both are there and differ."""
        found = [version(text) for text in self.texts(path)]
        return (found[0], found[1]) if all(found) and found[0] != found[1] else None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a change does not happen, and what does."""

    path: str
    """The property that is refused."""
    words: str
    """What the service answers."""
    instead: str
    """The way that works."""
    source: str


Rule = Callable[[Step], Refusal | None]
Rules = Mapping[str, tuple[Rule, ...]]


def kept(old: Node, new: Node) -> Properties:
    """The inputs that the engine sends: what the program ignores stays as it was."""
    inputs: Any = new.inputs
    for path in new.ignore_changes:
        value = at(old.inputs, path)
        if "[" not in path and value is not None:
            inputs = _with(inputs, path.split("."), value)
    return inputs


def _with(inputs: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    below = inputs if isinstance(inputs, Mapping) else {}
    return {**below, parts[0]: _with(below.get(parts[0]), parts[1:], value)}


def version(text: str) -> tuple[int, ...]:
    """The numbers of a version: `17.5` is (17, 5), `3.9.x.kraft` is (3, 9)."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def not_less(path: str, words: str, instead: str, source: str) -> Rule:
    """A number that may only grow."""

    def rule(step: Step) -> Refusal | None:
        numbers = step.numbers(path)
        if numbers is None or numbers[1] >= numbers[0]:
            return None
        return Refusal(
            path=path, words=words.format(before=numbers[0], after=numbers[1]), instead=instead, source=source
        )

    return rule


def fixed(path: str, words: str, instead: str, source: str) -> Rule:
    """A property that nobody can change, and whose change the provider tries all the same."""

    def rule(step: Step) -> Refusal | None:
        before, after = step.values(path)
        if before == after or before is None or after is None:
            return None
        return Refusal(path=path, words=words.format(before=before, after=after), instead=instead, source=source)

    return rule


def one_way(path: str, allowed: "frozenset[tuple[str, str]]", words: str, instead: str, source: str) -> Rule:
    """A choice of which only some changes are allowed."""

    def rule(step: Step) -> Refusal | None:
        before, after = step.texts(path)
        if not before or not after or before == after or (before, after) in allowed:
            return None
        return Refusal(path=path, words=words.format(before=before, after=after), instead=instead, source=source)

    return rule
