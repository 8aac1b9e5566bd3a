"""Types of settings that say what they take: a variant's author picks one instead of writing a pattern.

AWS and Kubernetes refuse a value long after `validate` has passed it, often half way through an `up`. So every text has
a form, every number its bounds, every mapping keys of a form, and no list holds a thing twice;
`tests/test_every_setting.py` walks over all settings and names the one that lacks it.

`kubernetes` and `aws` hold the types by theme. Each says in words what is allowed: the message for whoever wrote the
stack file is made of these words, the JSON schema of the pattern.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

FORM = "form"
"""Type of the error of a text that has not its form; its context holds `says`."""


@dataclass(frozen=True)
class Form:
    """`Annotated[str, Form(...)]`: a text of one form."""

    pattern: str
    """The whole text, as JSON Schema writes it. `\\p{L}` and `\\p{N}` stand for letters and digits of any script."""
    says: str
    """What it must be, as the end of a sentence: "12 digits, the number of an AWS account"."""
    most: int = 255
    """Characters."""
    refuses: Callable[[str], str | None] | None = None
    """Why a text of this form is still none, a whole sentence; for what a pattern cannot say."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", "maxLength": self.most}

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern.replace(r"\p{L}\p{N}", r"\w"))

    def _checked(self, value: str) -> str:
        if len(value) > self.most:
            says = f"{self.says}, at most {self.most} characters (it has {len(value)})"
            raise PydanticCustomError(FORM, "it must be {says}", {"says": says})
        if not self._compiled.fullmatch(value):
            raise PydanticCustomError(FORM, "it must be {says}", {"says": self.says})
        if self.refuses and (reason := self.refuses(value)):
            # The text may hold braces, which a template would take for its own.
            raise PydanticCustomError("refused", "{reason}", {"reason": reason})
        return value


Address = Annotated[
    str,
    Form("[A-Za-z0-9._~:/@+=,-]+", "an address or a name: letters, digits and `._~:/@+=,-`", most=500),
]
"""An address or a name that somebody else's product gives."""


@dataclass(frozen=True)
class Unique:
    """`Annotated[tuple[X, ...], Unique(most=…)]`: a list that holds nothing twice."""

    most: int
    """Entries."""
    by: str | None = None
    """The field that tells entries apart that are models; None compares the whole."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "uniqueItems": True, "maxItems": self.most}

    def _checked(self, value: Sequence[Any]) -> Sequence[Any]:
        if len(value) > self.most:
            context = {"count": len(value), "most": self.most}
            raise PydanticCustomError("too_many", "it holds {count} entries; at most {most} are allowed", context)
        seen: set[Hashable] = set()
        for entry in value:
            key = getattr(entry, self.by) if self.by else entry
            if key in seen:
                raise PydanticCustomError("twice", '"{key}" is listed twice; list it once', {"key": str(key)})
            seen.add(key)
        return value
