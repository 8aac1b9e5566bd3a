"""Which usage and which budget hold for a stack: its tier's, with what its file and a usage file say over it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mlops.core.budget import BudgetConfig
from mlops.core.merge import merge
from mlops.core.problems import SettingsError, explain
from mlops.core.usage import BY_TIER, UsageConfig
from mlops.plan.plan import Choice

USAGE_PART, BUDGET_PART = "usage", "budget"
"""Keys of the platform's settings."""

_ModelT = TypeVar("_ModelT", bound=BaseModel)


def usage_of(tier: str, choices: Iterable[Choice] = (), file: Path | None = None) -> UsageConfig:
    """The usage that an estimate reckons with.

    Raises:
        SettingsError: the usage file cannot be used.
    """
    base = BY_TIER.get(tier, UsageConfig()).model_dump()
    settings = merge(base, _nested(choices, USAGE_PART))
    given = merge(settings, read(file)) if file else settings
    return _validated(UsageConfig, given, file.name if file else USAGE_PART)


def budget_of(choices: Iterable[Choice]) -> BudgetConfig | None:
    """The stack's budget; None if it has none."""
    settings = _nested(choices, BUDGET_PART)
    return _validated(BudgetConfig, settings, BUDGET_PART) if settings else None


def read(file: Path) -> Mapping[str, Any]:
    """The content of a usage file: YAML or JSON, keys as in a stack file's `usage`.

    Raises:
        SettingsError: there is no such file, or it is no mapping.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}.") from None
    except yaml.YAMLError:
        raise SettingsError(f"{file.name} is not YAML. A usage file looks like `traffic: {{nat_gb: 200}}`.") from None
    if not isinstance(content or {}, Mapping):
        raise SettingsError(f"{file.name} must hold a mapping like `traffic: {{nat_gb: 200}}`.")
    return content or {}


def _nested(choices: Iterable[Choice], part: str) -> dict[str, Any]:
    """The settings of a part as a mapping, from their dotted paths."""
    found: dict[str, Any] = {}
    for choice in choices:
        if choice.part == part and choice.setting:
            *parents, last = choice.setting.split(".")
            place = found
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = choice.value
    return found


def _validated(model: type[_ModelT], given: Mapping[str, Any], where: str) -> _ModelT:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in explain(error, model, given))
        raise SettingsError(f"{where} cannot be used:\n{lines}") from None
