"""EC2 instance types as far as a node group must understand them: architecture and GPUs, from the name."""

import re
from dataclasses import dataclass
from typing import Literal

Architecture = Literal["x86_64", "arm64"]

_TYPE = re.compile(r"(?P<series>[a-z]+)(?P<generation>\d+)(?P<attributes>[a-z]*)(?P<option>-[a-z0-9]+)?\.[a-z0-9-]+")
_GPU_SERIES = ("p", "g", "gr")


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """What the name of an instance type says about it."""

    name: str
    architecture: Architecture
    nvidia: bool
    """Whether it carries NVIDIA GPUs."""


def describe(name: str) -> InstanceType:
    """Read an instance type's name: `m7g.large` is arm64, `g6.xlarge` is x86_64 with NVIDIA GPUs.

    arm64 shows as a `g` among the letters after the generation, as the `a1` family, and as the Grace processor
    of `p6e-gb200`. All of the P, G and Gr series carry NVIDIA GPUs but `g4ad`, whose GPUs are AMD's.
    Source: EC2 user guide, "Amazon EC2 instance type naming conventions".

    Raises:
        ValueError: not the name of an instance type that EKS runs nodes on.
    """
    match = _TYPE.fullmatch(name)
    if match is None or match["series"] == "mac":
        raise ValueError(
            f'"{name}" is not an instance type for nodes; names look like m7i.large, c7g.xlarge or g6.2xlarge'
        )
    series, attributes, option = match["series"], match["attributes"], match["option"] or ""
    arm = "g" in attributes or series == "a" or option.startswith("-gb")
    amd_gpu = series == "g" and attributes == "ad"
    return InstanceType(
        name=name,
        architecture="arm64" if arm else "x86_64",
        nvidia=series in _GPU_SERIES and not amd_gpu,
    )
