"""What an AWS API takes, asked of botocore's service models: a judge that is not ours.

They are read as data from the services' environment, so that the platform's own needs no AWS SDK.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

DATA = next(Path(__file__).parents[1].glob("services/.venv/lib/python3*/site-packages/botocore/data"), None)
_NUMBERS = ("integer", "long", "float", "double")
MISSING = "the services' environment, which has botocore, is not set up"


@cache
def model(service: str) -> Mapping[str, Any]:
    """The newest model of a service."""
    assert DATA is not None
    newest = max((DATA / service).glob("*/service-2.json.gz"))
    return json.loads(gzip.decompress(newest.read_bytes()))


def refusals(
    service: str, operation: str, inputs: Mapping[str, Any], renamed: Mapping[str, str | None] | None = None
) -> list[str]:
    """Why an operation would not take a resource's inputs; spelling of names aside, which the provider translates.

    Args:
        renamed: property of the provider -> member of the API, None for one that the API does not have.
    """
    shape = model(service)["operations"][operation]["input"]["shape"]
    return list(_refused(model(service)["shapes"], shape, inputs, "", renamed or {}))


def actions(service: str) -> frozenset[str]:
    """The operations of a service, which are IAM's actions but for a few."""
    return frozenset(model(service)["operations"])


def _refused(
    shapes: Mapping[str, Any], name: str, value: Any, path: str, renamed: Mapping[str, str | None]
) -> Iterator[str]:
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        yield from _members(shapes, shape, value, path, renamed)
    elif kind == "list":
        if not shape.get("min", 0) <= len(value) <= shape.get("max", len(value)):
            yield f"{path} holds {len(value)}"
        for entry in value:
            yield from _refused(shapes, shape["member"]["shape"], entry, f"{path}[]", renamed)
    elif kind == "map":
        for key, entry in value.items():
            yield from _refused(shapes, shape["value"]["shape"], entry, f"{path}.{key}", renamed)
    elif kind == "string":
        yield from _text(shape, value, path)
    elif kind in _NUMBERS and not shape.get("min", value) <= value <= shape.get("max", value):
        yield f"{path} is {value}"


def _members(
    shapes: Mapping[str, Any],
    shape: Mapping[str, Any],
    value: Mapping[str, Any],
    path: str,
    renamed: Mapping[str, str | None],
) -> Iterator[str]:
    known = {member.lower(): member for member in shape["members"]}
    given: dict[str, Any] = {}
    for key, entry in value.items():
        spelled = renamed.get(key, key)
        if spelled is None:
            continue
        if (member := known.get(spelled.lower())) is None:
            yield f"{path}.{key} does not exist".lstrip(".")
        else:
            given[member] = entry
    idempotent = {key for key, member in shape["members"].items() if member.get("idempotencyToken")}
    yield from (
        f"{path}.{key} is required".lstrip(".") for key in shape.get("required", ()) if key not in {*given, *idempotent}
    )
    for member, entry in given.items():
        yield from _refused(shapes, shape["members"][member]["shape"], entry, f"{path}.{member}".lstrip("."), renamed)


def _text(shape: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} is {value!r}, no text"
        return
    if "enum" in shape and value not in shape["enum"]:
        yield f"{path} is {value}, none of {len(shape['enum'])} values"
    if not shape.get("min", 0) <= len(value) <= shape.get("max", len(value)):
        yield f"{path} has {len(value)} characters"
    pattern = re.sub(r"\\p\{[LMZSNP]\}", r"\\w\\s", shape.get("pattern", ""))
    if pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{path} is {value}, not {pattern}"
