"""Which usage and which budget hold for a stack: its tier's, with what its file and a usage file say over it."""

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from mlops.core.budget import BudgetConfig
from mlops.core.merge import merge
from mlops.core.problems import SettingsError, explain
from mlops.core.usage import BY_TIER, UsageConfig
from mlops.core.yaml_reader import YamlError
from mlops.core.yaml_reader import read as read_yaml
from mlops.cost.demand import DERIVED, is_said
from mlops.plan.plan import Choice

if TYPE_CHECKING:
    from mlops.cost.model import Context

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
        content = read_yaml(file.read_text(encoding="utf-8")).value
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}.") from None
    except YamlError as error:
        raise SettingsError(f"{file.name} {error}. A usage file looks like `traffic: {{nat_gb: 200}}`.") from None
    if not isinstance(content or {}, Mapping):
        raise SettingsError(f"{file.name} must hold a mapping like `traffic: {{nat_gb: 200}}`.")
    return content or {}


def derived_figures(context: "Context") -> dict[str, float]:
    """What the figures come to that nobody states, by their path."""
    return {key: float(round(context.figure(key).value, 3)) for key in sorted(DERIVED) if not is_said(context, key)}


def as_yaml(usage: UsageConfig, derived: Mapping[str, float], stack: str) -> str:
    """Every figure with its meaning, as a usage file has it. Derived ones are comments, so that they stay derived."""
    lines = [
        f"# What the estimate of {stack or 'this stack'} assumes, a month. Hand it back changed:",
        f"#   mlops cost{f' -s {stack}' if stack else ''} --usage usage.yaml",
        "# The same keys stand in a stack file below `platform`, `usage`.",
    ]
    for name, field in type(usage).model_fields.items():
        part = getattr(usage, name)
        lines += ["", *_comment(field.description)]
        if not isinstance(part, BaseModel):
            lines.append(f"{name}: {_plain(part)}")
            continue
        lines.append(f"{name}:")
        for key, inner in type(part).model_fields.items():
            value = getattr(part, key)
            lines += _comment(inner.description, "  ")
            path = f"{name}.{key}"
            lines.append(f"  {key}: {_plain(value)}" if value is not None else f"  # {key}: {_plain(derived[path])}")
    return "\n".join(lines) + "\n"


def _comment(text: str | None, indent: str = "") -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(" ".join((text or "").split()), 100)]


def _plain(value: float) -> str:
    """A number without an exponent, which YAML would read as a text."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


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
