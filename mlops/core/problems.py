"""What is wrong with a setting, in one sentence each: what was given, what is allowed, and what to do.

The one place where pydantic's own texts are translated.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from mlops.core import documentation
from mlops.core.fields import FORM
from mlops.core.yaml_reader import Place

Location = Sequence[int | str]

_TYPES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "frozen_set_type": "a list",
    "set_type": "a list",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "finite_number": "a number that is not infinite",
    "int_parsing_size": "a whole number, and not so large a one",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
    "too_short": ("min_length", "at least {} entries"),
    "too_long": ("max_length", "at most {} entries"),
    "string_too_short": ("min_length", "at least {} characters"),
    "string_too_long": ("max_length", "at most {} characters"),
}
_KEY = "[key]"
"""What pydantic puts behind a mapping's key that is itself wrong."""
_SECRET = re.compile(r"password|secret|token|api_?key|app_?key|pagerduty|slack", re.IGNORECASE)


class SettingsError(Exception):
    """The settings of a stack cannot be used. `message` is complete and meant for whoever wrote them."""

    def __init__(self, message: str, problems: "tuple[Problem, ...]" = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems
        """The same one by one, where single settings are wrong."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    path: tuple[int | str, ...]
    """Where in the settings; empty where several of them together are wrong."""
    text: str
    """One line: the setting, what was given, what is allowed, what to do."""
    place: Place | None = None
    """Where it is to be mended in the file, where that is known."""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text

    def as_data(self) -> dict[str, Any]:
        """For a machine."""
        place = self.place
        return {
            "setting": ".".join(map(str, self.path)),
            "line": place.line if place else None,
            "column": place.column if place else None,
            "problem": self.text,
        }


def explain(error: ValidationError, model: type[BaseModel], given: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong, in the order of the settings."""
    schema = model.model_json_schema()
    documentation.describe(schema, model)
    found: list[Problem] = []
    for problem in error.errors(include_url=False):
        path = tuple(_real_path(problem["loc"], given))
        found += [Problem(path, line) for line in _line(problem, path, schema, given).splitlines()]
    return found


def misread_numbers(error: ValidationError, given: Mapping[str, Any]) -> dict[tuple[int | str, ...], int | float]:
    """Numbers that stand where a text is asked for: YAML makes a number of an unquoted 1.34 or 123456789012."""
    found: dict[tuple[int | str, ...], int | float] = {}
    for problem in error.errors(include_url=False):
        value = problem.get("input")
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts_allowed = "'" in str(problem.get("ctx", {}).get("expected", ""))
            if problem["type"] == "string_type" or texts_allowed:
                found[tuple(_real_path(problem["loc"], given))] = value
    return found


def closest(word: str, allowed: Sequence[str]) -> str:
    """`, did you mean "x"?` where one of the allowed words is near; otherwise nothing."""
    near = difflib.get_close_matches(word, allowed, n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def _line(problem: Mapping[str, Any], path: Location, schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    where = ".".join(map(str, path)) or "the settings"
    if path and problem["loc"][-1] == _KEY:
        where = f"{'.'.join(map(str, path[:-1]))}: the key"
    kind, context = str(problem["type"]), problem.get("ctx", {})
    shown = _shown(path, problem.get("input"))
    if kind == "extra_forbidden":
        parent, key = path[:-1], str(path[-1])
        allowed = sorted(_node(schema, parent, given).get("properties", {}))
        return f"{where}: there is no such setting.{closest(key, allowed)} Allowed here: {', '.join(allowed)}."
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = [tag.strip(" '") for tag in str(context.get("expected_tags", "")).split(",") if tag.strip()]
        tags = tags or sorted(
            _node(schema, path, given, resolve_kind=False).get("discriminator", {}).get("mapping", {})
        )
        key = str(context.get("discriminator", "kind")).strip("'")
        if kind == "union_tag_not_found":
            return f"{where}.{key} is missing. Allowed: {', '.join(tags)}. `mlops modules` describes each."
        tag = str(context.get("tag", ""))
        return (
            f'{where}.{key} is "{tag}".{closest(tag, tags)} Allowed: {", ".join(tags)}. `mlops modules` describes each.'
        )
    if kind in ("literal_error", "enum"):
        words = re.findall(r"'([^']+)'|(\b\d+\b)", str(context.get("expected", "")))
        allowed = [a or b for a, b in words]
        return f"{where} is {shown}.{closest(str(problem.get('input')), allowed)} Allowed: {', '.join(allowed)}."
    if kind == FORM:
        return f"{where} is {shown}; it must be {context['says']}."
    if kind == "missing":
        return f"{where} is missing. {_described(schema, path, given)}"
    if kind == "string_type" and isinstance(problem.get("input"), bool | int | float):
        return f'{where} is {shown}; a text goes into quotes: "{shown}". {_described(schema, path, given)}'
    if kind in _TYPES:
        return f"{where} is {shown}; it must be {_TYPES[kind]}. {_described(schema, path, given)}".rstrip()
    if kind in _BOUNDS:
        key, text = _BOUNDS[kind]
        return f"{where} is {shown}; it must be {text.format(context[key])}. {_described(schema, path, given)}".rstrip()
    if kind == "string_pattern_mismatch":
        return f"{where} is {shown}, which is not how it is written. {_described(schema, path, given)}"
    text = str(context["error"]) if "error" in context else str(problem["msg"])
    text = "\n".join(line if line.endswith((".", "?")) else f"{line}." for line in text.splitlines())
    return f"{where.removesuffix(': the key')}: {text}" if path else text


def _real_path(location: Location, given: Any) -> list[int | str]:
    """pydantic puts the variant's kind into the path; a stack file has no such level."""
    path: list[int | str] = []
    for part in location:
        if isinstance(given, Mapping):
            if part not in given and part in (given.get("kind"), given.get("mode")):
                continue
            given = given.get(part)
        elif isinstance(given, Sequence) and not isinstance(given, str) and isinstance(part, int):
            given = given[part] if part < len(given) else None
        if part != _KEY:
            path.append(part)
    return path


def _shown(path: Location, value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if any(_SECRET.search(str(part)) for part in path):
        return "set (not shown)"
    text = "empty" if value is None else f'"{value}"' if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + '..."'


def _described(schema: Mapping[str, Any], path: Location, given: Any) -> str:
    """The docstring of a setting, or of the nearest one around it, with its default as an example."""
    for length in range(len(path), 0, -1):
        node = _node(schema, path[: length - 1], given).get("properties", {}).get(str(path[length - 1]), {})
        if node.get("description"):
            text = " ".join(str(node["description"]).split())
            default = node.get("default")
            example = f' For example: "{default}".' if isinstance(default, str) and default else ""
            return text + example
    return ""


def _node(schema: Mapping[str, Any], path: Location, given: Any, *, resolve_kind: bool = True) -> Mapping[str, Any]:
    """The part of a JSON schema that describes the value at `path`."""
    node = _follow(schema, schema, given, resolve_kind or bool(path))
    for index, part in enumerate(path):
        given = given[part] if _holds(given, part) else None
        child = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(str(part))
        if child is None:
            extra = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), {})
            child = extra if isinstance(extra, Mapping) else {}
        node = _follow(schema, child, given, resolve_kind or index < len(path) - 1)
    return node


def _holds(given: Any, part: int | str) -> bool:
    if isinstance(given, Mapping):
        return part in given
    return isinstance(given, (list, tuple)) and isinstance(part, int) and part < len(given)


def _follow(schema: Mapping[str, Any], node: Mapping[str, Any], given: Any, resolve_kind: bool) -> Mapping[str, Any]:
    while True:
        if "$ref" in node:
            node = schema["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            node = next((choice for choice in node["anyOf"] if choice.get("type") != "null"), {})
        elif resolve_kind and "discriminator" in node:
            key = node["discriminator"]["propertyName"]
            reference = node["discriminator"]["mapping"].get(given.get(key) if isinstance(given, Mapping) else None)
            if reference is None:
                return node
            node = {"$ref": reference}
        elif "allOf" in node and len(node["allOf"]) == 1:
            node = node["allOf"][0]
        else:
            return node
