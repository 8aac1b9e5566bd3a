"""The loop's options from JSON: what is not named keeps its default, what is unknown is refused."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import InputError
from pipelines.loop import LoopOptions
from pipelines.retraining import VARIABLE, Retraining


def options_from(text: str, environment: Mapping[str, str] | None = None) -> LoopOptions:
    """Options from JSON, or from the file that the text names. When to train again says the stack file, by one variable
    of the environment, unless the options do.

    Raises:
        InputError: no JSON, an unknown name, or a value of the wrong type.
    """
    if text and not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{text} is neither JSON nor a file that can be read: {error.strerror}.") from None
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"The options are no JSON: {error}.") from None
    _refuse_unknown(given, LoopOptions, "")
    told = _told(os.environ if environment is None else environment)
    if told is not None:
        given = {**given, "triggers": {**told.triggers, **given.get("triggers", {})}}
    try:
        return TypeAdapter(LoopOptions).validate_python(given)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        raise InputError("These options cannot be used:\n" + "\n".join(lines)) from None


def _told(environment: Mapping[str, str]) -> Retraining | None:
    """What the stack file says of when to train again."""
    text = environment.get(VARIABLE) or ""
    try:
        return Retraining.model_validate_json(text) if text else None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, issue['loc'])) or 'all of it'}: {issue['msg']}" for issue in error.errors()]
        raise InputError(
            f"{VARIABLE} is not the section retraining of a stack file as JSON:\n" + "\n".join(lines)
        ) from None


def _refuse_unknown(given: object, kind: type, path: str) -> None:
    if not isinstance(given, dict):
        raise InputError(f"{path.rstrip('.') or 'The options'} must be an object.")
    known = {field.name: field.type for field in dataclasses.fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise InputError(f"There is no option {path}{name}; {path or 'the options'} may have {', '.join(known)}.")
        nested = known[name]
        if isinstance(nested, type) and dataclasses.is_dataclass(nested):
            _refuse_unknown(value, nested, f"{path}{name}.")
