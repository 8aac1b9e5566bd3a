"""A stack file's differences laid over a tier."""

from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]


def merge(base: Tree, override: Tree) -> dict[str, Any]:
    """Lay `override` over `base`, neither of which changes.

    Mappings merge key by key; scalars and lists replace. A mapping that names another `kind` starts that
    slot afresh: the old variant's knobs would otherwise be refused by the new one.
    """
    merged = dict(base)
    for key, value in override.items():
        current = merged.get(key)
        if isinstance(value, Mapping):
            under = current if isinstance(current, Mapping) and not _another_kind(current, value) else {}
            merged[key] = merge(under, value)
        else:
            merged[key] = value
    return merged


def _another_kind(base: Tree, override: Tree) -> bool:
    return "kind" in override and override["kind"] != base.get("kind")
