"""`mlops doctor`: what is there, what is missing, how to mend it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlops import toolchain
from mlops.cli import credentials
from tests.cli.conftest import Answer, Run, executable


def checks(answer: Answer) -> dict[str, dict[str, Any]]:
    """The checks by name; of several quotas, the last."""
    return {check["name"]: check for check in answer.json()["checks"]}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A PATH with nothing on it but what every system has."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name in ("sh", "cat", "echo"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return {"PATH": str(folder)}


def test_what_is_missing_comes_with_the_fix(mlops: Run, bare: dict[str, str]) -> None:
    answer = mlops("doctor", "--json", **bare)
    found = checks(answer)
    assert answer.code == 1
    assert found["pulumi"]["verdict"] == "missing"
    assert "make setup" in found["pulumi"]["fix"]
    for name in ("uv", "aws", "AWS credentials", "pulumi for Python"):
        assert found[name]["verdict"] == "deploy", name
        assert found[name]["fix"], name
    for name in ("git", "kubectl"):
        assert found[name]["verdict"] == "optional", name
        assert found[name]["fix"], name
    assert found["Python"]["verdict"] == "ok"


def test_people_see_marks_and_the_fix_below(mlops: Run, bare: dict[str, str]) -> None:
    answer = mlops("doctor", **bare)
    assert answer.code == 1
    assert "✗ pulumi" in answer.out
    assert "✓ Python" in answer.out
    assert "- git" in answer.out
    assert "https://git-scm.com" in answer.out
    assert "! aws" in answer.out
    assert "! is needed to deploy to AWS; plans and rehearsals work without it." in answer.out


def test_what_a_deployment_needs_is_missing_once_aws_is_asked(mlops: Run, bare: dict[str, str], tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "pulumi", "echo v3.300.0")
    offline, online = mlops("doctor", "--json", **bare), mlops("doctor", "--online", "--json", **bare)
    assert (offline.code, online.code) == (0, 1)
    assert {name for name, check in checks(online).items() if check["verdict"] == "missing"} == {
        "pulumi for Python",
        "uv",
        "aws",
        "AWS account",
    }


@pytest.mark.parametrize(
    ("says", "verdict"),
    [
        ("aws-cli/2.7.0 Python/3.9.11 Linux", "ok"),
        ("aws-cli/2.6.9 Python/3.9.11 Linux", "deploy"),
        ("aws-cli/1.24.0 Python/3.9.11 Linux", "ok"),
        ("aws-cli/1.23.13 Python/3.9.11 Linux", "deploy"),
        ("something else", "deploy"),
    ],
)
def test_the_aws_cli_must_be_one_that_pulumi_eks_takes(
    mlops: Run, bare: dict[str, str], tmp_path: Path, says: str, verdict: str
) -> None:
    executable(tmp_path / "bin" / "aws", f"echo {says}")
    found = checks(mlops("doctor", "--json", **bare))["aws"]
    assert (found["verdict"], found["found"]) == (verdict, says)
    assert verdict == "ok" or "1.24.0 or 2.7.0 or newer" in found["fix"]


def test_tools_of_set_up_that_path_does_not_lead_to_are_told_with_what_to_run(
    mlops: Run, project: Path, bare: dict[str, str]
) -> None:
    executable(project / ".tools" / "pulumi" / "bin" / "pulumi", "echo v3.300.0")
    uv = executable(project / ".tools" / "uv" / "bin" / "uv", "echo uv 0.9.1")
    found = checks(mlops("doctor", "--json", **bare))
    assert found["uv"]["found"] == str(uv)
    for name in ("uv", "pulumi"):
        assert found[name]["verdict"] == "ok"
        assert ". .venv/bin/activate" in found[name]["fix"]
        (project / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        toolchain.link(project, name, project / ".tools" / name / "bin" / name)
    activated = checks(mlops("doctor", "--json", PATH=f"{project / '.venv' / 'bin'}:{bare['PATH']}"))
    for name in ("uv", "pulumi"):
        assert activated[name] == {**found[name], "fix": ""}


def test_what_is_there_is_told_with_its_version(mlops: Run, bare: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    executable(folder / "pulumi", "echo v3.300.0")
    executable(folder / "pulumi-language-python", "")
    executable(folder / "uv", "echo uv 0.9.30")
    executable(folder / "git", "echo git version 2.50")
    executable(folder / "aws", "echo aws-cli/2.15.0")
    answer = mlops("doctor", "--json", **bare, AWS_ACCESS_KEY_ID="AKIAEXAMPLE")
    found = checks(answer)
    assert answer.code == 0
    assert "3.300.0" in found["pulumi"]["found"]
    assert found["git"]["found"] == "git version 2.50"
    assert found["AWS credentials"]["found"] == "access key in the environment"
    present = ("pulumi", "pulumi for Python", "uv", "aws", "git", "AWS credentials")
    assert {found[name]["verdict"] for name in present} == {"ok"}


AWS = """case "$1" in
--version) echo aws-cli/2.15.0 ;;
sts) echo '{"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ci"}' ;;
service-quotas) case "$*" in
  *L-0263D0A3*) echo '{"Quota": {"Value": 1.0}}' ;;
  *L-1194D53C*) echo "AccessDenied" >&2; exit 254 ;;
  *) echo '{"Quota": {"Value": 1000.0}}' ;;
  esac ;;
