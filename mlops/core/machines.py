"""EC2 instance types: cores, memory and GPUs, as AWS publishes them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_INSTANCES = Path(__file__).parent / "data" / "instances.csv"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An EC2 instance type."""

    name: str
    vcpus: int
    memory_mib: int
    gpus: int
    """NVIDIA GPUs."""


@cache
def machines() -> Mapping[str, Machine]:
    """The instance types that are known, by name."""
    with _INSTANCES.open(encoding="utf-8") as file:
        return {
            row["instance_type"]: Machine(
                name=row["instance_type"],
                vcpus=int(row["vcpu"]),
                memory_mib=int(float(row["memory_gib"]) * 1024),
                gpus=0 if "nferentia" in row["accelerator"] or "rainium" in row["accelerator"] else int(row["gpus"]),
            )
            for row in csv.DictReader(file)
        }
