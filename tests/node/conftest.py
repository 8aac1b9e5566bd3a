"""The node for the tests that run on it, and what they ask it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from node import cloud, machine, product, recipes
from node.places import Home

from tests.cli.conftest import executable

ROOT = Path(__file__).resolve().parents[2]
HOME = Home.found()
Mlops = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> Iterator[None]:
    """The node. One that was up before stays up."""
    if why := machine.lacking(HOME):
        pytest.skip(" ".join(why))
    before = HOME.kubeconfig.exists()
    try:
        machine.up(HOME, lambda _: None)
        yield
    finally:
        if not before:
            machine.down(HOME)


@pytest.fixture
def theirs(node: None) -> Iterator[str]:
    """A namespace of somebody else's, with something in it."""
    kubectl("create", "namespace", "thesis")
    kubectl("--namespace", "thesis", "create", "configmap", "chapters", "--from-literal", "first=written")
    yield "thesis"
    kubectl("delete", "namespace", "thesis")


@pytest.fixture
def mlops(tmp_path: Path) -> Mlops:
    """Run the project's own stacks, from a copy of its folder."""
    for name in ("Pulumi.yaml", "__main__.py", *(path.name for path in ROOT.glob("Pulumi.*.yaml"))):
        (tmp_path / name).write_text((ROOT / name).read_text())
    executable(tmp_path / ".tools/pulumi/bin/pulumi", f'exec {ROOT}/.tools/pulumi/bin/pulumi "$@"')
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(HOME.kubeconfig)}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command, env = [sys.executable, "-m", "mlops.cli", *arguments], {**environment, **more}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=1800)

    return run


def kubectl(*arguments: str, given: str | None = None) -> str:
    return machine.kubectl(HOME, *arguments, given=given)


def command_of(*arguments: str) -> list[str]:
    return machine.kubectl_command(HOME, *arguments)


def inside(namespace: str, pod: str, *command: str) -> str:
    """What a command in a pod says."""
    return kubectl("--namespace", namespace, "exec", pod, "--", *command)


def listed(*arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(kubectl("get", *arguments, "-o", "json"))["items"]
    return items


def namespaces() -> set[str]:
    return {one["metadata"]["name"] for one in listed("namespaces")}


def described(stack: str) -> list[dict[str, Any]]:
    """The resources of one of the project's stacks, as it is planned."""
    command = [sys.executable, "-m", "mlops.cli", "plan", "-s", stack, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    nodes: list[dict[str, Any]] = json.loads(done.stdout)["nodes"]
    return nodes


@contextmanager
def product_of(stack: str) -> Iterator[list[dict[str, Any]]]:
    """The objects of a stack on the node, with images, PostgreSQL and moto: what the stack is made of."""
    if why := [*recipes.lacking(), *cloud.lacking(ROOT)]:
        pytest.skip(" ".join(why))
    nodes = described(stack)
    wanted = product.images(nodes)
    archives = recipes.make(HOME, wanted, ROOT)
    recipes.load(HOME, archives)
    recipes.name(HOME, wanted, archives)
    cloud.up(HOME, nodes, ROOT)
    try:
        product.up(HOME, nodes, lambda _: None)
        yield nodes
    finally:
        product.down(HOME, nodes)


@pytest.fixture(scope="module")
def product_up(node: None) -> Iterator[list[dict[str, Any]]]:
    """The objects of `local` on the node."""
    with product_of("local") as nodes:
        yield nodes
