"""The docstrings of settings: whether they are read when the settings are defined, and reading them later.

The schema and the catalogue show them. Reading them means parsing the source of every class, a fifth of what a plan
takes of its own, so whoever needs none says so before anything else of the settings is imported. A message about a
wrong setting needs them after all: `describe` reads them then.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

wanted = True
"""Set to False before `mlops.core.config` is imported; afterwards it changes nothing."""


def describe(schema: dict[str, Any], model: "type[BaseModel]") -> None:
    """Put the docstrings of fields into a model's JSON schema, where it has none yet: as if they had been wanted."""
    by_name = {one.__name__: one for one in _subclasses(next(base for base in model.__mro__ if _is_base(base)))}
    nodes = {model.__name__: schema, **schema.get("$defs", {})}
    for name, node in nodes.items():
        described = _fields(by_name[name]) if name in by_name else {}
        for field, text in described.items():
            if field in node.get("properties", {}):
                node["properties"][field].setdefault("description", text)


def _is_base(kind: type) -> bool:
    return kind.__module__ == "mlops.core.config" or kind.__name__ == "BaseModel"


def _subclasses(kind: type) -> Iterator[type]:
    yield kind
    for one in kind.__subclasses__():
        yield from _subclasses(one)


def _fields(kind: type) -> dict[str, str]:
    """Field -> docstring, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _docstrings(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the string that stands right below the field; for the classes of one module."""
    loaded = sys.modules.get(module)
    try:
        tree = ast.parse(inspect.getsource(loaded)) if loaded else ast.Module([], [])
    except (OSError, TypeError):
        return {}
    return {node.name: dict(_below_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(below.value.value)
