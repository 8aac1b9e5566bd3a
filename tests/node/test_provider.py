"""The real engine, the real Pulumi Kubernetes provider and a real node: readiness and deletion are waited for as in the
cloud. Nothing of it is the stand-in's own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from node import recipes
from node.provider import NAME

from localcloud.api_client import ApiClient
from localcloud.api_server import RealApiServer
from localcloud.engine import LocalCloud, LocalStack, Result
from mlops import toolchain
from tests.node.conftest import HOME, ROOT, Mlops, kubectl, listed, namespaces

pytestmark = [pytest.mark.long, pytest.mark.engine]

IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
READY_SECONDS = 6
Operation = Callable[[LocalStack], Result]


@pytest.fixture(scope="module")
def plugin(node: None) -> Path:
    path = os.pathsep.join((str(HOME.programs), os.environ.get("PATH", "")))
    found = shutil.which(NAME, path=path)
    if found is None:
        pytest.skip(f"{NAME} is neither on PATH nor in {HOME.programs}: `python -m node provider` in tools/ builds it.")
    return Path(found)


@pytest.fixture
def operate(plugin: Path, tmp_path: Path) -> Iterator[Callable[[list[dict[str, Any]], Operation], Result]]:
    """Run one operation of a stack of manifests."""
    server = RealApiServer(ApiClient(HOME.kubeconfig), "test.provider", plugin)
    with LocalCloud(tmp_path / "cloud", pulumi=toolchain.find(ROOT).path, api_server=server) as cloud:

        def run(manifests: list[dict[str, Any]], operation: Operation) -> Result:
            return operation(cloud.stack(lambda: _program(manifests), project="mlops", stack="node", config={}))

        yield run


def _program(manifests: list[dict[str, Any]]) -> None:
    """Namespaces first, the rest after them; a minute for each to become ready."""
    # Without a kubeconfig: the cluster is the API server's that the cloud was opened with.
    node = kubernetes.Provider("node")
    limits = pulumi.CustomTimeouts(create="60s", update="60s", delete="120s")
    before: list[pulumi.Resource] = []
    for number, made in enumerate(manifests):
        group = made["apiVersion"] if "/" in made["apiVersion"] else f"core/{made['apiVersion']}"
        options = pulumi.ResourceOptions(provider=node, custom_timeouts=limits, depends_on=list(before))
        name = f"{made['kind']}-{number}"
        resource = pulumi.CustomResource(f"kubernetes:{group}:{made['kind']}", name, {**made}, options)
        if made["kind"] == "Namespace":
            before.append(resource)


def _server(ready_after: int) -> dict[str, Any]:
    """A Deployment whose pod is ready some seconds after its start."""
    seen = ["sh", "-c", "test -e /tmp/ready"]
    container = {
        "name": "server",
        "image": IMAGE,
        "command": ["sh", "-c", f"sleep {ready_after}; touch /tmp/ready; sleep infinity"],
        "readinessProbe": {"exec": {"command": seen}, "periodSeconds": 1},
    }
    labels = {"app": "server"}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": "server", "namespace": "provided"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "provided"}}


@pytest.fixture
def image(node: None) -> None:
    if why := recipes.lacking():
        pytest.skip(" ".join(why))
    recipes.load(HOME, recipes.make(HOME, [IMAGE], ROOT))


def test_an_up_waits_until_pods_are_ready_and_a_destroy_until_they_are_gone(
    image: None, operate: Callable[[list[dict[str, Any]], Operation], Result]
) -> None:
    manifests = [SPACE, _server(READY_SECONDS)]
    up = operate(manifests, LocalStack.up)
    assert up.ok, up.failures
    assert up.seconds > READY_SECONDS
    (server,) = listed("deployments", "-n", "provided")
    assert server["status"]["readyReplicas"] == 1
    assert not operate(manifests, LocalStack.up).changed
    assert operate(manifests, LocalStack.destroy).ok
    assert "provided" not in namespaces()


def test_a_pod_that_never_becomes_ready_fails_the_up_with_the_reason(
    image: None, operate: Callable[[list[dict[str, Any]], Operation], Result]
) -> None:
    manifests = [SPACE, _server(3600)]
    try:
        (failure,) = operate(manifests, LocalStack.up).failures
        assert "server" in failure.message
        assert "timed out" in failure.message
    finally:
        assert operate(manifests, LocalStack.destroy).ok
    assert "provided" not in namespaces()


def test_what_is_there_already_is_refused_and_stays(
    operate: Callable[[list[dict[str, Any]], Operation], Result],
) -> None:
    kubectl("create", "namespace", "provided")
    kubectl("--namespace", "provided", "create", "configmap", "precious")
    try:
        (failure,) = operate([SPACE], LocalStack.up).failures
        assert 'Namespace "provided" already exists' in failure.message
        assert operate([SPACE], LocalStack.destroy).ok
        assert kubectl("--namespace", "provided", "get", "configmap", "precious", "-o", "name")
    finally:
        kubectl("delete", "namespace", "provided")


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_real_provider_makes_a_stacks_objects_finds_them_unchanged_and_deletes_them(
    plugin: Path, mlops: Mlops, theirs: str, stack: str
) -> None:
    before = namespaces()
    path = os.pathsep.join((str(plugin.parent), os.environ["PATH"]))
    done = mlops("rehearse", "-s", stack, "--kubeconfig", str(HOME.kubeconfig), "--yes", PATH=path)
    assert done.returncode == 0, done.stderr
    assert f"The Kubernetes provider makes and deletes them ({plugin})" in done.stderr
    assert "went without a trace" in done.stdout
    assert namespaces() == before
