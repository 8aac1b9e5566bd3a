"""`mlops up --cluster`: the Kubernetes half of a stack on this machine goes to a real API server."""

import copy
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.cli.local.tools import OWN, TOOLS
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


TOOL = """echo "$KIND_EXPERIMENTAL_PROVIDER $@ KUBECONFIG=$KUBECONFIG" >>{asked}
case "$*" in
  *create*) sed 's/: fake/: {context}/' {kubeconfig}.there >{kubeconfig} ;;
  *delete*) rm {kubeconfig} ;;
esac
"""
"""Makes a cluster by putting its context into the kubeconfig, as the real ones do when they have made it."""


@pytest.mark.parametrize(
    ("tool", "commands"),
    [
        ("kind", ("create cluster --name mlops --wait 120s", "delete cluster --name mlops")),
        ("k3d", ("cluster create mlops --wait --timeout 600s", "cluster delete mlops")),
    ],
)
def test_a_cluster_that_a_tool_made_for_the_stack_is_marked_and_taken_away_with_it_even_where_that_was_forgotten(
    mlops: Run, server: FakeApiServer, tmp_path: Path, engine: Path, tool: str, commands: tuple[str, str]
) -> None:
    kubeconfig, asked = server.kubeconfig, tmp_path / "asked"
    kubeconfig.rename(f"{kubeconfig}.there")
    executable(tmp_path / "bin" / "docker", "exit 0")
    script = TOOL.format(asked=asked, kubeconfig=kubeconfig, context=f"{tool}-mlops")
    executable(tmp_path / "bin" / tool, script)
    # The first of several is the one that is written to.
    there = {"KUBECONFIG": f"{kubeconfig}:/nowhere", "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    up = mlops(*UP, tool, **there)
    assert up.code == 0, up
    mark = server.objects["/api/v1/namespaces/kube-system/configmaps/mlops-platform"]
    assert mark["data"] == {"made-for": "local.mlops.qa", "made-by": tool}
    # As a process that was killed before it had noted anything would leave it.
    note = engine / ".local/stacks/qa/cluster.json"
    note.write_text(note.read_text().replace(f'"made_by": "{tool}"', '"made_by": ""'))
    assert mlops("destroy", "-s", "qa", "--yes", **there).code == 0
    assert asked.read_text().splitlines() == [f" {command} KUBECONFIG={kubeconfig}" for command in commands]


def test_what_the_tools_are_told_is_what_they_take() -> None:
    known = [tool for tool in TOOLS.values() if shutil.which(tool.name)]
    if not known:
        pytest.skip("neither kind nor k3d is on PATH.")
    for tool in known:
        for command in (tool.make, tool.delete, tool.load):
            given = [word for word in command if word.startswith("--")]
            words = list(itertools.takewhile(lambda word: not word.startswith("--") and word != OWN, command))
            said = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True).stdout
            # For a command that it does not know, a tool shows the help of the one above.
            assert re.search(rf"^\s+{' '.join(words)} ", said, re.MULTILINE), said
            assert [word for word in given if not re.search(rf"{word}\b", said)] == []
