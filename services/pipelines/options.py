"""The loop's options from JSON: what is not named keeps its default, what is unknown is refused."""

import dataclasses
import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import InputError
from pipelines.loop import LoopOptions


def options_from(text: str) -> LoopOptions:
    """Options from JSON, or from the file that the text names.

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
    try:
        return TypeAdapter(LoopOptions).validate_python(given)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        raise InputError("These options cannot be used:\n" + "\n".join(lines)) from None


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
