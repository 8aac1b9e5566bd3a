"""`mlops up -s local --cluster`: one command, and the services and the loop run in the pods of a real Kubernetes."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node import images as archives
from node import product, recipes
from node.provider import NAME

from localcloud import emulated_aws
from tests.node.conftest import HOME, ROOT, Mlops, described, kubectl, listed, namespaces

pytestmark = [pytest.mark.long, pytest.mark.engine]


@pytest.fixture
def images(node: None) -> None:
    """Those of the stack and of the emulated AWS, handed to the node: there is no registry here."""
    if why := recipes.lacking():
        pytest.skip(" ".join(why))
    wanted = {*product.images(described("local")), emulated_aws.MOTO, emulated_aws.POSTGRES}
    recipes.load(HOME, recipes.make(HOME, sorted(wanted), ROOT))


@pytest.fixture
def marked(node: None) -> Iterator[None]:
    kubectl("--namespace", "kube-system", "create", "configmap", "mlops-platform")
    yield
    kubectl("--namespace", "kube-system", "delete", "configmap", "mlops-platform")


@contextmanager
def recommender_of_another_build() -> Iterator[None]:
    """The recommender's image as somebody's tree has it who changed what it writes, under the same name and tag."""
    (name,) = (one for one in product.images(described("local")) if "/recommender:" in one)
    (own,) = recipes.make(HOME, [name], ROOT)
    _restarted(recipes.changed(HOME, name, "echo '# changed' >>/app/recommender/impressions.py"))
    yield
    _restarted(own)


def _restarted(archive: Path) -> None:
    archives.load(archive)
    kubectl("--namespace", "recommender", "rollout", "restart", "deployment/recommender")
    product.ready(HOME, "recommender", "recommender")


@pytest.mark.parametrize("waits", [True, False], ids=["real provider", "server-side apply"])
def test_one_command_runs_the_loop_in_pods_and_destroy_leaves_nothing(
    images: None, marked: None, mlops: Mlops, theirs: str, waits: bool
) -> None:
    if waits and not (HOME.programs / NAME).exists():
        pytest.skip(f"{NAME} is not built: `python -m node provider` in tools/.")
    before = namespaces()
    path = os.pathsep.join([str(HOME.programs)] * waits + [os.environ["PATH"]])
    try:
        up = mlops("up", "-s", "local", "--cluster", "node", "--json", PATH=path)
        assert up.returncode == 0, up.stderr
        services = json.loads(up.stdout)["services"]
        assert services["trained"]
        assert services["answer"]["model"]["role"] == "champion"
        assert len(services["answer"]["recommendations"]) == 5
        status = mlops("local", "status", "--json")
        assert status.returncode == 0
        shown = json.loads(status.stdout)["pods"]
        assert {pod["namespace"] for pod in shown} == {
            "mlflow",
            "mlflow-database",
            "recommender",
            emulated_aws.NAMESPACE,
        }
        assert all(pod["ready"] for pod in shown)
        again = mlops("up", "-s", "local", "--json", PATH=path)
        assert not json.loads(again.stdout)["changed"], again.stderr
        assert not json.loads(again.stdout)["services"]["trained"]
        assert mlops("local", "run-loop").returncode == 0
        with recommender_of_another_build():
            refused = mlops("local", "run-loop")
        assert refused.returncode == 1
        assert "On cluster node the images are of two builds: recommender " in refused.stderr
        assert "`make images` makes both of one tree" in refused.stderr
        assert mlops("local", "run-loop").returncode == 0
    finally:
        down = mlops("destroy", "-s", "local", "--yes", PATH=path)
    assert down.returncode == 0, down.stderr
    assert namespaces() == before
    assert not [
        one for one in listed("storageclasses") if "mlops.platform/made-by" in one["metadata"].get("labels", {})
    ]
