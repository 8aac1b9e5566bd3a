"""The base of everything that is known before deployment: one frozen, closed pydantic model.

Closed (`extra="forbid"`) because a misspelt key that is silently ignored is the costliest mistake a
stack file can hold; without input in its errors because a stack file may be pasted with a secret in it.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mlops.core import documentation


class Config(BaseModel):
    """Base of every settings model. Immutable; unknown keys are refused; docstrings feed the JSON schema."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=documentation.wanted,
        validate_default=True,
    )


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