esac"""


def test_online_holds_the_quotas_of_the_account_against_the_plan(
    mlops: Run, bare: dict[str, str], tmp_path: Path
) -> None:
    executable(tmp_path / "bin" / "pulumi", "echo v3.300.0")
    executable(tmp_path / "bin" / "aws", AWS)
    answer = mlops("doctor", "--online", "-s", "prod", "--json", **bare)
    rows = answer.json()["checks"]
    account = next(row for row in rows if row["name"] == "AWS account")
    assert account["found"] == "111122223333 as arn:aws:iam::111122223333:user/ci"
    quotas = [row for row in rows if row["name"] == "Quota"]
    short = [row for row in quotas if row["verdict"] == "missing"]
    assert answer.code == 1
    assert [row["found"] for row in short] == [
        "EC2-VPC Elastic IPs: this stack takes up to 3, the account may have 1 in all"
    ]
    assert "request-service-quota-increase --service-code ec2 --quota-code L-0263D0A3" in short[0]["fix"]
    assert any(row["found"] == "Clusters: not known (AccessDenied)" for row in quotas)
    assert any("vCPU" in row["found"] and row["verdict"] == "ok" for row in quotas)


def test_online_without_credentials_or_without_the_aws_command_says_so(
    mlops: Run, bare: dict[str, str], tmp_path: Path
) -> None:
    assert "no aws command" in checks(mlops("doctor", "--online", "--json", **bare))["AWS account"]["found"]
    executable(tmp_path / "bin" / "aws", "echo Unable to locate credentials >&2; exit 253")
    found = checks(mlops("doctor", "--online", "--json", **bare))["AWS account"]
    assert found["verdict"] == "missing"
    assert found["found"] == "Unable to locate credentials"


@pytest.fixture
def no_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No AWS variable is set, and both files are the test's own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_no_file_and_no_variable_means_no_credentials(no_aws: Path) -> None:
    assert credentials.found() is None


@pytest.mark.parametrize(
    ("file", "text", "profile"),
    [
        ("credentials", "[default]\naws_access_key_id = AKIA\n", None),
        ("config", "[default]\nsso_session = company\n", None),
        ("config", "[profile team]\nrole_arn = arn:aws:iam::1:role/x\n", "team"),
        ("credentials", "[team]\ncredential_process = vault\n", "team"),
    ],
)
def test_a_profile_that_says_where_its_credentials_come_from_counts(
    no_aws: Path, file: str, text: str, profile: str | None
) -> None:
    (no_aws / file).write_text(text)
    assert credentials.found(profile) == f"profile {profile or 'default'}"


def test_a_profile_with_a_region_alone_does_not_count(no_aws: Path) -> None:
    (no_aws / "config").write_text("[default]\nregion = eu-west-1\n")
    assert credentials.found() is None


def test_the_profile_of_the_environment_is_the_one_looked_for(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_aws / "config").write_text("[default]\nsso_session = company\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert credentials.found() is None


def test_a_file_that_cannot_be_parsed_is_passed_over(no_aws: Path) -> None:
    (no_aws / "config").write_text("not an ini file")
    assert credentials.found() is None
