"""What is refused on the way, asked on the command line: `validate --from`, `diff` and `rehearse --from`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run, stack_file

START = "config:\n  mlops:tier: dev\n  mlops:platform: {account_baseline: null}\n"
MORE_NODES = START.replace("null}", "null, cluster: {node_groups: {models: {min_size: 3, max_size: 9}}}}")
OTHER_NETWORK = START.replace("null}", "null, network: {cidr: 10.77.0.0/16}}")


@pytest.fixture
def stacks(project: Path) -> Path:
    stack_file(project, START, "start")
    stack_file(project, MORE_NODES, "nodes")
    stack_file(project, OTHER_NETWORK, "moved")
    return project


@pytest.mark.usefixtures("stacks")
def test_settings_that_one_stack_cannot_come_to_from_another_are_refused_with_the_way_that_works(mlops: Run) -> None:
    assert mlops("validate", "-s", "nodes").code == 0
    answer = mlops("validate", "-s", "nodes", "--from", "start")
    assert answer.code == 2
    said = " ".join(answer.text.split())
    assert "Minimum capacity 3 can't be greater than desired size" in said
    assert "aws eks update-nodegroup-config" in said
    assert mlops("validate", "-s", "start", "--from", "start").code == 0


@pytest.mark.usefixtures("stacks")
def test_a_network_that_moves_is_refused_for_what_cannot_follow(mlops: Run) -> None:
    found = mlops("validate", "-s", "moved", "--from", "start", "--json").json()["stacks"]
    assert "different VPC" in found[0]["problem"]
    assert "not in the same Vpc" in found[0]["problem"]


@pytest.mark.usefixtures("stacks")
def test_where_a_stack_comes_from_is_asked_of_one_stack(mlops: Run) -> None:
    answer = mlops("validate", "--from", "start")
    assert answer.code == 2
    assert "name that stack with -s" in answer.text


@pytest.mark.engine
@pytest.mark.usefixtures("stacks")
def test_a_rehearsal_is_refused_what_aws_would_refuse(mlops: Run, engine: Path) -> None:
    answer = mlops("rehearse", "-s", "nodes", "--from", "start")
    assert answer.code == 1
    assert "Minimum capacity 3 can't be greater than desired size" in " ".join(answer.text.split())
