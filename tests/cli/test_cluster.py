"""`mlops up --cluster`: the Kubernetes half of a stack on this machine goes to a real API server."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, executable, stack_file
from tests.cli.test_real_server import CLUSTER_ALONE
from tests.localcloud.fake_api_server import FakeApiServer, serving

pytestmark = pytest.mark.engine

UP = ("up", "-s", "qa", "--infrastructure-only", "--cluster")


@pytest.fixture
def server(tmp_path: Path, engine: Path) -> Iterator[FakeApiServer]:
    stack_file(engine, CLUSTER_ALONE)
    with serving(tmp_path) as fake:
        fake.make("Namespace", "thesis")
        yield fake


def test_a_stack_goes_onto_a_marked_cluster_and_leaves_it_as_it_was(mlops: Run, server: FakeApiServer) -> None:
    there = {"KUBECONFIG": str(server.kubeconfig)}
    unmarked = mlops(*UP, "fake", **there)
    assert unmarked.code == 2
    assert "kubectl --context fake -n kube-system create configmap mlops-platform" in unmarked.err
    assert server.sent == []
    server.make("ConfigMap", "mlops-platform", "kube-system")
    before = copy.deepcopy(server.objects)
    up = mlops(*UP, "fake", **there)
    assert up.code == 0, up
    assert "The objects are on cluster fake as well" in up.out
    labels = [one["metadata"]["labels"] for path, one in server.objects.items() if path not in before]
    assert {one["mlops.platform/made-by"] for one in labels} == {"local.mlops.qa"}
    elsewhere = mlops(*UP, "other", **there)
    assert elsewhere.code == 2
    assert "qa is on cluster fake. Destroy it there" in elsewhere.err
    assert mlops("destroy", "-s", "qa", "--yes").code == 0
    assert server.objects == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((*UP, "kind"), "--cluster kind needs kind, which is not on PATH"),
        ((*UP, "nowhere"), 'has no context "nowhere"; it has: fake'),
        (("up", "-s", "dev", "--cluster", "fake"), "add --here"),
    ],
)
def test_a_cluster_that_cannot_be_had_is_said_before_anything_is_made(
    mlops: Run, server: FakeApiServer, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    executable(tmp_path / "empty" / "true", "exit 0")
    answer = mlops(*arguments, KUBECONFIG=str(server.kubeconfig), PATH=str(tmp_path / "empty"))
    assert answer.code == 2
    assert expected in answer.text
    assert server.sent == []
