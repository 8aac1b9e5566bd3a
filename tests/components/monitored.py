"""Platforms that somebody watches, for the tests of each variant."""

import json
from functools import cache
from typing import Any

import pytest

from mlops.plan.graph import Graph, Node
from mlops.stack import StackError
from tests.platforms import platform

RELEASE = "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SLACK = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-AbCdEf"
PAGERDUTY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:pagerduty-AbCdEf"
ALERTS = {"pagerduty": {"arn": PAGERDUTY, "key": "integration"}, "slack": {"arn": SLACK}}
WORKLOADS: dict[str, Any] = {
    "workloads": {"recommender": {}},
    "serving": {"models": [{"name": "fraud", "storage_uri": "artifacts/fraud/1"}]},
}
NO_CLUSTER: dict[str, Any] = {
    "cluster": None,
    "database": None,
    "ml_platform": None,
    "serving": None,
    "workloads": {"recommender": None},
}


def watched(kind: str | None, *, tier: str = "dev", around: dict[str, Any] | None = None, **settings: Any) -> Graph:
    """A platform with workloads that this kind watches; None has nobody watch."""
    monitoring = {"monitoring": {"kind": kind, **settings}} if kind else {}
    return _platform(tier, json.dumps({**(WORKLOADS if around is None else around), **monitoring}))


@cache
def _platform(tier: str, override: str) -> Graph:
    return platform(tier, json.loads(override))


def refusal(kind: str, *, around: dict[str, Any] | None = None, **settings: Any) -> str:
    """The message with which settings are refused."""
    with pytest.raises(StackError) as caught:
        watched(kind, around=around, **settings)
    return str(caught.value)


def release(graph: Graph, chart: str) -> Node:
    """The release of a chart."""
    (found,) = [node for node in graph.of_type(RELEASE) if str(node.inputs["chart"]).endswith(chart)]
    return found


def holding(graph: Graph, text: str) -> set[str]:
    """Names of the resources in whose inputs a text stands."""
    return {node.name for node in graph if text in json.dumps(node.inputs)}


def announced(graph: Graph) -> list[Node]:
    """The Deployments whose pods say where their metrics are."""
    return [
        node
        for node in graph.of_type(DEPLOYMENT)
        if (node.inputs["spec"]["template"]["metadata"].get("annotations") or {}).get("prometheus.io/scrape") == "true"
    ]


def lets_in(graph: Graph, node: Node, namespace: str) -> bool:
    """Whether a network policy lets pods of a namespace reach the port that a Deployment's pods announce."""
    metadata = node.inputs["spec"]["template"]["metadata"]
    port = int(metadata["annotations"]["prometheus.io/port"])
    wanted = {"kubernetes.io/metadata.name": namespace}
    return any(
        (peer.get("namespaceSelector") or {}).get("matchLabels") == wanted
        and port in [one["port"] for one in rule["ports"]]
        for policy in graph.of_type(POLICY)
        if policy.inputs["metadata"]["namespace"] == node.inputs["metadata"]["namespace"]
        and (policy.inputs["spec"]["podSelector"].get("matchLabels") or {}).items() <= metadata["labels"].items()
        for rule in policy.inputs["spec"].get("ingress") or ()
        for peer in rule["from"]
    )
