"""How long AWS and Kubernetes take for one resource of a type: seconds, with where the figures come from."""

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mlops.plan.graph import Node

Operation = Literal["create", "update", "delete"]

_DATA = Path(__file__).parent / "data" / "durations.json"

ENGINE_SECONDS = 1.0
"""What the engine adds to each resource: registration, diff, writing the state (memory, unverified)."""


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Seconds for one operation on one resource."""

    low: float
    typical: float
    high: float
    samples: int = 0
    """Logs in which it was measured."""
    basis: str = "assumed"
    """measured, derived, memory, or assumed where nothing is known of the type."""
    confidence: str = "low"


INSTANT = Duration(low=0, typical=0, high=0, basis="exists in Pulumi only", confidence="high")
ASSUMED_AWS = Duration(low=1, typical=2, high=15)
"""For types of AWS that nothing is known of: most are one call and its propagation."""
ASSUMED_OBJECT = Duration(low=1, typical=2, high=30)
"""For objects of Kubernetes: one call."""
ASSUMED_RELEASE = Duration(low=15, typical=45, high=300)
"""For charts that nothing is known of: about what small controllers take."""
ASSUMED_CUSTOM = Duration(low=2, typical=10, high=120)
"""For custom resources, whose operator has to act."""
ASSUMED_JOB = Duration(low=10, typical=30, high=300)
"""For jobs that Pulumi waits for: an image is pulled and runs once."""


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """Something that is known to hold up a deletion."""

    key: str
    what: str
    facts: str
    seconds: Mapping[str, float | None]
    sources: tuple[str, ...]


@cache
def _tables() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return content


@cache
def _entries(type_: str) -> tuple[Mapping[str, Any], ...]:
    """What is known of a type, all its variants; exact matches before patterns."""
    rows = _tables()["resources"]
    exact = [row for row in rows if type_ in row["match"]]
    return tuple(exact or [row for row in rows if any(fnmatch.fnmatchcase(type_, one) for one in row["match"])])


def orderings() -> Mapping[str, Ordering]:
    """What is known to hold up deletions, by key."""
    return {
        row["key"]: Ordering(
            key=row["key"],
            what=row["what"],
            facts=row["facts"],
            seconds=row["seconds"],
            sources=tuple(row["sources"]),
        )
        for row in _tables()["ordering"]
    }


def duration(node: Node, operation: Operation) -> Duration:
    """How long an operation on a resource takes."""
    if not node.custom or node.package == "pulumi":
        return INSTANT
    if operation == "delete" and node.retain_on_delete:
        return INSTANT
    entries = _entries(node.type)
    variant = _variant(node, operation)
    chosen = next((row for row in entries if row.get("variant") == variant and operation in row), None)
    if chosen is None:
        chosen = next((row for row in entries if "variant" not in row and operation in row), None)
    if chosen is None:
        chosen = next((row for row in entries if row.get("variant") == "other" and operation in row), None)
    if chosen is None:
        return _assumed(node)
    row = chosen[operation]
    return Duration(
        low=row["low"],
        typical=row["typical"],
        high=row["high"],
        samples=row["samples"],
        basis=row["basis"],
        confidence=row["confidence"],
    )


def sources(node: Node) -> tuple[str, ...]:
    """Where the figures of a type come from."""
    return tuple(source for row in _entries(node.type) for source in row["sources"])


def _assumed(node: Node) -> Duration:
    if node.type == "kubernetes:helm.sh/v3:Release":
        return ASSUMED_RELEASE
    if node.type.startswith("kubernetes:batch/"):
        return ASSUMED_JOB
    if node.package == "kubernetes":
        group = node.type.split(":")[1].partition("/")[0]
        return ASSUMED_CUSTOM if "." in group and not group.endswith("k8s.io") else ASSUMED_OBJECT
    return ASSUMED_AWS


def _variant(node: Node, operation: Operation) -> str | None:
    """Which of a type's variants a resource is."""
    match node.type:
        case "aws:ec2/vpcEndpoint:VpcEndpoint":
            return node.at("vpcEndpointType").text("Gateway")
        case "aws:eks/addon:Addon":
            return node.at("addonName").text()
        case "aws:rds/instance:Instance":
            if operation == "delete" and not node.at("skipFinalSnapshot").flag():
                return "delete-with-final-snapshot"
            return "multi-az" if node.at("multiAz").flag() else "single-az"
        case "aws:msk/cluster:Cluster":
            kind = node.at("brokerNodeGroupInfo.instanceType").text()
            return "express" if kind.startswith("express.") else "standard"
        case "aws:lb/loadBalancer:LoadBalancer":
            return node.at("loadBalancerType").text("application")
        case "aws:lambda/function:Function":
            if node.at("vpcConfig"):
                return "vpc"
            return "image" if node.at("packageType").text() == "Image" else "zip"
        case "kubernetes:helm.sh/v3:Release":
            chart = node.at("chart").text().rpartition("/")[2]
            return "kserve" if chart in ("kserve-crd", "kserve-resources") else chart
        case "kubernetes:core/v1:Service":
            return node.at("spec.type").text("ClusterIP")
        case "kubernetes:networking.k8s.io/v1:Ingress":
            return "alb"
        case _:
            return None
