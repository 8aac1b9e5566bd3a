"""Whatever is wrong ends in one clear message and exit code 2: what was given, what is allowed, what to do."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Run, stack_file

TEMPLATE = """config:
  mlops:tier: prod
  mlops:platform: {platform}
"""


def refused(answer: Answer) -> str:
    """The one message of a command that refused its input."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.text
    assert "Unexpected" not in answer.text
    assert answer.err.startswith("Error: ")
    assert answer.out == ""
    return answer.err


OVERLAPPING = """{vpc_id: vpc-12345678, cidr: 10.0.0.0/16, zone_names: [us-east-1a, us-east-1b],
    private_subnets: {subnet-aaaaaaaa: 10.0.0.0/20, subnet-bbbbbbbb: 10.0.0.0/24}}"""

WRONG = {
    "unknown key": ("{network: {zoness: 3}}", ["network.zoness", 'Did you mean "zones"?', "nat"]),
    "wrong kind": (
        "{data_pipeline: {kind: kafkaa}}",
        ['data_pipeline.kind is "kafkaa"', "kafka, kinesis", "mlops modules"],
    ),
    "wrong type": ("{network: {zones: many}}", ['network.zones is "many"', "a whole number"]),
    "out of range": ("{network: {zones: 9}}", ["network.zones is 9", "at most 6"]),
    "CIDR too small": ("{network: {cidr: 10.0.0.0/26}}", ["10.0.0.0/26 is too small", "/16", "/22"]),
    "no CIDR": ("{network: {cidr: ten}}", ['network.cidr is "ten"; it must be a block of IPv4', "10.0.0.0/16"]),
    "overlapping CIDR": (f"{{network: {{existing: {OVERLAPPING}}}}}", ["10.0.0.0/20 and 10.0.0.0/24 overlap"]),
    "more zones than the region has": (
        "{region: us-west-1, network: {zones: 4}}",
        ["network.zones is 4", "us-west-1 has 2 availability zones", "at most 2"],
    ),
    "no such region": ("{region: mars-1}", ['region is "mars-1"', "us-east-1"]),
    "EKS version out of support": ('{cluster: {version: "1.27"}}', ['"1.27"', "1.35"]),
    "a cluster that is needed is left out": (
        "{cluster: null}",
        ["serving is kubernetes", "runs on a cluster", "cluster: {}"],
    ),
    "GPU group without GPU": (
        "{cluster: {node_groups: {g: {gpu: true, instance_types: [m7i.large]}}}}",
        ["cluster.node_groups.g", "m7i.large has no NVIDIA GPU", "g6.xlarge"],
    ),
    "settings that are no mapping": ("[1, 2]", ["mlops:platform must be a mapping"]),
    "settings that are encrypted": ("{secure: AAAA}", ["mlops:platform is encrypted", "Secrets Manager"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_setting_is_named_with_what_is_allowed(mlops: Run, project: Path, wrong: str) -> None:
    platform, expected = WRONG[wrong]
    stack_file(project, TEMPLATE.format(platform=platform))
    message = refused(mlops("validate", "-s", "qa"))
    assert "Pulumi.qa.yaml" in message
    for words in expected:
        assert words in message


def test_all_that_is_wrong_is_said_at_once(mlops: Run, project: Path) -> None:
    stack_file(project, TEMPLATE.format(platform="{network: {zones: 9, zoness: 1}, storage: {protct: true}}"))
    message = refused(mlops("validate", "-s", "qa"))
    assert all(words in message for words in ("network.zones ", "network.zoness", "storage.protct"))


def test_a_misspelt_key_that_pulumi_would_pass_over_is_refused(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  mlops:teir: prod\n")
    assert 'there is no key mlops:teir. Did you mean "tier"?' in refused(mlops("validate", "-s", "qa"))


def test_a_tier_that_there_is_not_is_refused(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  mlops:tier: prd\n")
    message = refused(mlops("validate", "-s", "qa"))
    assert 'mlops:tier is "prd"' in message
    assert '"prod"' in message


@pytest.mark.parametrize("command", ["validate", "plan", "access", "up", "destroy", "rehearse"])
def test_a_stack_without_a_file_is_answered_with_those_there_are(mlops: Run, command: str) -> None:
    message = refused(mlops(command, "-s", "prd"))
    assert 'no stack "prd"' in message
    assert "dev, local, prod, staging" in message
    assert "mlops init --stack prd" in message


@pytest.mark.parametrize("command", ["plan", "access", "up", "destroy", "rehearse"])
def test_a_command_that_needs_a_stack_says_which_there_are(mlops: Run, command: str) -> None:
    message = refused(mlops(command))
    assert "-s" in message
    assert "dev, local, prod, staging" in message


@pytest.mark.parametrize("text", ["config: [", "config:\n\t- x", "- just a list", "config: 3"])
def test_a_stack_file_that_is_no_mapping_in_yaml_is_refused_with_its_name(mlops: Run, project: Path, text: str) -> None:
    stack_file(project, text)
    assert "Pulumi.qa.yaml" in refused(mlops("validate", "-s", "qa"))


def test_a_syntax_error_is_shown_with_its_place(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  mlops:tier: [\n")
    message = refused(mlops("plan", "-s", "qa"))
    assert "is not YAML at line" in message


def test_a_folder_without_a_project_is_told_so(mlops: Run, tmp_path: Path) -> None:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    assert "There is no Pulumi.yaml" in refused(mlops("plan", "-s", "dev", cwd=empty))


def test_commands_work_from_a_folder_below_the_project(mlops: Run, project: Path) -> None:
    below = project / "docs" / "adr"
    below.mkdir(parents=True)
    assert mlops("validate", "-s", "local", cwd=below).code == 0


def test_without_a_stack_file_validate_says_how_to_make_one(mlops: Run, project: Path) -> None:
    for path in project.glob("Pulumi.*.yaml"):
        path.unlink()
    assert "mlops init" in refused(mlops("validate"))


def test_one_wrong_file_among_several_is_found_and_the_others_are_reported_as_good(mlops: Run, project: Path) -> None:
    stack_file(project, TEMPLATE.format(platform="{network: {zones: 9}}"))
    answer = mlops("validate")
    assert answer.code == 2
    assert answer.out.count("✓") == 4
    assert answer.err.count("Error: ") == 1


def test_validate_speaks_json_to_machines(mlops: Run, project: Path) -> None:
    stack_file(project, TEMPLATE.format(platform="{network: {zones: 9}}"))
    answer = mlops("validate", "--json")
    results = {result["stack"]: result for result in answer.json()["stacks"]}
    assert answer.code == 2
    assert results["prod"]["valid"]
    assert results["prod"]["tier"] == "prod"
    assert not results["qa"]["valid"]
    assert "network.zones is 9" in results["qa"]["problem"]


def test_an_unknown_option_or_command_is_answered_with_usage(mlops: Run) -> None:
    assert mlops("plan", "--stak", "dev").code == 2
    answer = mlops("plann")
    assert answer.code == 2
    assert "plan" in answer.err


@pytest.mark.parametrize("command", [("up", "-s", "local", "--infrastructure-only"), ("rehearse", "-s", "local")])
def test_without_pulumi_what_needs_it_says_so_and_plan_works(
    mlops: Run, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    without = ":".join(part for part in environment["PATH"].split(":") if not shutil.which("pulumi", path=part))
    message = refused(mlops(*command, PATH=without))
    assert "No pulumi CLI" in message
    assert "make setup" in message
    assert mlops("plan", "-s", "local", PATH=without).code == 0


def test_a_defect_of_the_program_is_one_message_that_says_how_to_see_more(mlops: Run, project: Path) -> None:
    (project / "__main__.py").write_text("raise ZeroDivisionError('of all things')\n")
    answer = mlops("plan", "-s", "local")
    assert answer.code == 1
    assert "Unexpected ZeroDivisionError: of all things" in answer.err
    assert "MLOPS_DEBUG=1 mlops plan -s local" in answer.err
    assert "Traceback" not in answer.text
    assert "Traceback" in mlops("plan", "-s", "local", MLOPS_DEBUG="1").err
