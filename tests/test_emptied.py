"""How what holds things is emptied, so that a destroy does not end at it."""

from functools import cache
from typing import Any

import pytest

from mlops.plan.graph import Graph, Node
from mlops.tiers import TIERS, tier
from mlops.timeline.obstacles import obstacles
from tests.platforms import platform

HOLDERS = {
    "aws:s3/bucket:Bucket": "forceDestroy",
    "aws:ecr/repository:Repository": "forceDelete",
    "aws:backup/vault:Vault": "forceDestroy",
}
"""Type -> the property that lets a destroy delete it with what it holds."""


def _unprotected(value: Any) -> Any:
    """Settings with every protection off, and nothing else changed."""
    if not isinstance(value, dict):
        return value
    off = {key: False for key in ("protect", "deletion_protection") if key in value}
    return {key: _unprotected(child) for key, child in value.items() if isinstance(child, dict)} | off


@cache
def unprotected(name: str) -> Graph:
    """A tier with its protection off."""
    kinds = {slot: {"kind": module.kind} for slot, module in tier(name).modules.items()}  # type: ignore[attr-defined]
    override = _unprotected(tier(name).model_dump(mode="json"))
    return platform(name, {**override, **{slot: {**override[slot], **kind} for slot, kind in kinds.items()}})


def writers(graph: Graph, bucket: Node) -> list[str]:
    """AWS services that write into a bucket by themselves, by the resource that tells them to."""
    targets = ("targetBucket", "s3BucketName")
    return [node.name for node in graph if any(node.inputs.get(key) == bucket.outputs["bucket"] for key in targets)]


@pytest.mark.parametrize("name", TIERS)
def test_what_aws_keeps_writing_into_goes_with_what_it_holds(name: str) -> None:
    graph = unprotected(name)
    written = [node for node in graph.of_type("aws:s3/bucket:Bucket") if writers(graph, node)]
    assert written
    assert [node.name for node in written if not node.inputs.get("forceDestroy")] == []


@pytest.mark.parametrize("name", TIERS)
def test_everything_that_holds_things_is_protected_or_says_how_it_is_emptied(name: str) -> None:
    for graph in (platform(name), unprotected(name)):
        named = {one for obstacle in obstacles(graph) if "Empty them" in obstacle.advice for one in obstacle.resources}
        for type_, emptied in HOLDERS.items():
            for node in graph.of_type(type_):
                assert node.protect or node.inputs.get(emptied) is True or node.name in named, node.name


def test_the_audit_trail_goes_once_nobody_protects_it_and_not_before() -> None:
    def bucket(graph: Graph) -> Node:
        return next(node for node in graph.of_type("aws:s3/bucket:Bucket") if node.name == "account-audit")

    assert (bucket(platform("prod")).protect, bucket(platform("prod")).inputs["forceDestroy"]) == (True, False)
    assert (bucket(unprotected("prod")).protect, bucket(unprotected("prod")).inputs["forceDestroy"]) == (False, True)
