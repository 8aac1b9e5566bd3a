"""Who reaches workloads from outside, and as whom they track, on every kind of serving that runs containers."""

import json
from functools import cache
from typing import Any

import pytest

from components.serving import ServingConfig
from mlops.core.module import kind_of, variants
from mlops.plan.graph import Graph
from tests.components.test_containers import FRAUD, REGISTRY, refused
from tests.platforms import platform
from tests.support import only

LOGIN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mlflow/loop-AbCdEf"
SECRETS = {"MLFLOW_TRACKING_USERNAME": "username", "MLFLOW_TRACKING_PASSWORD": "password"}
RUN_CONTAINERS = sorted(
    kind_of(one) for one in variants(ServingConfig) if issubclass(one, ServingConfig) and "containers" in one.serves
)
DOMAIN = {
    "domain": "ml.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0f3c7a52-1f0e-4f6e-9d3b-2a1b4c5d6e7f",
}


def settings(kind: str, auth: dict[str, Any], **serving: Any) -> dict[str, Any]:
    return {
        "registry": REGISTRY,
        "ml_platform": {"kind": "mlflow", "auth": auth},
        "serving": {"kind": kind, **serving},
        "workloads": {"recommender": {}, "containers": [{**FRAUD, "grants": ["track"]}]},
    }


@cache
def tracked(kind: str) -> Graph:
    return platform("dev", settings(kind, {"kind": "basic", "workloads": {"arn": LOGIN}}))


def environment(graph: Graph, name: str) -> dict[str, Any]:
    """Variables of a workload with where their values are from, on whatever runs it."""
    [node] = [
        one
        for one in graph
        if one.name == name
        and one.type in {"kubernetes:apps/v1:Deployment", "aws:ecs/taskDefinition:TaskDefinition",
                         "aws:lambda/function:Function"}
    ]  # fmt: skip
    if node.type.startswith("kubernetes"):
        [container] = node.inputs["spec"]["template"]["spec"]["containers"]
        return {row["name"]: row.get("value", row.get("valueFrom")) for row in container["env"]}
    if node.type.startswith("aws:ecs"):
        [container] = json.loads(node.inputs["containerDefinitions"])
        plain = {row["name"]: row["value"] for row in container["environment"]}
        return {**plain, **{row["name"]: row["valueFrom"] for row in container["secrets"]}}
    found: dict[str, Any] = node.inputs["environment"]["variables"]
    return found


@pytest.mark.parametrize(
    "name", ["serving-workload-recommender", "serving-workload-pipelines", "serving-fraud-service"]
)
@pytest.mark.parametrize("kind", RUN_CONTAINERS)
def test_whoever_tracks_logs_in_by_a_secret_that_it_is_named(kind: str, name: str) -> None:
    found = environment(tracked(kind), name)
    for variable, key in SECRETS.items():
        if kind == "lambda":
            assert found[f"{variable}_SECRET_ARN"] == f"{LOGIN}#{key}"
        elif kind == "ecs":
            assert found[variable] == f"{LOGIN}:{key}::"
        else:
            secret = found[variable]["secretKeyRef"]
            stored = only(tracked(kind), "kubernetes:external-secrets.io/v1:ExternalSecret", f"{name}-stored-secret")
            assert secret["name"] == stored.inputs["metadata"]["name"]
            remote = {row["secretKey"]: row["remoteRef"] for row in stored.inputs["spec"]["data"]}
            assert remote[secret["key"]] == {"key": LOGIN, "property": key}


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"kind": "basic"}, "auth is basic without auth.workloads. Name there the secret"),
        (
            {
                "kind": "oidc",
                "issuer_url": "https://login.example.com",
                "client_id": "mlflow",
                "client_secret_arn": LOGIN,
            },
            "auth is oidc, whose provider knows no workloads",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["ecs", "lambda"])
def test_a_login_that_workloads_outside_the_cluster_cannot_pass_is_refused(
    kind: str, auth: dict[str, Any], says: str
) -> None:
    around = settings(kind, auth)
    if auth["kind"] == "oidc":
        around["ml_platform"] |= {"host": "mlflow.example.com", "certificate_arn": DOMAIN["certificate_arn"]}
    assert says in refused(around)


def from_outside(graph: Graph) -> list[str]:
    """What answers requests from outside the network without a signature."""
    open_to_all = []
    for node in graph:
        inputs = node.inputs
        if node.type == "aws:lambda/functionUrl:FunctionUrl" and inputs.get("authorizationType") != "AWS_IAM":
            open_to_all.append(node.name)
        if node.type == "aws:apigatewayv2/route:Route" and inputs.get("authorizationType") != "AWS_IAM":
            open_to_all.append(node.name)
        if node.type == "aws:lb/loadBalancer:LoadBalancer" and inputs.get("internal") is not True:
            open_to_all.append(node.name)
        if node.type.endswith((":Service", ":Ingress")) and "internet-facing" in json.dumps(inputs):
            open_to_all.append(node.name)
    return open_to_all


@pytest.mark.parametrize(
    ("kind", "serving"),
    [*((kind, {}) for kind in RUN_CONTAINERS), ("ecs", DOMAIN), ("lambda", {"front": "http_api"})],
)
def test_the_recommender_asks_for_a_login_by_itself_exactly_where_outsiders_reach_it(
    kind: str, serving: dict[str, Any]
) -> None:
    graph = platform("dev", settings(kind, {"kind": "none"}, **serving)) if serving else tracked(kind)
    exposed = environment(graph, "serving-workload-recommender")["MLOPS_EXPOSED"]
    assert exposed == str(bool(from_outside(graph))).lower()
