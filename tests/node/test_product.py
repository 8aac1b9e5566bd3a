"""The objects of `local`, unchanged, on a real Kubernetes of one node, with PostgreSQL and moto in place of AWS."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from node import cloud, machine, product
from node.places import CLOUD_ADDRESS, DATABASE_ADDRESS, DNS_SERVICE, NODE

from tests.node.conftest import HOME, ROOT, command_of, described, inside, kubectl, listed
from tests.node.reach import Place, reaches

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


def test_a_database_server_that_logs_every_statement_never_sees_the_password(product_up: Nodes) -> None:
    (encoded,) = json.loads(kubectl("--namespace", "mlflow-database", "get", "secret", "login", "-o", "json"))[
        "data"
    ].values()
    password = base64.b64decode(encoded).decode()
    log = (HOME.run / "logs" / "database.log").read_text()
    assert "CREATE DATABASE mlflow" in log
    assert "SCRAM-SHA-256" in log
    assert password not in log


def test_the_loop_runs_in_a_pod_and_the_recommender_becomes_ready_with_its_model(trained: None) -> None:
    product.ready(HOME, "recommender", "recommender")
    for deployment in listed("deployments", "-n", "recommender"):
        assert deployment["status"]["readyReplicas"] == 1
    ask = "import urllib.request,sys; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    answer = json.loads(inside("recommender", "deploy/pipelines", "python", "-c", ask, ASKED))
    assert len(answer["recommendations"]) == 5
    assert not answer["cold"]
    assert answer["model"]["role"] == "champion"


PORTS = {"MLflow": 5000, "recommender": 8000, "worker": 9108, "database": 5432, "AWS": 443, "DNS": 53}
FIXED = {"database": DATABASE_ADDRESS, "AWS": CLOUD_ADDRESS, "DNS": DNS_SERVICE}
"""Addresses of what is no pod."""
LEAST_TRIES = 42


def test_the_packet_filter_lets_through_what_the_stacks_policies_and_grants_say_and_nothing_else(
    product_up: Nodes, trained: None, visitors: dict[str, tuple[str, str]]
) -> None:
    product.ready(HOME, "recommender", "recommender")
    policies = [one for one in product.manifests(product_up) if one["kind"] == "NetworkPolicy"]
    servers = {
        "MLflow": ("mlflow", "app.kubernetes.io/component=server"),
        "recommender": ("recommender", "app.kubernetes.io/name=recommender"),
        "worker": ("recommender", "app.kubernetes.io/name=pipelines"),
    }
    pods = {who: _running(namespace, "-l", labels) for who, (namespace, labels) in servers.items()}
    pods |= {
        who: json.loads(kubectl("-n", place, "get", "pod", name, "-o", "json"))
        for who, (place, name) in visitors.items()
    }
    labels = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in listed("namespaces")}
    places = {who: _place(pod, labels) for who, pod in pods.items()}
    targets = {who: places[who] for who in servers} | {who: Place(address=address) for who, address in FIXED.items()}
    # A pod always reaches itself, whatever a policy says.
    meant = {
        (who, target): reaches(policies, place, there, PORTS[target])
        for who, place in places.items()
        for target, there in targets.items()
        if who != target
    }
    assert len(meant) >= LEAST_TRIES
    accounts = {who: f"{places[who].namespace}/{pods[who]['spec']['serviceAccountName']}" for who in servers}
    granted = _accounts_with_rights()
    assert granted >= {*accounts.values()}
    assert all(meant[who, "AWS"] for who in servers)
    assert not meant["stranger", "MLflow"]
    assert not meant["stranger", "recommender"]
    assert meant["friend", "MLflow"]
    until = time.monotonic() + 60
    while (seen := _seen(pods, targets)) != meant and time.monotonic() < until:
        time.sleep(1)
    assert {tried: reached for tried, reached in seen.items() if reached != meant[tried]} == {}


def _seen(pods: dict[str, dict[str, Any]], targets: dict[str, Place]) -> dict[tuple[str, str], bool]:
    """What connections come about."""
    seen: dict[tuple[str, str], bool] = {}
    for who, pod in pods.items():
        tried = [target for target in targets if target != who]
        addresses = [f"{targets[target].address}:{PORTS[target]}" for target in tried]
        metadata = pod["metadata"]
        said = json.loads(inside(metadata["namespace"], f"pod/{metadata['name']}", "python3", "-c", TRIES, *addresses))
        seen |= {(who, target): reached for target, reached in zip(tried, said, strict=True)}
    return seen


def _place(pod: dict[str, Any], namespaces: dict[str, dict[str, str]]) -> Place:
    metadata = pod["metadata"]
    own = namespaces[metadata["namespace"]]
    return Place(
        address=pod["status"]["podIP"],
        namespace=metadata["namespace"],
        labels=metadata.get("labels", {}),
        namespace_labels=own,
    )


def _running(namespace: str, *selector: str) -> dict[str, Any]:
    found = listed("pods", "-n", namespace, *selector, "--field-selector=status.phase=Running")
    return next(pod for pod in found if "deletionTimestamp" not in pod["metadata"])


def _accounts_with_rights() -> set[str]:
    """Service accounts that something on AWS is granted to, as `mlops access` has them: `mlflow/mlflow`."""
    command = [sys.executable, "-m", "mlops.cli", "access", "-s", "local", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    principals = [right["principal"] for right in json.loads(done.stdout)["rights"]]
    return {one["name"] for one in principals if one["kind"] == "service account"}


def test_a_rolling_restart_under_load_drops_nothing(trained: None, visitors: dict[str, tuple[str, str]]) -> None:
    product.ready(HOME, "recommender", "recommender")
    before = {pod["metadata"]["uid"] for pod in _recommenders()}
    namespace, name = visitors["friend"]
    command = command_of("--namespace", namespace, "exec", name, "--", "python3", "-c", LOAD, ASKED, "40")
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


@pytest.fixture
def budgeted(product_up: Nodes) -> Iterator[None]:
    """Two MLflow servers under the disruption budget that `prod` gives them, on a node that takes no new pods."""
    budgets = [one for one in product.manifests(described("prod")) if one["kind"] == "PodDisruptionBudget"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": budgets})
    kubectl("apply", "-f", "-", given=text)
    kubectl("--namespace", "mlflow", "scale", "deployment/mlflow", "--replicas=2")
    product.ready(HOME, "mlflow", "mlflow")
    kubectl("cordon", NODE)
    yield
    kubectl("uncordon", NODE)
    kubectl("--namespace", "mlflow", "scale", "deployment/mlflow", "--replicas=1")
    kubectl("delete", "-f", "-", given=text)
    product.ready(HOME, "mlflow", "mlflow")


def test_a_drain_takes_one_server_and_waits_for_another_to_be_ready(budgeted: None) -> None:
    first, second = [pod["metadata"]["name"] for pod in _servers()]
    assert [budget["status"]["disruptionsAllowed"] for budget in listed("pdb", "-n", "mlflow")] == [1]
    _evict(first)
    with pytest.raises(machine.NodeError, match="would violate the pod's disruption budget"):
        _evict(second)
    kubectl("--namespace", "mlflow", "wait", "--for=condition=Ready", f"pod/{second}", "--timeout=1s")
    kubectl("uncordon", NODE)
    product.ready(HOME, "mlflow", "mlflow")
    _evict(second)
    product.ready(HOME, "mlflow", "mlflow")
    assert {first, second}.isdisjoint(pod["metadata"]["name"] for pod in _servers())


def _servers() -> list[dict[str, Any]]:
    found = listed("pods", "-n", "mlflow", "-l", "app.kubernetes.io/component=server")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _evict(name: str) -> None:
    """As `kubectl drain` asks for it."""
    metadata = {"name": name, "namespace": "mlflow"}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    path = f"/api/v1/namespaces/mlflow/pods/{name}/eviction"
    kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
