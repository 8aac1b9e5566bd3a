"""`mlops render`: the folder that Argo CD delivers from."""

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run, stack_file
from tests.cli.test_output import conforms

STACK = """config:
  aws:region: us-east-1
  tier: dev
  platform:
    delivery: {kind: argocd, repository: "https://git.example.com/ml/delivery.git"}
"""


@pytest.fixture
def state(mlops: Run, project: Path) -> Path:
    """A graph of a stack that hands its workloads over."""
    stack_file(project, STACK)
    file = project / "state.json"
    file.write_text(mlops("plan", "-s", "qa", "--json").out)
    return file


def test_every_object_is_a_file_and_one_that_went_is_removed(mlops: Run, project: Path, state: Path) -> None:
    to = project / "checkout"
    gone = to / "delivery" / "mlops-qa" / "recommender" / "1-manifest" / "v1-configmap-recommender-gone.yaml"
    other = to / "delivery" / "mlops-other" / "kept.yaml"
    for file in (gone, other):
        file.parent.mkdir(parents=True)
        file.write_text("kind: ConfigMap\n")
    answer = mlops("render", "-s", "qa", "--to", str(to), "--state", str(state), "--json")
    conforms(answer.json(), "render")
    found = answer.json()
    assert found["removed"] == [str(gone.relative_to(to))]
    assert {str(path.relative_to(to)) for path in to.rglob("*.yaml")} == {*found["files"], str(other.relative_to(to))}
    for path in found["files"]:
        manifest = yaml.safe_load((to / path).read_text())
        assert {"apiVersion", "kind", "metadata"} <= manifest.keys()
        assert manifest["kind"].lower() in path
        assert not [key for key in manifest if key.startswith("__")]
    again = mlops("render", "-s", "qa", "--to", str(to), "--state", str(state))
    assert f"Wrote {len(found['files'])} objects" in again.out
    assert "Removed" not in again.out


def test_a_stack_that_hands_nothing_over_is_told_so(mlops: Run, project: Path) -> None:
    file = project / "state.json"
    file.write_text(mlops("plan", "-s", "dev", "--json").out)
    answer = mlops("render", "-s", "dev", "--to", str(project / "out"), "--state", str(file))
    assert answer.code == 2
    assert "dev hands nothing over" in answer.err
    assert not (project / "out").exists()


def test_without_a_state_it_says_where_one_comes_from(mlops: Run, project: Path) -> None:
    answer = mlops("render", "-s", "dev", "--to", str(project / "out"))
    assert answer.code == 2
    assert "pulumi stack export --stack dev --file FILE" in answer.err


def test_it_writes_into_a_folder(mlops: Run, project: Path, state: Path) -> None:
    answer = mlops("render", "-s", "qa", "--to", str(state), "--state", str(state))
    assert answer.code == 2
    assert "is a file. Name a folder" in answer.err
