"""Which region offers which EC2 instance type, RDS class for PostgreSQL and instance type of SageMaker, so that nothing
is asked for that is not there: EKS fails a whole node group over one type that its region lacks.

The table is data, made by `tools/offerings.py` from the lists that it names; a type that came since is not in it yet.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["instance_types", "database_classes", "sagemaker_endpoints", "sagemaker_jobs"]

_TABLE = Path(__file__).parent / "data" / "offerings.json"
_OFFERED_BY: Mapping[Kind, str] = {
    "instance_types": "EC2",
    "database_classes": "RDS for PostgreSQL",
    "sagemaker_endpoints": "SageMaker's endpoints",
    "sagemaker_jobs": "SageMaker's jobs",
}
_SHOWN = 4


@cache
def _table() -> Mapping[str, Any]:
    return json.loads(_TABLE.read_text(encoding="utf-8"))


@cache
def _regions_of(kind: Kind) -> Mapping[str, frozenset[str]]:
    """The regions that offer each name."""
    rows: Mapping[str, str] = _table()[kind]
    return {name: frozenset(regions.split()) for names, regions in rows.items() for name in names.split()}


def regions() -> frozenset[str]:
    """The regions that the table knows."""
    return frozenset().union(*_regions_of("instance_types").values())


def offers(kind: Kind, region: str, name: str) -> bool:
    """Whether a region offers it, as far as the table knows: a region that is not in it may offer anything known."""
    there = _regions_of(kind).get(name, frozenset())
    return region in there or (bool(there) and region not in regions())


def alternatives(kind: Kind, region: str, name: str) -> tuple[str, ...]:
    """What a region offers of the same size, the nearest family first: same series and processor, then the newest."""
    size = name.rpartition(".")[2]
    wanted = _family(name)
    candidates = [
        other
        for other, there in _regions_of(kind).items()
        if region in there and other.rpartition(".")[2] == size and _family(other)[0] == wanted[0]
    ]

    def distance(other: str) -> tuple[int, bool, int, int]:
        _, generation, attributes = _family(other)
        different = set(attributes) ^ set(wanted[2])
        return len(different), "-" in other, abs(generation - wanted[1]), -generation

    return tuple(sorted(candidates, key=distance)[:_SHOWN])


def problem(kind: Kind, region: str, name: str) -> str | None:
    """Why a name cannot be used in a region, with what can; None if it can."""
    if offers(kind, region, name):
        return None
    instead = alternatives(kind, region, name)
    hint = f"offered there in its size: {', '.join(instead)}" if instead else "nothing of its series and size is either"
    if name not in _regions_of(kind):
        return f"{name} is not in {_OFFERED_BY[kind]}'s list ({', '.join(_table()['sources'])}); {hint}"
    return f"{name} is not offered by {_OFFERED_BY[kind]} in {region}; {hint}"


def _family(name: str) -> tuple[str, int, str]:
    """Series, generation and attributes: `db.m7gd.large` gives m, 7 and gd."""
    match = re.match(r"(?:db\.|ml\.)?([a-z]+)(\d+)([a-z]*)", name)
    return (match[1], int(match[2]), match[3]) if match else (name, 0, "")
