"""Stack files as Pulumi writes them: which there are, and what each says. Reads YAML and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops.core.problems import SettingsError, closest
from mlops.core.yaml_reader import Document, Place, YamlError
from mlops.core.yaml_reader import Path as Steps
from mlops.core.yaml_reader import read as read_yaml

KEYS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
"""What a stack file may hold (`ProjectStack` in github.com/pulumi/pulumi/sdk/go/common/workspace/project.go)."""


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """One stack's configuration, flat, as the engine hands it to the program."""

    name: str
    project: str
    config: Mapping[str, str]
    """Values by full key (`mlops:tier`); structured values as JSON text; the project's defaults included."""
    secret_keys: frozenset[str] = frozenset()
    """Keys whose value, or something in it, is encrypted in the file. Their text here is the ciphertext."""
    path: Path | None = field(default=None, compare=False)
    """Where it was read; None when the engine handed it over."""
    places: Mapping[Steps, Place] = field(default_factory=dict, compare=False)
    """Where in the file each value stands, by full key and the steps below it."""
    written: Mapping[Steps, str] = field(default_factory=dict, compare=False)
    """Numbers whose text in the file is not how the number is written: `1.30`."""

    def at(self, *steps: int | str) -> str:
        """Where a value stands, or the nearest thing around it: `Pulumi.dev.yaml, line 3, column 5`."""
        name = self.path.name if self.path else f"Pulumi.{self.name}.yaml"
        place = self.place(*steps)
        return f"{name}, {place}" if place else name

    def place(self, *steps: int | str) -> Place | None:
        """The place in the file of a value, or of the nearest thing around it; None where the file says none of it."""
        around = (self.places.get(steps[:length]) for length in range(len(steps), 0, -1))
        return next((place for place in around if place), None)


def names(root: Path) -> tuple[str, ...]:
    """The stacks that have a file, sorted."""
    parts = (path.name.split(".") for path in root.glob("Pulumi.*.yaml"))
    return tuple(sorted(name for _, name, *rest in parts if rest == ["yaml"]))


def project_name(root: Path) -> str:
    """The name of the project in a folder.

    Raises:
        SettingsError: there is none, or its file cannot be read.
    """
    return str(_document(root / "Pulumi.yaml").value.get("name", "mlops"))


def read(name: str, root: Path) -> StackFile:
    """Read a stack's file and, below it, the project's defaults.

    Raises:
        SettingsError: no such stack, a file that is not YAML, or one that says what Pulumi would pass over.
    """
    project = _document(root / "Pulumi.yaml").value
    path = root / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = names(root)
        raise SettingsError(
            f'There is no stack "{name}": {path.name} does not exist.{closest(name, known)} '
            f"Stacks here: {', '.join(known) or 'none'}. Make one with `mlops init --stack {name}`."
        )
    document = _document(path)
    own = _config(document, path)
    prefix = str(project.get("name", "mlops"))
    keys = _full_keys(own, prefix, document, path)
    defaults = _defaults(project.get("config") or {}, prefix)
    entries = {**defaults, **{keys[key]: value for key, value in own.items()}}
    return StackFile(
        name=name,
        project=prefix,
        config={key: _text(value) for key, value in entries.items()},
        secret_keys=frozenset(key for key, value in entries.items() if _encrypted(value)),
        path=path,
        places=_below_config(document.places, keys),
        written=_below_config(document.written, keys),
    )


def _document(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{path.name} is not in {path.parent}: run this in the project's folder, the one with Pulumi.yaml."
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} cannot be read: it is not UTF-8 ({error}).") from None
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise SettingsError(f"{path.name} {error}. Mend the file and run this again.") from None
    if not isinstance(document.value or {}, Mapping):
        kind = type(document.value).__name__
        raise SettingsError(f"{path.name} must hold a mapping with a `config` key, not a {kind}.")
    return document if document.value else Document({})


def _config(document: Document, path: Path) -> Mapping[str, Any]:
    """What stands below `config`; nothing else may hold settings, because Pulumi would pass over it in silence."""
    for key in document.value:
        if key not in KEYS:
            where = f"{path.name}, {document.places[key,]}"
            if ":" in key:
                raise SettingsError(f"{where}: {key} has no effect here. Indent it, so that it stands below `config:`.")
            raise SettingsError(f"{where}: Pulumi reads no {key}.{closest(key, KEYS)} Allowed: {', '.join(KEYS)}.")
    own = document.value.get("config") or {}
    if not isinstance(own, Mapping):
        raise SettingsError(f"{path.name}, {document.places['config',]}: `config` must be a mapping of keys to values.")
    return own


def _full_keys(own: Mapping[str, Any], prefix: str, document: Document, path: Path) -> dict[str, str]:
    """The keys as written -> with their namespace. `tier` and `mlops:tier` are the same key, said twice."""
    keys: dict[str, str] = {}
    for key in own:
        full = key if ":" in key else f"{prefix}:{key}"
        for earlier, same in keys.items():
            if same == full:
                where, first = document.places["config", key], document.places["config", earlier]
                raise SettingsError(f"{path.name}, {where}: {key} says again what {earlier} says at {first}. Keep one.")
        keys[key] = full
    return keys


def _below_config(found: Mapping[Steps, Any], keys: Mapping[str, str]) -> dict[Steps, Any]:
    return {(keys[str(steps[1])], *steps[2:]): value for steps, value in found.items() if _in_config(steps)}


def _in_config(steps: Steps) -> bool:
    return len(steps) > 1 and steps[0] == "config"


def _defaults(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Values that Pulumi.yaml gives to every stack. A key may carry its type and its value, or the value alone."""
    values = {}
    for key, entry in config.items():
        value = entry.get("value", entry.get("default")) if isinstance(entry, Mapping) else entry
        if value is not None:
            values[key if ":" in key else f"{prefix}:{key}"] = value
    return values


def _encrypted(value: Any) -> bool:
    """Whether a value is a ciphertext, or holds one somewhere within."""
    if isinstance(value, Mapping):
        return _is_ciphertext(value) or any(_encrypted(item) for item in value.values())
    return isinstance(value, list) and any(_encrypted(item) for item in value)


def _is_ciphertext(value: Mapping[str, Any]) -> bool:
    return set(value) == {"secure"} and isinstance(value["secure"], str)


def _text(value: Any) -> str:
    """A value as Pulumi hands it over: a text as it is, nothing as an empty text, anything else as JSON."""
    if isinstance(value, Mapping) and _is_ciphertext(value):
        return str(value["secure"])
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
