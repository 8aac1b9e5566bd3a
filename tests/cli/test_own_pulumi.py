"""Deploying to AWS with the user's own pulumi: what is looked at before, and what it is handed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, executable

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}


@pytest.fixture
def pulumi(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A pulumi on PATH that shows what it is asked; its state is the file `state.json`. Gives variables to run with."""
    folder = tmp_path / "bin"
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {}}))
    script = f"""case "$1 $2" in
"version ") echo v3.300.0 ;;
"stack export") [ -f {state} ] && cat {state} || {{ echo "error: no stack named 'dev' found" >&2; exit 255; }} ;;
*) echo "pulumi was asked: $@ in $(pwd)"; exit 7 ;;
esac"""
    executable(folder / "pulumi", script)
    executable(folder / "pulumi-language-python", "")
    return {"PATH": f"{folder}:{environment['PATH']}"}


def state(*, protected: bool) -> str:
    """A state with one bucket."""
    stack = "urn:pulumi:dev::mlops::pulumi:pulumi:Stack::mlops-dev"
    bucket: dict[str, Any] = {
        "urn": "urn:pulumi:dev::mlops::aws:s3/bucket:Bucket::storage-raw",
        "type": "aws:s3/bucket:Bucket",
        "custom": True,
        "id": "raw-1",
        "parent": stack,
        "protect": protected,
    }
    resources = [{"urn": stack, "type": "pulumi:pulumi:Stack"}, bucket]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def test_up_becomes_the_users_pulumi_with_its_exit_code(mlops: Run, project: Path, pulumi: dict[str, str]) -> None:
    answer = mlops("up", "-s", "team/mlops/dev", "--yes", "--", "--diff", **pulumi, **CREDENTIALS)
    assert answer.code == 7
    assert f"pulumi was asked: up --stack team/mlops/dev --yes --diff in {project}" in answer.out
    assert "mlops/dev · tier dev · " in answer.err


def test_up_without_credentials_is_refused_before_pulumi_runs(mlops: Run, pulumi: dict[str, str]) -> None:
    answer = mlops("up", "-s", "dev", **pulumi)
    assert answer.code == 2
    assert "dev is on AWS and needs credentials, but none were found" in answer.err
    assert "aws sso login" in answer.err
    assert "mlops rehearse -s dev" in answer.err
    assert "pulumi was asked" not in answer.out


def test_the_profile_that_a_stack_names_must_be_in_the_aws_files(
    mlops: Run, project: Path, tmp_path: Path, pulumi: dict[str, str]
) -> None:
    text = "config:\n  mlops:tier: dev\n  mlops:platform: {account: {profile: team}}\n"
    (project / "Pulumi.dev.yaml").write_text(text)
    answer = mlops("up", "-s", "dev", **pulumi, **CREDENTIALS)
    assert answer.code == 2
    assert 'the profile "team" is in no AWS file' in answer.err
    config = tmp_path / "config"
    config.write_text("[profile team]\nsso_session = company\n")
    assert mlops("up", "-s", "dev", **pulumi, AWS_CONFIG_FILE=str(config)).code == 7


def test_a_pulumi_without_its_python_plugin_is_refused_with_what_still_works(
    mlops: Run, pulumi: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bin" / "pulumi-language-python").unlink()
    answer = mlops("up", "-s", "dev", **pulumi, **CREDENTIALS)
    assert answer.code == 2
    assert "no language plugin for Python" in answer.err
    assert "mlops rehearse -s dev" in answer.err


def test_a_wrong_stack_file_ends_before_pulumi_is_asked_anything(
    mlops: Run, project: Path, pulumi: dict[str, str]
) -> None:
    (project / "Pulumi.dev.yaml").write_text("config:\n  mlops:tier: dev\n  mlops:platform: {network: {zones: 9}}\n")
    answer = mlops("up", "-s", "dev", **pulumi, **CREDENTIALS)
    assert answer.code == 2
    assert "network.zones is 9" in answer.err


def test_destroy_is_refused_while_the_state_holds_protected_resources(
    mlops: Run, tmp_path: Path, pulumi: dict[str, str]
) -> None:
    (tmp_path / "state.json").write_text(state(protected=True))
    answer = mlops("destroy", "-s", "dev", **pulumi, **CREDENTIALS)
    assert answer.code == 1
    assert "dev holds 1 protected resource, so nothing was deleted" in answer.err
    assert "storage-raw (s3 Bucket)" in answer.err
    assert "pulumi was asked" not in answer.out
    kept = mlops("destroy", "-s", "dev", "--exclude-protected", **pulumi, **CREDENTIALS)
    assert kept.code == 7
    assert "destroy --stack dev --exclude-protected" in kept.out


def test_destroy_becomes_the_users_pulumi_when_nothing_is_protected(
    mlops: Run, tmp_path: Path, pulumi: dict[str, str]
) -> None:
    (tmp_path / "state.json").write_text(state(protected=False))
    answer = mlops("destroy", "-s", "dev", "--yes", **pulumi, **CREDENTIALS)
    assert answer.code == 7
    assert "pulumi was asked: destroy --stack dev --yes" in answer.out


def test_destroy_without_credentials_is_refused(mlops: Run, pulumi: dict[str, str]) -> None:
    answer = mlops("destroy", "-s", "dev", **pulumi)
    assert answer.code == 2
    assert "needs credentials" in answer.err


def test_a_stack_that_the_backend_does_not_know_is_told_in_pulumis_words(
    mlops: Run, tmp_path: Path, pulumi: dict[str, str]
) -> None:
    (tmp_path / "state.json").unlink()
    answer = mlops("destroy", "-s", "dev", **pulumi, **CREDENTIALS)
    assert answer.code == 1
    assert "no stack named 'dev' found" in answer.err
