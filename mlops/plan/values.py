"""Property values in the form that a graph keeps: plain JSON, without secrets and without engine markers.

Pulumi wraps what JSON cannot say (secrets, resource references, assets, outputs, unknowns) into mappings and
strings that carry a magic signature. Source: `pulumi.runtime.rpc` of the Python SDK.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that turns a mapping into a marked value; its value is one of `Signature`."""

UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that a preview cannot know."""

SECRET = "[secret]"
UNKNOWN = "[unknown]"

Properties = Mapping[str, Any]
"""Inputs or outputs of a resource by their names in Pulumi's schema (camelCase)."""


class Signature(StrEnum):
    SECRET = "1b47061264138c4ac30d75fd1eb44270"
    RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
    OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
    ASSET = "c44067f5952c0a294b673a41bacd8c17"
    ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"


def normalise(value: Any) -> Any:
    """The value as plain JSON: secrets as `[secret]`, unknowns as `[unknown]`, references as URNs, 1.0 as 1."""
    if isinstance(value, Mapping):
        if SIGNATURE in value:
            return _normalise_marked(value)
        return {key: normalise(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [normalise(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and UNKNOWN_VALUE in value:
        return UNKNOWN
    return value


def unwrapped(value: Any) -> Any:
    """The value in clear, for whoever has to hand it on: secrets without their wrapping."""
    if isinstance(value, Mapping) and value.get(SIGNATURE) == Signature.SECRET:
        return unwrapped(value["value"])
    if isinstance(value, Mapping):
        return {key: unwrapped(item) for key, item in value.items() if item is not None}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


def dereferenced(value: Any) -> Any:
    """As the engine hands inputs to a provider that knows no references: the id of a resource, the URN of a component.
    All other marked values stay."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == Signature.RESOURCE:
            return value.get("id") or value["urn"]
        return {key: dereferenced(item) for key, item in value.items()}
    return [dereferenced(item) for item in value] if isinstance(value, list) else value


def referenced(value: Any) -> Iterator[str]:
    """URNs of the resources that a value in wire form holds whole."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == Signature.RESOURCE:
            yield value["urn"]
        for item in value.values():
            yield from referenced(item)
    elif isinstance(value, list):
        for item in value:
            yield from referenced(item)


def masked(value: Any) -> Any:
    """As `normalise`, but a secret mapping keeps its keys: every text in it reads `[secret]`."""
    if isinstance(value, Mapping) and value.get(SIGNATURE) == Signature.SECRET:
        return _hidden(value.get("value"))
    if isinstance(value, Mapping) and SIGNATURE not in value:
        return {key: masked(item) for key, item in value.items() if item is not None}
    return [masked(item) for item in value] if isinstance(value, list) else normalise(value)


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else SECRET


def _normalise_marked(value: Properties) -> Any:
    match value[SIGNATURE]:
        case Signature.SECRET:
            return SECRET
        case Signature.RESOURCE:
            return value["urn"]
        case Signature.OUTPUT if value.get("secret"):
            return SECRET
        case Signature.OUTPUT:
            return normalise(value.get("value", UNKNOWN))
        case _:
            return {key: item for key, item in value.items() if key in ("path", "uri", "hash") and item}


def differing_paths(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ, as (`a.b[0].c`, before, after); None stands for an absent value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from differing_paths(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differing_paths(old, new, f"{path}[{index}]")
    elif before != after:
        yield path, before, after
