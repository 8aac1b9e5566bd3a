"""Custom resources held against their own definitions: the schemas of the kinds that the platform writes, as far as it
writes them. A name that a definition does not know is refused, which an API server would drop in silence."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

_DATA = Path(__file__).parent / "data" / "crds.json"


@cache
def _definitions() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return content


def refusals(kind: str, spec: Mapping[str, Any]) -> list[str]:
    """What the definition of a kind has against a spec, with the place."""
    validator = jsonschema.Draft202012Validator(_definitions()[kind]["spec"])
    return [f"{'.'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(spec)]
