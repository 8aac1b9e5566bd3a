"""What a tier and a stack file chose: the settings that say something else than their defaults."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from mlops.plan.plan import Choice


def choices(config: BaseModel, override: Mapping[str, Any]) -> tuple[Choice, ...]:
    """The settings that differ from their defaults or stand in the stack file (`override`), in order."""
    return tuple(
        Choice(
            part=path[0],
            setting=".".join(path[1:]),
            value=to_jsonable_python(value),
            source="stack file" if _stands_in(override, path) else "tier",
        )
        for path, value, default in _leaves(config)
        if value != default or _stands_in(override, path)
    )


def _leaves(config: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Every plain value with its path and its default. `kind` has none: which variant it is always matters."""
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        default = None if name == "kind" else field.get_default(call_default_factory=True)
        for below, leaf in _below(value, (*path, name)):
            if isinstance(leaf, BaseModel):
                yield from _leaves(leaf, below)
            else:
                yield below, leaf, default if below == (*path, name) else None


def _below(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A mapping or list of models is taken apart; anything else is one value."""
    if isinstance(value, Mapping) and any(isinstance(item, BaseModel) for item in value.values()):
        for key, item in value.items():
            yield from _below(item, (*path, str(key)))
    elif isinstance(value, tuple | list) and any(isinstance(item, BaseModel) for item in value):
        for index, item in enumerate(value):
            yield from _below(item, (*path, str(getattr(item, "name", index))))
    else:
        yield path, value


def _stands_in(override: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(override, Mapping):
            return override is not None
        if part not in override:
            return False
        override = override[part]
    return True
