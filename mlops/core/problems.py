"""What is wrong with a setting, in one sentence each: what was given, what is allowed, and what to do.

The one place where pydantic's own texts are translated.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mlops.core.fields import FORM

Location = Sequence[int | str]

_TYPES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
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
_SECRET = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)


class SettingsError(Exception):
    """The settings of a stack cannot be used. `message` is complete and meant for whoever wrote them."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def explain(error: ValidationError, model: type[BaseModel], given: Mapping[str, Any]) -> list[str]:
    """One line for each thing that is wrong, in the order of the settings."""
    schema = model.model_json_schema()
    texts = (_line(problem, schema, given) for problem in error.errors(include_url=False))
    return [line for text in texts for line in text.splitlines()]


def closest(word: str, allowed: Sequence[str]) -> str:
    """`, did you mean "x"?` where one of the allowed words is near; otherwise nothing."""
    near = difflib.get_close_matches(word, allowed, n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def _line(problem: Mapping[str, Any], schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    path = _real_path(problem["loc"], given)
    where = ".".join(map(str, path)) or "the settings"
    kind, context = str(problem["type"]), problem.get("ctx", {})
    shown = _shown(path, problem.get("input"))
    if path and path[-1] == "[key]":
        where = ".".join(map(str, path[:-2]))
        return f'{where} has the key "{path[-2]}"; {problem["msg"]}.' if kind == FORM else f"{where}: {problem['msg']}."
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
    if kind in _TYPES:
        return f"{where} is {shown}; it must be {_TYPES[kind]}. {_described(schema, path, given)}".rstrip()
    if kind in _BOUNDS:
        key, text = _BOUNDS[kind]
        return f"{where} is {shown}; it must be {text.format(context[key])}. {_described(schema, path, given)}".rstrip()
    if kind == "string_pattern_mismatch":
        return f"{where} is {shown}. {_described(schema, path, given)} (pattern {context['pattern']})"
    text = str(context["error"]) if "error" in context else str(problem["msg"])
    text = "\n".join(line if line.endswith((".", "?")) else f"{line}." for line in text.splitlines())
    return f"{where}: {text}" if path else text


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
    node = _node(schema, path[:-1], given).get("properties", {}).get(str(path[-1]), {}) if path else {}
    return " ".join(str(node.get("description", "")).split())


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
