"""Which kinds of custom resource a Helm chart brings, and which it needs: from the charts' own CRDs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mlops.plan.values import Properties


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What the stand-in knows of a chart. Kinds are written `Certificate.cert-manager.io`."""

    kinds: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    """Kinds that its own templates use."""
    leaves: frozenset[str] = frozenset()
    """Objects that its controllers make for themselves, and that outlive them: `Secret/name`."""
    switch: str = ""
    """Dotted path of the value that decides whether it installs its CRDs; empty when it always does."""
    default: bool = True

    def kinds_with(self, release: Properties) -> frozenset[str]:
        """The kinds that a release of this chart brings, under the values that it is given."""
        enabled = _value(release.get("values") or {}, self.switch) if self.switch else None
        wanted = self.default if enabled is None else bool(enabled)
        return self.kinds if wanted and not release.get("skipCrds") else frozenset()


def chart_of(release: Properties) -> Chart:
    """The chart of a Helm release, found by name; an OCI address counts by its last part."""
    return _charts().get(str(release.get("chart", "")).rpartition("/")[2], Chart())


@cache
def left_by_controllers() -> frozenset[str]:
    """What charts' controllers make for themselves, of all charts."""
    return frozenset().union(*(chart.leaves for chart in _charts().values()))


@cache
def _charts() -> Mapping[str, Chart]:
    rows: dict[str, dict[str, Any]] = json.loads(files("localcloud").joinpath("data/charts.json").read_text())
    for row in rows.values():
        row |= {key: frozenset(row.get(key, ())) for key in ("kinds", "needs", "leaves")}
    return {name: Chart(**row) for name, row in rows.items()}


def _value(values: Mapping[str, Any], path: str) -> Any:
    for part in path.split("."):
        found = values.get(part)
        if not isinstance(found, Mapping):
            return found
        values = found
    return None
