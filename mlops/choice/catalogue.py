"""Slots and variants as data: what the catalogue prints, what `init` asks for and `new-module` fits into."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.settings import PlatformConfig
from mlops.core import module
from mlops.core.config import Config
from mlops.core.module import SlotConfig, kind_of, variants


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One place of the platform that a variant fills."""

    name: str
    """Key in the settings: `data_pipeline`."""
    purpose: str
    config: type[SlotConfig]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind_of(variant) for variant in variants(self.config))


def slots() -> tuple[Slot, ...]:
    """The slots of `PlatformConfig`, in its order."""
    fields = PlatformConfig.model_fields
    return tuple(
        Slot(name=name, purpose=" ".join((fields[name].description or "").split()), config=config)
        for name, config in module.slots(PlatformConfig).items()
    )


Node = dict[str, Any]
"""Part of a JSON schema."""
Knob = tuple[str, str, str, str]
"""Name, type, default and meaning of a setting."""


def knobs(settings: type[Config]) -> tuple[Knob, ...]:
    """Each setting of a variant or a part of the platform, `kind` aside. What lies within others has a dotted name;
    within a list, `[]`; within a mapping, `{}`; the settings of a choice between several say of which."""
    schema = settings.model_json_schema()
    return tuple(_knobs(schema, schema.get("$defs", {}), ""))


def _knobs(model: Node, definitions: Node, prefix: str) -> Iterator[Knob]:
    required = model.get("required", ())
    for name, node in model["properties"].items():
        if name == "kind":
            continue
        path, meaning = f"{prefix}{name}", " ".join(str(node.get("description", "")).split())
        default = "required" if name in required else _default(node["default"]) if "default" in node else "…"
        yield path, _type(node, definitions), default, meaning
        within = list(_within(node, definitions))
        for mark, inner in within:
            kind = inner["properties"].get("kind", {}).get("const")
            which = f"({kind})" if kind and len(within) > 1 else ""
            yield from _knobs(inner, definitions, f"{path}{mark}{which}.")


def _within(node: Node, definitions: Node, mark: str = "") -> Iterator[tuple[str, Node]]:
    """The models that a setting is, may be, or holds as a list `[]` or as a mapping `{}`."""
    if (model := _named(node, definitions)) and "properties" in model:
        yield mark, model
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _within(choice, definitions, mark)
    if isinstance(items := node.get("items"), dict):
        yield from _within(items, definitions, f"{mark}[]")
    for values in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(values, dict):
            yield from _within(values, definitions, f"{mark}{{}}")


def _named(node: Node, definitions: Node) -> Node | None:
    return definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else None


def _type(node: Node, definitions: Node) -> str:
    if model := _named(node, definitions):
        return _type(model, definitions)
    if "enum" in node:
        return " | ".join(str(choice) for choice in node["enum"])
    if "const" in node:
        return str(node["const"])
    if choices := (*node.get("anyOf", ()), *node.get("oneOf", ())):
        return " | ".join(dict.fromkeys(_choice(choice, definitions) for choice in choices))
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}), definitions)}"
    bounds = [f"{sign} {node[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in node]
    name = {"object": "mapping", "null": "null"}.get(str(node.get("type")), str(node.get("type", "any")))
    return " ".join([name, *bounds])


def _choice(node: Node, definitions: Node) -> str:
    """One of several, which a `kind` tells apart."""
    model = _named(node, definitions) or {}
    kind = model.get("properties", {}).get("kind", {}).get("const")
    return f"kind {kind}" if kind else _type(node, definitions)


def _default(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).strip('"')
    return text if len(text) <= 40 else "…"
