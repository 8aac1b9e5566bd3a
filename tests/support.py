"""Helpers that tests of components share."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws

from mlops.plan.graph import Graph, Node
from mlops.plan.recorder import record

REGION = "us-east-1"


def recorded(build: Callable[[pulumi.ResourceOptions], object]) -> Graph:
    """The graph of whatever `build` makes, given options that carry an explicit AWS provider."""

    def program() -> None:
        provider = aws.Provider("aws", region=REGION)
        build(pulumi.ResourceOptions(providers=[provider]))

    return record(program, project="mlops", stack="test", config={})


def only(graph: Graph, type_: str, name: str | None = None) -> Node:
    """The one resource of a type (and name)."""
    found = [node for node in graph.of_type(type_) if name in (None, node.name)]
    assert len(found) == 1, [node.name for node in graph.of_type(type_)]
    return found[0]


def names(graph: Graph, type_: str) -> list[str]:
    """Names of the resources of a type, sorted."""
    return sorted(node.name for node in graph.of_type(type_))


def statements(document: str) -> list[dict[str, Any]]:
    """The statements of an IAM policy document."""
    loaded: list[dict[str, Any]] = json.loads(document)["Statement"]
    return loaded
