"""Slots and variants as data: what the catalogue prints, what `init` asks for and `new-module` fits into."""

import json
from dataclasses import dataclass
from typing import Any

from components.platform import PlatformConfig
from mlops.core import module
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


def knobs(variant: type[SlotConfig]) -> tuple[tuple[str, str, str, str], ...]:
    """Name, type, default and meaning of each setting of a variant, `kind` aside."""
    schema = variant.model_json_schema()
    required = schema.get("required", ())
    return tuple(
        (
            name,
            _type(node, schema.get("$defs", {})),
            "required" if name in required else _default(node.get("default")),
            " ".join(str(node.get("description", "")).split()),
        )
        for name, node in schema["properties"].items()
        if name != "kind"
    )


def _type(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in node:
        return _type({"title": node["$ref"].rpartition("/")[2], **definitions[node["$ref"].rpartition("/")[2]]}, {})
    if "enum" in node:
        return " | ".join(str(choice) for choice in node["enum"])
    if "const" in node:
        return str(node["const"])
    if "anyOf" in node:
        return " | ".join(_type(choice, definitions) for choice in node["anyOf"])
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}), definitions)}"
    bounds = [f"{sign} {node[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in node]
    name = {"object": "mapping", "null": "null"}.get(str(node.get("type")), str(node.get("type", "any")))
    return " ".join([name, *bounds])


def _default(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).strip('"')
    return text if len(text) <= 40 else "…"
