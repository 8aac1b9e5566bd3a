"""Protobuf structs to plain Python and back, Pulumi's marked values left as they are."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value  # type: ignore[import-untyped]

from mlops.plan.values import SIGNATURE, UNKNOWN_VALUE


def from_struct(struct: Struct) -> dict[str, Any]:
    """The struct as a mapping in the order of its keys; whole numbers come back as int."""
    return {key: _from_value(struct.fields[key]) for key in sorted(struct.fields)}


def _from_value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "struct_value":
            return from_struct(value.struct_value)
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case _:
            return None


def to_struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(dict(values))
    return struct


def is_marked(value: Any) -> bool:
    """Whether a value is a secret, a reference, an asset or an output in wire form."""
    return isinstance(value, Mapping) and SIGNATURE in value


def overlay(made: Any, given: Any) -> Any:
    """`made` with `given` over it, mappings key by key; a marked value of `given` is kept whole."""
    if not isinstance(made, Mapping) or not isinstance(given, Mapping) or is_marked(given):
        return given
    return {**made, **{key: overlay(made.get(key), value) for key, value in given.items()}}


def unknown_paths(value: Any, path: str = "") -> list[str]:
    """Where in a value something is not known: `spec.replicas`, `subnetIds[0]`."""
    if isinstance(value, Mapping):
        return [
            found for key, item in value.items() for found in unknown_paths(item, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in unknown_paths(item, f"{path}[{index}]")]
    return [path] if isinstance(value, str) and UNKNOWN_VALUE in value else []
