"""`mlops plan` and `mlops access`, as they are read by people and by machines."""

import json
from pathlib import Path

from tests.cli.conftest import Run, stack_file


def test_a_plan_tells_modules_totals_protection_and_choices(mlops: Run) -> None:
    answer = mlops("plan", "-s", "prod")
    assert answer.code == 0
    head = answer.out.splitlines()[0]
    assert head.startswith("mlops/prod · tier prod · ")
    assert "resources in" in head
    for module in ("network", "storage", "cluster", "database", "data-pipeline", "ml-platform", "serving"):
        assert f"\n {module} " in answer.out
    assert "Protected: destroy refuses while these are" in answer.out
    assert "storage-raw" in answer.out
    assert "kind kafka" in answer.out


def test_what_the_stack_file_chose_is_marked(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  mlops:tier: local\n  mlops:platform:\n    network: {cidr: 10.40.0.0/16}\n")
    assert "cidr* 10.40.0.0/16" in mlops("plan", "-s", "qa").out


def test_the_json_of_a_plan_holds_every_node(mlops: Run) -> None:
    plan = mlops("plan", "-s", "prod", "--json").json()
    assert (plan["project"], plan["stack"], plan["tier"]) == ("mlops", "prod", "prod")
    nodes = {node["name"]: node for node in plan["nodes"]}
    subnet = nodes["network-private-1"]
    assert subnet["type"] == "aws:ec2/subnet:Subnet"
    assert subnet["urn"].endswith("::network-private-1")
    assert subnet["parent"].endswith("mlops:index:Network::network")
    assert subnet["inputs"]["cidrBlock"]
    assert any(urn.endswith("::network-vpc") for urn in subnet["dependencies"])
    assert nodes["storage-raw"]["protect"] is True


def test_a_plan_is_the_same_every_time(mlops: Run, tmp_path: Path) -> None:
    first, second = (mlops("plan", "-s", "dev", "--json", MLOPS_CACHE_DIR=str(tmp_path / name)).out for name in "ab")
    assert first == second


def test_a_plan_makes_nothing_but_its_cache(mlops: Run, project: Path) -> None:
    before = sorted(project.rglob("*"))
    assert mlops("plan", "-s", "local").code == 0
    assert sorted(project.rglob("*")) == before


def test_a_damaged_cache_is_silently_made_anew(mlops: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = mlops("plan", "-s", "local", MLOPS_CACHE_DIR=str(cache))
    (entry,) = cache.iterdir()
    whole = json.loads(entry.read_text())
    for damage in ("{", json.dumps({**whole, "entry": {"tier": "local"}})):
        entry.write_text(damage)
        again = mlops("plan", "-s", "local", MLOPS_CACHE_DIR=str(cache))
        assert (again.code, again.out, again.err) == (0, first.out, "")


def test_a_changed_stack_file_shows_in_the_next_plan(mlops: Run, project: Path) -> None:
    text = "config:\n  mlops:tier: local\n  mlops:platform: {network: {cidr: 10.41.0.0/16}}\n"
    stack_file(project, text)
    assert "10.41.0.0/16" in mlops("plan", "-s", "qa").out
    stack_file(project, text.replace("10.41", "10.42"))
    changed = mlops("plan", "-s", "qa").out
    assert "10.42.0.0/16" in changed
    assert "10.41.0.0/16" not in changed


def test_two_stacks_are_told_apart(mlops: Run) -> None:
    answer = mlops("plan", "-s", "prod", "--against", "dev")
    assert answer.code == 0
    assert answer.out.startswith("dev → prod · tier dev → prod · ")
    assert "Only in prod" in answer.out
    assert "instanceClass" in answer.out
    found = mlops("plan", "-s", "prod", "--against", "dev", "--json").json()
    assert {"version", "added", "removed", "changed"} == set(found)
    assert "data-pipeline-brokers" in {node["name"] for node in found["added"]}


def test_a_stack_against_itself_shows_no_difference(mlops: Run) -> None:
    answer = mlops("plan", "-s", "dev", "--against", "dev")
    assert "0 more, 0 fewer, 0 differences" in answer.out


def test_the_stack_may_come_from_the_environment_and_may_be_qualified(mlops: Run) -> None:
    assert mlops("plan", PULUMI_STACK="local").out.startswith("mlops/local")
    assert mlops("plan", "-s", "team/mlops/local").out.startswith("mlops/local")


def test_access_says_who_may_do_what_on_which_resource(mlops: Run) -> None:
    answer = mlops("access", "-s", "prod", "--who", "mlflow", "--on", "artifacts", "--actions")
    assert "Kubernetes service accounts" in answer.out
    assert "storage-artifacts (s3 Bucket)" in answer.out
    assert "GetObject" in answer.out


def test_access_for_machines_holds_principal_resource_and_every_action(mlops: Run) -> None:
    rights = mlops("access", "-s", "prod", "--json").json()["rights"]
    assert mlops("plan", "-s", "prod", "--access", "--json").json()["rights"] == rights
    (mlflow,) = [
        right for right in rights if "mlflow" in right["principal"]["name"] and right["resource"] == "storage-artifacts"
    ]
    assert mlflow["principal"]["kind"] == "service account"
    assert "s3:GetObject" in mlflow["actions"]


def test_long_rights_are_summed_up_until_every_action_is_asked_for(mlops: Run) -> None:
    short = mlops("access", "-s", "prod", "--who", "load-balancer").out
    assert "actions)" in short
    assert "actions)" not in mlops("access", "-s", "prod", "--who", "load-balancer", "--actions").out


def test_nobody_having_a_right_is_an_answer_as_well(mlops: Run) -> None:
    answer = mlops("access", "-s", "local", "--who", "nobody-of-that-name")
    assert answer.code == 0
    assert "No policy of this stack grants that" in answer.out
