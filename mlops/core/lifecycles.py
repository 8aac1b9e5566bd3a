"""Since when and until when what the platform deploys is supported by those who make it.

The table is data, made by `tools/lifecycles.py` from the source that it names. A product that is not in it publishes no
end of support.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

EKS, POSTGRES = "amazon-eks", "amazon-rds-postgresql"
_TABLE = Path(__file__).parent / "data" / "lifecycles.json"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A minor version of a product, or a major one where its makers support it as a whole."""

    name: str
    """`1.30`."""
    released: date | None = None
    until: date | None = None
    """Last day of support; None while its makers have named none."""
    extended_until: date | None = None
    """Last day of the support that costs extra, or that is for security alone."""
    latest: str = ""
    """Its newest patch on the day of the table."""
    kubernetes: tuple[str, str] | None = None
    """Oldest and newest Kubernetes that it is made for; the newest is empty where none is named."""

    def takes(self, kubernetes: str) -> bool:
        """Whether it is made for a version of Kubernetes, as far as anybody has said."""
        if self.kubernetes is None:
            return True
        least, most = self.kubernetes
        return number(least) <= number(kubernetes) and (not most or number(kubernetes) <= number(most))


def number(version: str) -> tuple[int, ...]:
    """A version to compare: `v1.30.3` is (1, 30, 3)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


@cache
def cycles(product: str) -> tuple[Cycle, ...]:
    """The minor versions of a product, the newest first; none for a product that the table does not know."""
    found = [_cycle(row) for row in _table()["products"].get(product, ())]
    return tuple(sorted(found, key=lambda one: number(one.name), reverse=True))


def cycle_of(product: str, version: str) -> Cycle | None:
    """The minor version that a version is of: of `1.30.3`, `1.30`."""
    wanted = number(version)
    return next((one for one in cycles(product) if wanted[: len(number(one.name))] == number(one.name)), None)


def as_of() -> date:
    """The day on which the table's source was last changed."""
    return date.fromisoformat(_table()["as_of"])


@cache
def _table() -> Mapping[str, Any]:
    return json.loads(_TABLE.read_text(encoding="utf-8"))


def _cycle(row: Mapping[str, str]) -> Cycle:
    least, dash, most = row.get("kubernetes", "").partition("-")
    return Cycle(
        name=row["cycle"],
        released=_day(row.get("released")),
        until=_day(row.get("until")),
        extended_until=_day(row.get("extended_until")),
        latest=row.get("latest", ""),
        kubernetes=(least, most) if dash else None,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
