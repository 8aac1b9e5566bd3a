"""What is published about each rule: the types it looks at, its severity, its levels and the controls it maps to.

The facts are data (`data/controls.json`, with its date and the commits that it was read from); they are loaded once
and need no Pulumi.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from policies.model import Level

_FILE = Path(__file__).parent / "data" / "controls.json"
_TITLES = Path(__file__).parent / "data" / "titles.json"

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")

STRICTNESS: Mapping[str, Literal["dev", "prod"]] = {
    "local": "dev",
    "dev": "dev",
    "experimental": "dev",
    "prod": "prod",
    "enterprise": "prod",
}
"""Tier -> which of a rule's two levels counts. A stack of an unknown tier is judged as prod is."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The facts of one rule. Its check is code, registered under the same id."""

    id: str
    types: tuple[str, ...]
    """Pulumi type tokens that it looks at."""
    scope: Literal["resource", "stack"]
    """Whether one resource shows the verdict, or several together do."""
    condition: str
    """What must hold, in words; `podSpec` and `containers[]` as in `pod_specs`."""
    properties: tuple[str, ...]
    """Property paths that the condition reads; `[]` is each element."""
    severity: Severity
    levels: Mapping[str, Level]
    """`dev` and `prod` -> level."""
    fix: str
    set: Literal["core", "extended"]
    frameworks: Mapping[str, tuple[str, ...]]
    """Framework -> ids of the controls that the rule gives evidence toward. Frameworks without one are left out."""
    agreed: Mapping[str, tuple[str, ...]]
    """The part of `frameworks` in which two independent sources agree."""
    sources: Mapping[str, Any]
    """Where each framework's ids come from, and the published checks that test the same property."""

    def level(self, tier: str) -> Level:
        """What a broken rule means for a stack of this tier."""
        return self.levels[STRICTNESS.get(tier, "prod")]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The whole table."""

    as_of: str
    """ISO date on which the sources were read."""
    sources: Mapping[str, str]
    """Short name -> repository, commit and files."""
    titles: Mapping[str, str]
    """Framework -> its name and edition."""
    pod_specs: Mapping[str, str]
    """Kubernetes type -> path of its pod's spec."""
    rules: Mapping[str, Rule]
    not_decidable: Mapping[str, Mapping[str, Any]]
    """Framework -> what its controls demand that no resource can show, by kind."""


@cache
def control_titles() -> Mapping[str, Mapping[str, str]]:
    """Framework -> id of a control -> its title. Sources are named in the file."""
    titles: Mapping[str, Mapping[str, str]] = json.loads(_TITLES.read_text(encoding="utf-8"))["titles"]
    return titles


@cache
def facts() -> Facts:
    """The table, read once a process."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return Facts(
        as_of=data["as_of"],
        sources=data["sources"],
        titles={name: row["title"] for name, row in data["frameworks"].items()},
        pod_specs=data["pod_spec"],
        rules={row["id"]: _rule(row) for row in data["rules"]},
        not_decidable=data["not_decidable"],
    )


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(
        id=row["id"],
        types=tuple(row["types"]),
        scope=row["scope"],
        condition=row["condition"],
        properties=tuple(dict.fromkeys(entry["path"] for entry in row["properties"])),
        severity=row["severity"],
        levels={name: Level(level) for name, level in row["level"].items()},
        fix=row["fix"],
        set=row["set"],
        frameworks={name: tuple(ids) for name, ids in row["frameworks"].items()},
        agreed={name: tuple(ids) for name, ids in row["agreed"].items()},
        sources=row["sources"],
    )
