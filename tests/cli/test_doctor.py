"""`mlops doctor`: what is there, what is missing, how to mend it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

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
    for name in ("uv", "git", "kubectl", "aws", "AWS credentials", "pulumi for Python"):
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


def test_what_is_there_is_told_with_its_version(mlops: Run, bare: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    executable(folder / "pulumi", "echo v3.300.0")
    executable(folder / "pulumi-language-python", "")
    executable(folder / "uv", "echo uv 1")
    executable(folder / "git", "echo git version 2.50")
    answer = mlops("doctor", "--json", **bare, AWS_ACCESS_KEY_ID="AKIAEXAMPLE")
    found = checks(answer)
    assert answer.code == 0
    assert "3.300.0" in found["pulumi"]["found"]
    assert found["git"]["found"] == "git version 2.50"
    assert found["AWS credentials"]["found"] == "access key in the environment"
    present = ("pulumi", "pulumi for Python", "uv", "git", "AWS credentials")
    assert {found[name]["verdict"] for name in present} == {"ok"}


AWS = """case "$1" in
--version) echo aws-cli/2 ;;
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
