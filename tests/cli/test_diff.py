"""`mlops diff`: a small repository, a change in it, and what a reviewer is told."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Run, stack_file
from tests.cli.test_output import conforms

SMALL = "config:\n  mlops:tier: local\n  mlops:platform: {network: {cidr: 10.50.0.0/16}}\n"
WITHOUT_STREAM = SMALL.replace("{network", "{data_pipeline: null, network")
LOST = {"resource": "data-pipeline-stream", "change": "delete", "reason": "Nobody reads it.", "expires": "2026-12-31"}


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(project: Path) -> Path:
    """The project in a repository of its own, with one small stack committed."""
    stack_file(project, SMALL)
    git(project, "init", "--initial-branch=main")
    git(project, "add", ".")
    git(project, "commit", "--message", "start")
    return project


def acknowledge(project: Path, **changes: str | None) -> None:
    entry = {key: value for key, value in {**LOST, **changes}.items() if value is not None}
    (project / "acknowledged.yaml").write_text(json.dumps([entry]))


def refused(answer: Answer) -> str:
    """The message of a command that could not use its input, on one line."""
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.err
    return " ".join(answer.err.split())


@pytest.mark.usefixtures("repository")
def test_without_a_change_nothing_changes(mlops: Run) -> None:
    answer = mlops("diff", "-s", "qa", "--base", "main")
    assert answer.code == 0
    assert answer.out.startswith("qa: nothing changes\nBase: main (")


def test_a_change_that_costs_data_ends_with_4_and_says_what_and_what_else(mlops: Run, repository: Path) -> None:
    stack_file(repository, WITHOUT_STREAM)
    answer = mlops("diff", "-s", "qa", "--base", "HEAD")
    assert answer.code == 4
    assert "Data would be lost" in answer.out
    assert "data-pipeline-stream (kinesis Stream): delete" in answer.out
    assert "the records that are not consumed yet" in answer.out
    assert "Instead: " in answer.out
    assert "with uncommitted changes" in answer.out


def test_a_change_without_loss_ends_with_0(mlops: Run, repository: Path) -> None:
    stack_file(repository, SMALL.replace("{network", "{tags: {owner: somebody}, network"))
    answer = mlops("diff", "-s", "qa", "--base", "HEAD")
    assert answer.code == 0
    assert "No resource that holds data is replaced or deleted." in answer.out


def test_an_acknowledged_loss_may_happen(mlops: Run, repository: Path) -> None:
    stack_file(repository, WITHOUT_STREAM)
    found = mlops("diff", "-s", "qa", "--base", "HEAD", "--json").json()
    conforms(found, "diff")
    entries = [{**LOST, "resource": name} for name in found["blocking"]]
    (repository / "acknowledged.yaml").write_text(json.dumps(entries))
    answer = mlops("diff", "-s", "qa", "--base", "HEAD")
    assert answer.code == 0, answer.text
    assert "acknowledged until 2026-12-31: Nobody reads it." in answer.out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reason": None}, "acknowledged.yaml, entry 1 (data-pipeline-stream): reason is missing."),
        ({"expires": "2026-01-31"}, "the entry for data-pipeline-stream expired on 2026-01-31."),
        ({"resource": "data-pipeline-steam"}, 'Did you mean "data-pipeline-stream"?'),
    ],
)
def test_an_acknowledgement_that_does_not_hold_is_refused(
    mlops: Run, repository: Path, changes: dict[str, str | None], message: str
) -> None:
    stack_file(repository, WITHOUT_STREAM)
    acknowledge(repository, **changes)
    assert message in refused(mlops("diff", "-s", "qa", "--base", "HEAD"))


def test_the_json_holds_every_change_with_its_danger(mlops: Run, repository: Path) -> None:
    stack_file(repository, WITHOUT_STREAM)
    answer = mlops("diff", "-s", "qa", "--base", "HEAD", "--json")
    assert answer.code == 4
    found = answer.json()
    assert found["stack"] == "qa"
    assert "data-pipeline-stream" in found["blocking"]
    (lost,) = [change for change in found["changes"] if change["resource"] == "data-pipeline-stream"]
    assert (lost["change"], lost["danger"], lost["acknowledged"]) == ("delete", "data loss", None)
    assert found["counts"]["delete"] == sum(change["change"] == "delete" for change in found["changes"])


def test_the_markdown_is_a_comment_for_a_pull_request(mlops: Run, repository: Path) -> None:
    stack_file(repository, WITHOUT_STREAM)
    answer = mlops("diff", "-s", "qa", "--base", "HEAD", "--markdown")
    assert answer.code == 4
    assert answer.out.startswith("### ⛔ `qa`: ")
    assert "| `data-pipeline-stream` (kinesis Stream) | delete |" in answer.out
    assert "<details>" in answer.out


def test_nothing_is_left_in_the_repository_and_what_was_there_stays(mlops: Run, repository: Path) -> None:
    stack_file(repository, WITHOUT_STREAM)
    before = {path: path.read_bytes() for path in sorted(repository.rglob("*")) if path.is_file()}
    assert mlops("diff", "-s", "qa", "--base", "HEAD").code == 4
    assert {path: path.read_bytes() for path in sorted(repository.rglob("*")) if path.is_file()} == before


def test_an_export_of_the_deployed_stack_is_a_base_as_well(mlops: Run, project: Path) -> None:
    stack_file(project, SMALL)
    (project / "before.json").write_text(mlops("plan", "-s", "qa", "--json").out)
    assert mlops("diff", "-s", "qa", "--state", "before.json").out.startswith("qa: nothing changes")
    stack_file(project, WITHOUT_STREAM)
    assert mlops("diff", "-s", "qa", "--state", "before.json").code == 4


def test_a_folder_that_is_no_repository_is_told_so(mlops: Run) -> None:
    message = refused(mlops("diff", "-s", "dev", "--base", "main"))
    assert "is not in a git repository" in message
    assert "--state FILE" in message


@pytest.mark.usefixtures("repository")
def test_a_revision_that_does_not_exist_is_told_so(mlops: Run) -> None:
    message = refused(mlops("diff", "-s", "qa", "--base", "origin/main"))
    assert 'there is no revision "origin/main"' in message
    assert "git fetch origin" in message


def test_a_base_that_does_not_plan_says_why(mlops: Run, repository: Path) -> None:
    stack_file(repository, SMALL.replace("local", "lokal"))
    git(repository, "commit", "--all", "--message", "broken")
    stack_file(repository, SMALL)
    message = refused(mlops("diff", "-s", "qa", "--base", "HEAD"))
    assert "qa cannot be planned there" in message
    assert 'mlops:tier is "lokal". Did you mean "local"?' in message


def test_a_stack_that_the_base_does_not_have_is_told_so(mlops: Run, repository: Path) -> None:
    stack_file(repository, SMALL, name="new")
    assert 'There is no stack "new"' in refused(mlops("diff", "-s", "new", "--base", "HEAD"))


def test_a_base_is_needed_where_nothing_runs(mlops: Run) -> None:
    message = refused(mlops("diff", "-s", "dev"))
    assert "dev does not run on this machine" in message
    assert "--base REV" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "HEAD", "--state", "x.json"), "cannot both be the base"),
        (("--state", "nowhere.json"), "nowhere.json cannot be read"),
        (("--state", "Pulumi.yaml"), "Pulumi.yaml is not JSON"),
        (("--base", "HEAD", "--acknowledged", "nowhere.yaml"), "--acknowledged nowhere.yaml: there is no such file."),
        (("--base", ""), 'there is no revision ""'),
        (("--base", "--help-me"), "there is no revision"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_options_that_cannot_be_used_are_refused_in_a_sentence(
    mlops: Run, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(mlops("diff", "-s", "qa", *arguments))


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_what_runs_on_this_machine_is_the_base_when_none_is_named(mlops: Run, project: Path) -> None:
    stack_file(project, SMALL)
    assert mlops("up", "-s", "qa", "--here", "--infrastructure-only").code == 0
    same = mlops("diff", "-s", "qa")
    assert (same.code, same.out.splitlines()[0]) == (0, "qa: nothing changes"), same.text
    stack_file(project, WITHOUT_STREAM)
    assert mlops("diff", "-s", "qa").code == 4
    stack_file(project, SMALL)
    assert mlops("destroy", "-s", "qa", "--here", "--yes").code == 0
