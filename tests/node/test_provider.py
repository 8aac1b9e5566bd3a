"""The real engine, the real Pulumi Kubernetes provider and a real node: readiness and deletion are waited for as in the
cloud. Nothing of it is the stand-in's own."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from node import product, recipes
from node.provider import NAME

from localcloud.engine import LocalCloud, LocalStack, Result
from mlops import toolchain
from tests.node.conftest import HOME, ROOT, described, listed, namespaces

pytestmark = [pytest.mark.long, pytest.mark.engine]

IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
READY_SECONDS = 6
Operation = Callable[[LocalStack], Result]


class Attached(LocalCloud):
    """The driver, with the real provider where its own would be."""

    port = ""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PULUMI_DEBUG_PROVIDERS": f"kubernetes:{self.port}"}


@contextmanager
def provider() -> Iterator[str]:
    """Its port. A process serves one operation: after that its context is cancelled."""
    path = os.pathsep.join((str(HOME.programs), os.environ.get("PATH", "")))
    binary = shutil.which(NAME, path=path)
    if binary is None:
        pytest.skip(f"{NAME} is neither on PATH nor in {HOME.programs}: `python -m node provider` in tools/ builds it.")
    # It tells its port, and speaks to the engine only when that asks.
    with subprocess.Popen([binary, "127.0.0.1:1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        try:
            assert run.stdout
            yield run.stdout.readline().strip()
        finally:
            run.kill()


@pytest.fixture
def operate(node: None, tmp_path: Path) -> Callable[[list[dict[str, Any]], Operation], Result]:
    """Run one operation of a stack of manifests."""

    def run(manifests: list[dict[str, Any]], operation: Operation) -> Result:
        with provider() as port, Attached(tmp_path / "cloud", pulumi=toolchain.find(ROOT).path) as cloud:
            cloud.port = port
            return operation(cloud.stack(lambda: _program(manifests), project="mlops", stack="node", config={}))

    return run


def _program(manifests: list[dict[str, Any]]) -> None:
    """Namespaces first, the rest after them; a minute for each to become ready."""
    node = kubernetes.Provider("node", kubeconfig=HOME.kubeconfig.read_text())
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


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_real_provider_makes_a_stacks_objects_finds_them_unchanged_and_deletes_them(
    operate: Callable[[list[dict[str, Any]], Operation], Result], stack: str
) -> None:
    # Pods want images and Secrets, which this stack of objects has not.
    waited_for = ("Job", "Deployment", "StatefulSet")
    manifests = [json.loads(json.dumps(made)) for made in product.manifests(described(stack))]
    objects = [made for made in manifests if made["kind"] not in waited_for]
    for made in objects:
        if made["kind"] == "Service":
            made["metadata"].setdefault("annotations", {})["pulumi.com/skipAwait"] = "true"
    before = namespaces()
    try:
        up = operate(objects, LocalStack.up)
        assert up.ok, up.failures
        assert up.counts["create"] >= len(objects)
        assert not operate(objects, LocalStack.up).changed
    finally:
        assert operate(objects, LocalStack.destroy).ok
    assert namespaces() == before
