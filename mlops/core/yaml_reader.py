"""YAML as Pulumi reads it, with the place of every value.

Pulumi's reader is yaml.v3 for Go (https://pkg.go.dev/gopkg.in/yaml.v3, `resolve.go`): words and numbers are YAML 1.2's,
so `no` and `20:00` are texts. Its parser and PyYAML's descend from one another, so that only what plain words mean is
decided here. What the two might take differently (tags, dates, large numbers) is refused, with what to write instead.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

Path = tuple[int | str, ...]

DEEPEST = 64
"""Levels of nesting; settings need a tenth of that."""
MOST_VALUES = 100_000
"""Aliases counted as often as they are used: a few lines of them can stand for billions."""
MOST_CHARACTERS = 1_000_000

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt ].*)?")
_WHOLE = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OLD_OCTAL = re.compile(r"^([-+]?)0([0-7]+)$")
_LONGEST_WHOLE = 100
"""Digits; a longer one is too large in any base."""
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_DOUBTFUL = re.compile(r"\.[0-9]*_.*|0[bo][-+][0-7_]+")
_EXACT = 2**53
"""Beyond this Pulumi rounds whole numbers, on their way through a float."""


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class YamlError(Exception):
    """A text cannot be used as YAML. The sentence lacks only the file's name in front."""

    def __init__(self, reason: str, place: Place | None = None, verdict: str = "cannot be used") -> None:
        super().__init__(f"{verdict}{f' at {place}' if place else ''}: {reason}")
        self.place = place


@dataclass(frozen=True)
class Document:
    """What a text says."""

    value: Any
    """Mappings, lists, texts, numbers, truth values, None."""
    places: Mapping[Path, Place] = field(default_factory=dict)
    """Where each value stands by its path: the key of a mapping's entry, the start of a list's item."""
    written: Mapping[Path, str] = field(default_factory=dict)
    """Numbers whose text is not how the number is written: `1.30`, `0x1F`, `1_000`."""


def read(text: str, *, dates: bool = False) -> Document:
    """What a YAML text says; None where it says nothing.

    Args:
        dates: an unquoted `2026-12-31` is a date; else it is refused, because Pulumi makes a time of it.

    Raises:
        YamlError: it is not YAML, says a thing twice, or is written in a way that others read otherwise.
    """
    if len(text) > MOST_CHARACTERS:
        raise YamlError(f"it has {len(text):,} characters, and {MOST_CHARACTERS:,} are the most that settings need")
    try:
        node = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, (error.context, error.problem))) or "it cannot be parsed"
        raise YamlError(reason, _place(mark) if mark else None, "is not YAML") from None
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split()), verdict="is not YAML") from None
    values = _Values(dates)
    return Document(values.of(node, ()) if node else None, values.places, values.written)


def write(value: Any) -> str:
    """A value as YAML that `read` takes for the same: texts that would be taken for something else are quoted."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes by the words of YAML 1.1 alone."""


def _written_text(dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    try:
        plain = read(text).value == text
    except YamlError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if plain or "\n" in text else "'")


