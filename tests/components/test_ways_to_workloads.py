"""Who reaches workloads from outside, and as whom they track, on every kind of serving that runs containers."""

import json
import subprocess
import sys
from base64 import b64encode
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

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
        (
            {
                "kind": "oidc",
                "issuer_url": "https://login.example.com",
                "client_id": "mlflow",
                "client_secret_arn": LOGIN,
            },
            "auth is oidc, whose provider knows no workloads. Set auth.kind to basic",
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


@cache
def made_for(kind: str) -> Graph:
    return platform("dev", settings(kind, {"kind": "basic"}))


@pytest.mark.parametrize("kind", ["ecs", "lambda"])
def test_workloads_outside_the_cluster_have_a_user_whose_password_nobody_sees(kind: str) -> None:
    graph = made_for(kind)
    secret = only(graph, "aws:cloudcontrol/resource:Resource", "ml-platform-workloads")
    asked = json.loads(secret.inputs["desiredState"])["GenerateSecretString"]
    assert (json.loads(asked["SecretStringTemplate"]), asked["GenerateStringKey"]) == (
        {"username": "workloads"},
        "password",
    )
    found = environment(graph, "serving-fraud-service")
    variable = "MLFLOW_TRACKING_PASSWORD" + ("_SECRET_ARN" if kind == "lambda" else "")
    assert secret.id in found[variable]
    job = only(graph, "kubernetes:batch/v1:Job", "ml-platform-workloads-user").inputs["spec"]["template"]["spec"]
    given = {row["name"]: row.get("value", row.get("valueFrom")) for row in job["containers"][0]["env"]}
    assert given["NAME"] == "workloads"
    assert given["PASSWORD"]["secretKeyRef"] == {"name": "mlflow-workloads", "key": "password"}
    assert given["ADMIN_PASSWORD"]["secretKeyRef"] == {"name": "mlflow-auth", "key": "admin-password"}


def test_workloads_on_the_cluster_are_made_no_user() -> None:
    assert not [node for node in made_for("kubernetes") if node.name.startswith("ml-platform-workloads")]


class Users(BaseHTTPRequestHandler):
    """The part of MLflow's server that the Job talks to (mlflow/server/auth, 3.17)."""

    known: ClassVar[dict[str, str]] = {}
    admin = "Basic " + b64encode(b"admin:made-up").decode()

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code, text = 200, "{}"
        if self.headers["Authorization"] != self.admin:
            code, text = 401, "{}"
        elif self.command == "POST" and body["username"] in self.known:
            code, text = 400, json.dumps({"error_code": "RESOURCE_ALREADY_EXISTS"})
        else:
            assert self.path == f"/api/2.0/mlflow/users/{'create' if self.command == 'POST' else 'update-password'}"
            self.known[body["username"]] = body["password"]
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_PATCH = _answer  # noqa: N815 - as the library names them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        pass


def test_the_job_makes_the_user_and_gives_it_its_password_however_often_it_runs() -> None:
    job = only(made_for("ecs"), "kubernetes:batch/v1:Job", "ml-platform-workloads-user").inputs["spec"]
    command = job["template"]["spec"]["containers"][0]["command"]
    with HTTPServer(("127.0.0.1", 0), Users) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        told = {"SERVER": f"http://127.0.0.1:{server.server_port}", "NAME": "workloads", "ADMIN_PASSWORD": "made-up"}
        for password in ("first", "second"):
            subprocess.run([sys.executable, *command[1:]], env={**told, "PASSWORD": password}, check=True)
            assert Users.known == {"workloads": password}
        wrong = subprocess.run(
            [sys.executable, *command[1:]],
            env={**told, "ADMIN_PASSWORD": "other", "PASSWORD": "third"},
            capture_output=True,
            text=True,
        )
        server.shutdown()
    assert wrong.returncode != 0
    assert not {"other", "third"} & set(wrong.stderr.split())


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
