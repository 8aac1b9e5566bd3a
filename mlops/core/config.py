"""The base of everything that is known before deployment: one frozen, closed pydantic model.

Closed (`extra="forbid"`) because a misspelt key that is silently ignored is the costliest mistake a
stack file can hold; without input in its errors because a stack file may be pasted with a secret in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from mlops.core import documentation


class Config(BaseModel):
    """Base of every settings model. Immutable; unknown keys are refused; docstrings feed the JSON schema."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=documentation.wanted,
        validate_default=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, given: Any) -> Any:
        """Python takes true for 1, and so would every number: `zones: yes` is a mistake and not one zone."""
        if isinstance(given, Mapping) and (wrong := [*_switches_for_numbers(cls, given)]):
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return given


def _switches_for_numbers(model: type[Config], given: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    for name, value in given.items():
        if name in model.model_fields and _holds_switch(value):
            takes = _types(model.model_fields[name].annotation)
            if takes & {int, float} and not takes & {bool, BaseModel}:
                yield InitErrorDetails(type="int_type" if int in takes else "float_type", loc=(name,), input=value)


def _holds_switch(value: Any) -> bool:
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
    return any(isinstance(entry, bool) for entry in entries)


def _types(annotation: Any) -> set[type]:
    """The plain types that an annotation mentions, models as BaseModel; those of the values of a Literal."""
    if get_origin(annotation) is Literal:
        return {type(value) for value in get_args(annotation)}
    if isinstance(annotation, type) and not get_args(annotation):
        return {BaseModel if issubclass(annotation, BaseModel) else annotation}
    return set().union(*(_types(part) for part in get_args(annotation)))


@dataclass(frozen=True, kw_only=True)
class Card:
    """What somebody who chooses between the variants of a slot wants to know; shown by catalogue and wizard."""

    title: str
    """The product's own name."""
    best_for: str
    not_for: str
    complexity: Literal["low", "medium", "high"]
    """What running it asks of a team."""
    trade_offs: str
    state: str = ""
    """What keeps its state, and how that comes back after a loss."""
