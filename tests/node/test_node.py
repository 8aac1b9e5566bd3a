"""On a real Kubernetes of one node, brought up on this machine: `make test-node`. Long; it wants root on Linux and the
node's programs, and says what is lacking where it cannot run."""

import json

import pytest

from tests.node.conftest import HOME, Mlops, kubectl, listed, namespaces

pytestmark = [pytest.mark.long, pytest.mark.engine]

GIVEN = {"default", "kube-node-lease", "kube-public", "kube-system"}


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
