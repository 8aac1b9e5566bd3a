"""On a real Kubernetes of one node, brought up on this machine: `make test-node`. Long; it wants root on Linux and the
node's programs, and says what is lacking where it cannot run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from node import machine
from node.places import Home

from tests.cli.conftest import executable

pytestmark = [pytest.mark.long, pytest.mark.engine]

ROOT = Path(__file__).resolve().parents[2]
HOME = Home.found()
GIVEN = {"default", "kube-node-lease", "kube-public", "kube-system"}
Mlops = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> Iterator[None]:
    """The node. One that was up before stays up."""
    if why := machine.lacking(HOME):
        pytest.skip(" ".join(why))
    before = HOME.kubeconfig.exists()
    machine.up(HOME, lambda _: None)
    yield
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

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mlops.cli", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)

    return run


def kubectl(*arguments: str) -> str:
    return machine.kubectl(HOME, *arguments)


def listed(*arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(kubectl("get", *arguments, "-o", "json"))["items"]
    return items


def namespaces() -> set[str]:
    return {one["metadata"]["name"] for one in listed("namespaces")}


def test_the_node_is_ready_and_names_resolve_to_services(node: None) -> None:
    (one,) = listed("nodes")
    conditions = {condition["type"]: condition["status"] for condition in one["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert one["metadata"]["labels"]["mlops.platform/group"] == "system"


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_rehearsal_beside_somebody_elses_namespace_leaves_it_as_it_was(mlops: Mlops, theirs: str, stack: str) -> None:
    uid = json.loads(kubectl("get", "namespace", theirs, "-o", "json"))["metadata"]["uid"]
    done = mlops("rehearse", "-s", stack, "--kubeconfig", str(HOME.kubeconfig), "--yes")
    assert done.returncode == 0, done.stderr
    assert "went without a trace" in done.stdout
    assert namespaces() == GIVEN | {theirs}
    assert json.loads(kubectl("get", "namespace", theirs, "-o", "json"))["metadata"]["uid"] == uid
    assert kubectl("--namespace", theirs, "get", "configmap", "chapters", "-o", "jsonpath={.data.first}") == "written"


def test_a_namespace_of_a_stacks_name_is_refused_and_survives(mlops: Mlops, node: None) -> None:
    kubectl("create", "namespace", "mlflow")
    kubectl("--namespace", "mlflow", "create", "secret", "generic", "precious", "--from-literal", "a=b")
    try:
        done = mlops("rehearse", "-s", "dev", "--kubeconfig", str(HOME.kubeconfig), "--yes")
        assert done.returncode == 2
        assert 'holds Namespace "mlflow", which a rehearsal did not make' in done.stderr
        assert namespaces() == GIVEN | {"mlflow"}
        assert kubectl("--namespace", "mlflow", "get", "secret", "precious", "-o", "name") == "secret/precious\n"
    finally:
        kubectl("delete", "namespace", "mlflow")


def test_a_local_stack_goes_onto_the_cluster_only_where_that_is_marked_and_leaves_nothing(
    mlops: Mlops, theirs: str
) -> None:
    up = ("up", "-s", "local", "--infrastructure-only", "--cluster", "node")
    kubectl("--namespace", "kube-system", "delete", "configmap", "mlops-platform", "--ignore-not-found")
    refused = mlops(*up)
    assert refused.returncode == 2
    assert "is not marked as the platform's own" in refused.stderr
    kubectl("--namespace", "kube-system", "create", "configmap", "mlops-platform")
    try:
        assert mlops(*up).returncode == 0
        assert {"mlflow", "recommender", "models", theirs} <= namespaces()
        shown = mlops("local", "status", "--json")
        assert {"mlflow", "mlflow-database", "recommender"} == {
            pod["namespace"] for pod in json.loads(shown.stdout)["pods"]
        }
        again = mlops(*up)
        assert "No change" in again.stdout, again.stderr
        down = mlops("destroy", "-s", "local", "--yes")
        assert down.returncode == 0, down.stderr
        assert namespaces() == GIVEN | {theirs}
    finally:
        kubectl("--namespace", "kube-system", "delete", "configmap", "mlops-platform")
