"""Presets: stack files for a kind of team, to start from. Each is a file of `presets/` that says what it is for in its
first lines, and else what a stack file says: a tier, and what it does otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.core.problems import SettingsError, closest
from mlops.core.yaml_reader import YamlError, read

FOLDER = "presets"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One of them."""

    name: str
    purpose: str
    """For whom it is, and what it has, in a sentence or two."""
    tier: str
    platform: Mapping[str, Any]
    """What it does otherwise than its tier."""


def names(root: Path) -> tuple[str, ...]:
    """Every preset of a project, sorted."""
    return tuple(sorted(path.stem for path in (root / FOLDER).glob("*.yaml")))


def preset(name: str, root: Path) -> Preset:
    """A preset by its name.

    Raises:
        SettingsError: there is none, or its file cannot be read.
    """
    path = root / FOLDER / f"{name}.yaml"
    if name not in names(root):
        known = names(root)
        raise SettingsError(
            f'There is no preset "{name}".{closest(name, known)} Allowed: {", ".join(known) or "none"}.'
        )
    text = path.read_text(encoding="utf-8")
    try:
        config = (read(text).value or {})["config"]
        return Preset(name=name, purpose=_purpose(text), tier=config["tier"], platform=config.get("platform") or {})
    except (YamlError, KeyError, TypeError) as error:
        raise SettingsError(f"{FOLDER}/{path.name} is no preset: it needs `config` with a `tier`. {error}") from None


def _purpose(text: str) -> str:
    """The comment at the head of the file, but for what editors read."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# yaml-language-server"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)
