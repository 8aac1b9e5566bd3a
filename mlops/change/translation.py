"""Values of one graph in the words of another: ids and ARNs of what stays are the same thing under two names.

A plan invents its ids, a deployed stack has real ones, and a renamed resource keeps its own. Without this, every
reference to such a resource would look like a change.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node

_SHORTEST = 6
"""Shorter texts (`10`, `true`, `pods`) are too common to be anybody's identity."""
_TOKEN = re.compile(r"[\w.:/@+=-]+")
_ENDS = re.compile(r"[/:]")
_MANAGED = ("__defaults", "__internal", "__inputs", "__fieldManager", "__initialApiVersion")
_IDENTITY = re.compile(r"id$|arn$|name$|address$|endpoint$|url$|uri$|domain", re.IGNORECASE)


class Translation:
    """Grows with every resource that is known to stay."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def learn(self, before: Node, after: Node) -> None:
        """Take up that these two are one and that it stays."""
        self._take(before.urn, after.urn)
        self._take(before.id, after.id)
        for path, old in _texts(before.outputs):
            new = _look(after.outputs, path)
            if isinstance(new, str) and _IDENTITY.search(str(path[-1])):
                self._take(old, new)

    def __call__(self, value: Any) -> Any:
        if not self._words:
            return value
        if isinstance(value, Mapping):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _take(self, old: str, new: str) -> None:
        if old != new and len(old) >= _SHORTEST and new:
            self._words[old] = new

    def _text(self, text: str) -> str:
        if text in self._words:
            return self._words[text]
        return _TOKEN.sub(lambda token: self._token(token[0]), text)

    def _token(self, token: str) -> str:
        """A word, or the longest beginning of it that ends at a slash or colon: `arn:aws:s3:::lake` of `…lake/*`."""
        if token in self._words:
            return self._words[token]
        for end in reversed([match.start() for match in _ENDS.finditer(token)]):
            if token[:end] in self._words:
                return self._words[token[:end]] + token[end:]
        return token


def _texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, str) and path:
        yield path, value


def _look(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def without_defaults(value: Any, other: Any) -> Any:
    """The inputs of a deployed resource without what its provider filled in (`__defaults`) and the other one lacks."""
    if isinstance(value, Mapping):
        has = other if isinstance(other, Mapping) else {}
        filled = value.get("__defaults") or ()
        return {
            key: without_defaults(item, has.get(key))
            for key, item in value.items()
            if key not in _MANAGED and not (key in filled and key not in has)
        }
    if isinstance(value, list):
        others = other if isinstance(other, list) else []
        return [
            without_defaults(item, others[index] if index < len(others) else None) for index, item in enumerate(value)
        ]
    return value
