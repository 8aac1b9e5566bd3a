"""The objects of `local`, unchanged, on a real Kubernetes of one node, with PostgreSQL and moto in place of AWS."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from node import cloud, product

from tests.node.conftest import HOME, command_of, inside, kubectl, listed

pytestmark = [pytest.mark.long, pytest.mark.engine]

Nodes = list[dict[str, Any]]
ASKED = "http://recommender.recommender.svc.cluster.local:8000/recommendations/u0000001?k=5"
FRIEND = "shop"
"""Namespace with the labels that a user of the platform's services has."""
LOAD = """
import http.client, sys, threading, time
from urllib.parse import urlsplit
url, seconds = urlsplit(sys.argv[1]), float(sys.argv[2])
answers, lock, until = {}, threading.Lock(), time.monotonic() + seconds
def ask():
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
            connection.request("GET", f"{url.path}?{url.query}")
            answer = str(connection.getresponse().status)
            connection.close()
        except Exception as error:
            answer = repr(error)
        with lock:
            answers[answer] = answers.get(answer, 0) + 1
        time.sleep(0.02)
threads = [threading.Thread(target=ask) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import json
print(json.dumps(answers))
"""
"""A new connection for each request, so that each goes through the Service."""
TRIES = """
import concurrent.futures, json, socket, sys
def reached(target):
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        return True
    except OSError:
        return False
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(json.dumps(list(pool.map(reached, sys.argv[1:]))))
"""


@pytest.fixture(scope="module")
def trained(product_up: Nodes) -> None:
    """The loop, once, in the worker's pod."""
    product.ready(HOME, "recommender", "pipelines")
    for words in (("generate",), ("run-loop",)):
        inside("recommender", "deploy/pipelines", "python", "-m", "pipelines", *words)


@pytest.fixture(scope="module")
def visitors(product_up: Nodes) -> Iterator[dict[str, tuple[str, str]]]:
    """Pods that are nobody's, one in each kind of place: who -> namespace and name."""
    allowed = {"mlops.platform/tracking": "allowed", "mlops.platform/serving": "allowed"}
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FRIEND, "labels": allowed}}]
    made += [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stranger"}}]
    places = {"friend": FRIEND, "stranger": "stranger", "model": "models", "job": "mlflow-database"}
    places |= {"beside MLflow": "mlflow", "beside the recommender": "recommender"}
    pods = {who: (namespace, "visitor") for who, namespace in places.items()}
    made += [_visitor(namespace) for namespace in places.values()]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    kubectl("apply", "-f", "-", given=text)
    for namespace, name in pods.values():
        kubectl("--namespace", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
    yield pods
    for namespace, name in pods.values():
        kubectl("--namespace", namespace, "delete", "pod", name, "--grace-period=0", "--force")
    kubectl("delete", "namespace", FRIEND, "stranger")


def _visitor(namespace: str) -> dict[str, Any]:
    """As the restricted pod security standard wants a pod; with Python, which the base of the images has."""
    container = {
        "name": "visitor",
        "image": "public.ecr.aws/docker/library/postgres:17-alpine",
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "automountServiceAccountToken": False}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "visitor", "namespace": namespace},
        "spec": {**spec, "terminationGracePeriodSeconds": 0},
    }


def test_jobs_and_mlflow_come_up_by_their_own_probes(product_up: Nodes) -> None:
    jobs = {job["metadata"]["name"]: job["status"].get("succeeded") for job in listed("jobs", "-A")}
    assert jobs == {"bootstrap": 1, "mlflow-migration": 1}
    (server,) = listed("deployments", "-n", "mlflow")
    assert server["status"]["readyReplicas"] == 1


def test_the_bootstrap_job_makes_a_login_that_is_no_superuser_and_owns_its_database_alone(product_up: Nodes) -> None:
    roles = cloud.sql(HOME, "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname='mlflow'")
    assert roles.split() == ["mlflow|f|f|f"]
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='mlflow'"
    assert cloud.sql(HOME, owner).split() == ["mlflow"]