_Dumper.add_representer(str, _written_text)


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):  # pyright: ignore[reportUnsafeMultipleInheritance]
    """PyYAML's nodes, as deep as `DEEPEST`, without tags; a plain scalar is told from a quoted one by its style."""

    ESCAPE_REPLACEMENTS = {key: text for key, text in Scanner.ESCAPE_REPLACEMENTS.items() if key != "/"}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def fetch_value(self) -> None:
        if self.flow_level and self.peek(1) in tuple(",[]{}"):
            raise YamlError("a colon between brackets needs a space behind it", _place(self.get_mark()))
        super().fetch_value()

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()
        if getattr(event, "tag", None) is not None:
            raise YamlError(f'the tag "{event.tag}" is not read; put a text into quotes instead', _place(event))
        self._depth += 1
        if self._depth > DEEPEST:
            raise YamlError(f"it is nested more than {DEEPEST} levels deep", _place(event))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Values:
    """The values of nodes, with their places."""

    def __init__(self, dates: bool) -> None:
        self.places: dict[Path, Place] = {}
        self.written: dict[Path, str] = {}
        self._dates = dates
        self._open: list[Node] = []
        self._made = 0

    def of(self, node: Node, path: Path) -> Any:
        self.places.setdefault(path, _place(node))
        with self._inside(node):
            if isinstance(node, ScalarNode):
                return self._scalar(node, path)
            if isinstance(node, SequenceNode):
                return [self.of(item, (*path, index)) for index, item in enumerate(node.value)]
            return {key: self._entry(path, key, *pair) for key, pair in self._pairs(node).items()}

    def _entry(self, path: Path, key: str, key_node: Node, entry: Node) -> Any:
        self.places[(*path, key)] = _place(key_node)
        return self.of(entry, (*path, key))

    @contextmanager
    def _inside(self, node: Node) -> Iterator[None]:
        self._made += 1
        if self._made > MOST_VALUES:
            raise YamlError(f"its aliases stand for more than {MOST_VALUES:,} values", _place(node))
        if any(node is outer for outer in self._open):
            raise YamlError("an alias stands within what it is an alias of", _place(node))
        self._open.append(node)
        yield
        self._open.pop()

    def _pairs(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """The entries of a mapping by key; what is merged into it with `<<` lies below its own."""
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        first: dict[str, Place] = {}
        for key_node, entry in node.value:
            key, place = self._key(key_node), _place(key_node)
            if key in first:
                raise YamlError(f'the key "{key}" is here a second time; the first is at {first[key]}', place)
            first[key] = place
            if key == "<<" and _plain(key_node):
                for source in _sources(entry):
                    with self._inside(source):
                        merged = {**self._pairs(source), **merged}
            else:
                own[key] = (key_node, entry)
        return {**merged, **own}

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise YamlError("a key must be a text", _place(node))
        value = self._scalar(node, ()) if _plain(node) else node.value
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if value is None or text != node.value:
            raise YamlError(f"the key {node.value or 'here'} must be a text; put it into quotes", _place(node))
        return text

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text: str = node.value
        if not _plain(node):
            return text
        value = self._plain_value(text, _place(node))
        if isinstance(value, int | float) and not isinstance(value, bool) and path and json.dumps(value) != text:
            self.written[path] = text
        return value

    def _plain_value(self, text: str, place: Place) -> Any:
        """What a plain word is, in the order in which yaml.v3 tries."""
        if text in _WORDS:
            return _WORDS[text]
        if _NO_NUMBER.fullmatch(text):
            raise YamlError(f"{text} is no number that settings can hold", place)
        if text[0] not in "+-.0123456789":
            return text
        if found := _DATE.fullmatch(text):
            return self._date(text, *(int(part) for part in found.groups()), place=place)
        if _DOUBTFUL.fullmatch(text):
            raise YamlError(f"{text} is a number to some and a text to others; put it into quotes", place)
        number = _number(text)
        if number is None:
            return text
        shown = text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"
        if abs(number) > _EXACT:
            raise YamlError(f"the number {shown} is too large; as a text, put it into quotes", place)
        if _LEADING_ZERO.match(text.replace("_", "")):
            raise YamlError(f'{shown} would be the number {json.dumps(number)}; as a text, write "{shown}"', place)
        return number

    def _date(self, text: str, year: int, month: int, day: int, *, place: Place) -> date:
        with_time = len(text) > len("2026-12-31")
        try:
            if self._dates and not with_time:
                return date(year, month, day)
        except ValueError:
            raise YamlError(f"{text} is no day of the calendar", place) from None
        raise YamlError(f'Pulumi makes a time of {text}; as a text, write "{text}"', place)


def _number(text: str) -> int | float | None:
    """The number that yaml.v3 makes of a plain text; None where it stays a text."""
    plain = text.replace("_", "")
    if _WHOLE.fullmatch(plain) and len(plain) <= _LONGEST_WHOLE:
        return int(_OLD_OCTAL.sub(r"\g<1>0o\g<2>", plain), 0)
    if not _FLOAT.fullmatch(plain):
        return None
    number = float(plain)
    return int(number) if number.is_integer() else number


def _sources(node: Node) -> Iterator[MappingNode]:
    """What `<<` names: a mapping, or a list of them."""
    for one in node.value if isinstance(node, SequenceNode) else [node]:
        if not isinstance(one, MappingNode):
            raise YamlError("`<<` takes a mapping or a list of mappings", _place(one))
        yield one


def _plain(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None


def _place(thing: Any) -> Place:
    """Of a mark, or of what starts at one."""
    mark = getattr(thing, "start_mark", thing)
    return Place(mark.line + 1, mark.column + 1)
