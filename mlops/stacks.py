"""Stack files as Pulumi writes them: which there are, and what each says. Reads YAML and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlops.core.problems import SettingsError, closest


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """One stack's configuration, flat, as the engine hands it to the program."""

    name: str
    project: str
    config: Mapping[str, str]
    """Values by full key (`mlops:tier`); structured values as JSON text; the project's defaults included."""
    secret_keys: frozenset[str] = frozenset()
    """Keys whose value is encrypted in the file. Their text here is the ciphertext."""
    path: Path | None = field(default=None, compare=False)
    """Where it was read; None when the engine handed it over."""


def names(root: Path) -> tuple[str, ...]:
    """The stacks that have a file, sorted."""
    parts = (path.name.split(".") for path in root.glob("Pulumi.*.yaml"))
    return tuple(sorted(name for _, name, *rest in parts if rest == ["yaml"]))


def project(root: Path) -> str:
    """Name of the project: the namespace of its configuration's keys."""
    return str(_yaml(root / "Pulumi.yaml").get("name", "mlops"))


def read(name: str, root: Path) -> StackFile:
    """Read a stack's file and, below it, the project's defaults.

    Raises:
        SettingsError: no such stack, a file that is not YAML, or not a mapping.
    """
    project = _yaml(root / "Pulumi.yaml")
    path = root / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = names(root)
        raise SettingsError(
            f'There is no stack "{name}": {path.name} does not exist.{closest(name, known)} '
            f"Stacks here: {', '.join(known) or 'none'}. Make one with `mlops init --stack {name}`."
        )
    own = _yaml(path).get("config") or {}
    if not isinstance(own, Mapping):
        raise SettingsError(f"{path.name}: `config` must be a mapping of keys to values.")
    prefix = str(project.get("name", "mlops"))
    defaults = {key: value for key, value in _defaults(project.get("config") or {}, prefix).items() if key not in own}
    entries = {**defaults, **{_full(str(key), prefix): value for key, value in own.items()}}
    secrets = frozenset(key for key, value in entries.items() if _encrypted(value))
    return StackFile(
        name=name,
        project=prefix,
        config={key: _text(value) for key, value in entries.items()},
        secret_keys=secrets,
        path=path,
    )


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{path.name} is not in {path.parent}: run this in the project's folder, the one with Pulumi.yaml."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}.") from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it cannot be parsed"
        raise SettingsError(f"{path.name} is not YAML{place}: {reason}. Mend the file and run this again.") from None
    if not isinstance(content or {}, Mapping):
        raise SettingsError(f"{path.name} must hold a mapping with a `config` key, not a {type(content).__name__}.")
    return content or {}


def _defaults(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Values that Pulumi.yaml gives to every stack. A key may carry its type and its value, or the value alone."""
    values = {}
    for key, entry in config.items():
        value = entry.get("value", entry.get("default")) if isinstance(entry, Mapping) else entry
        if value is not None:
            values[_full(str(key), prefix)] = value
    return values


def _full(key: str, prefix: str) -> str:
    return key if ":" in key else f"{prefix}:{key}"


def _encrypted(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"secure"}


def _text(value: Any) -> str:
    if _encrypted(value):
        return str(value["secure"])
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)
