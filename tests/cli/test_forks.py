"""A fork under another name: every command works, and nothing of the old name is left."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run, stack_file


@pytest.fixture
def fork(project: Path) -> Path:
    """The project as somebody else calls it."""
    file = project / "Pulumi.yaml"
    file.write_text(file.read_text().replace("name: mlops\n", "name: fraud\n"))
    return project


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "-s", "dev"),
        ("plan", "-s", "prod", "--against", "dev"),
        ("access", "-s", "dev"),
        ("cost", "-s", "dev", "--short"),
        ("capacity", "-s", "dev"),
        ("timeline", "-s", "dev"),
        ("policy", "-s", "dev"),
        ("schema",),
    ],
    ids=lambda command: command[0],
)
def test_every_command_works_under_another_name(mlops: Run, fork: Path, command: tuple[str, ...]) -> None:
    answer = mlops(*command)
    assert answer.code == 0, answer.err
    assert "mlops/" not in answer.out


def urns(plan: str) -> set[str]:
    return {node["urn"] for node in json.loads(plan)["nodes"]}


def test_a_fork_plans_the_same_platform_under_its_own_name(mlops: Run, fork: Path) -> None:
    forked = mlops("plan", "-s", "dev", "--json").out
    assert "fraud-dev" in forked
    assert "mlops-dev" not in forked
    (fork / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    assert urns(forked.replace("::fraud::", "::mlops::")) == urns(mlops("plan", "-s", "dev", "--json").out)


def test_init_writes_keys_of_the_projects_name(mlops: Run, fork: Path) -> None:
    assert mlops("init", "--stack", "qa", "--tier", "dev", "--set", "network.zones=3").code == 0
    text = (fork / "Pulumi.qa.yaml").read_text()
    assert "fraud:tier: dev" in text
    assert "mlops:" not in text
    assert mlops("validate", "-s", "qa").code == 0


def test_keys_with_and_without_the_projects_name_say_the_same(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  tier: dev\n  platform: {network: {zones: 3}}\n", "bare")
    stack_file(project, "config:\n  mlops:tier: dev\n  mlops:platform: {network: {zones: 3}}\n", "full")
    bare, full = (mlops("plan", "-s", name, "--json").json()["nodes"] for name in ("bare", "full"))
    assert [node["urn"].replace(":bare::", ":full::") for node in bare] == [node["urn"] for node in full]


def test_a_key_of_another_projects_name_is_told(mlops: Run, fork: Path) -> None:
    stack_file(fork, "config:\n  mlops:tier: dev\n")
    answer = mlops("validate", "-s", "qa")
    assert answer.code == 2
    assert 'Did you mean "fraud:tier"' in answer.text