def test_no_secret_value_is_in_the_database_servers_log(product_up: Nodes) -> None:
    values = [value for made in product.secrets_of(product_up) for value in made["stringData"].values()]
    log = (HOME.run / "logs" / "database.log").read_text()
    assert "CREATE DATABASE mlflow" in log
    assert not [value for value in values if len(value) > 20 and value in log]


def test_the_loop_runs_in_a_pod_and_the_recommender_becomes_ready_with_its_model(trained: None) -> None:
    product.ready(HOME, "recommender", "recommender")
    for deployment in listed("deployments", "-n", "recommender"):
        assert deployment["status"]["readyReplicas"] == 1
    ask = "import urllib.request,sys; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    answer = json.loads(inside("recommender", "deploy/pipelines", "python", "-c", ask, ASKED))
    assert len(answer["items"]) == 5


TARGETS = ("MLflow", "recommender", "worker", "database", "AWS", "DNS")
INTENDED = {
    "MLflow": {"database", "AWS", "DNS"},
    "recommender": {"MLflow", "AWS", "DNS"},
    "worker": {"MLflow", "recommender", "AWS", "DNS"},
    "friend": {"MLflow", "recommender", "database", "AWS", "DNS"},
    "stranger": {"database", "AWS", "DNS"},
    "model": {"AWS", "DNS"},
    "job": {"database", "DNS"},
    "beside MLflow": set[str](),
    "beside the recommender": {"AWS", "DNS"},
}
"""Who may speak to whom. What a namespace without policies may reach on AWS is for security groups to say."""


def test_network_policies_let_through_what_is_meant_and_nothing_else(
    trained: None, visitors: dict[str, tuple[str, str]]
) -> None:
    product.ready(HOME, "recommender", "recommender")
    servers = {
        "MLflow": ("mlflow", "mlflow"),
        "recommender": ("recommender",) * 2,
        "worker": ("recommender", "pipelines"),
    }
    ports = {"MLflow": 5000, "recommender": 8000, "worker": 9108}
    addresses = {who: f"{_address(*place)}:{ports[who]}" for who, place in servers.items()}
    addresses |= {"database": "10.0.32.10:5432", "AWS": "10.0.34.10:443", "DNS": "172.20.0.10:53"}
    sources = {who: (namespace, f"deploy/{name}") for who, (namespace, name) in servers.items()}
    sources |= {who: (namespace, f"pod/{name}") for who, (namespace, name) in visitors.items()}
    differ: dict[str, Any] = {}
    until = time.monotonic() + 60
    while time.monotonic() < until:
        differ = {}
        for who, (namespace, pod) in sources.items():
            # A pod always reaches itself, whatever a policy says.
            targets = [target for target in TARGETS if target != who]
            python = "python3"
            said = json.loads(inside(namespace, pod, python, "-c", TRIES, *(addresses[target] for target in targets)))
            reached = {target for target, ok in zip(targets, said, strict=True) if ok}
            if reached != INTENDED[who]:
                differ[who] = {"too much": reached - INTENDED[who], "too little": INTENDED[who] - reached}
        if not differ:
            return
    assert not differ


def _address(namespace: str, app: str) -> str:
    running = "--field-selector=status.phase=Running"
    pods = listed("pods", "-n", namespace, "-l", f"app.kubernetes.io/name={app}", running)
    return str(pods[0]["status"]["podIP"])


def test_a_rolling_restart_under_load_drops_nothing(trained: None, visitors: dict[str, tuple[str, str]]) -> None:
    product.ready(HOME, "recommender", "recommender")
    before = {pod["metadata"]["uid"] for pod in _recommenders()}
    namespace, name = visitors["friend"]
    command = command_of("--namespace", namespace, "exec", name, "--", "python3", "-c", LOAD, ASKED, "60")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(3)
        kubectl("--namespace", "recommender", "rollout", "restart", "deployment/recommender")
        product.ready(HOME, "recommender", "recommender")
        answered, _ = load.communicate(timeout=180)
    answers = json.loads(answered)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in _recommenders())
    assert set(answers) == {"200"}
    assert answers["200"] > 100


def _recommenders() -> list[dict[str, Any]]:
    found = listed("pods", "-n", "recommender", "-l", "app.kubernetes.io/name=recommender")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
