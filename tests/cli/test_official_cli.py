"""The official CLI, as its user types it: a fork of the project, a new project from it, a preview and an up.

What runs the program is the CLI's Python language host. The official download brings it; where the CLI was built from
its Go module there is none, and the tests that need it are skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from localcloud.engine import LocalCloud
from mlops import toolchain
from mlops.tiers import TIERS
from tests.cli.conftest import ROOT

pytestmark = pytest.mark.engine
Pulumi = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    """Run the CLI in a folder, with the stand-in cloud behind it."""
    cli = toolchain.find(ROOT).path
    with LocalCloud(tmp_path / "cloud", pulumi=cli.resolve()) as cloud:
        # As in an activated environment; nothing is installed anew, because the copy has no pyproject.toml.
        path = f"{cli.parent}{os.pathsep}{ROOT / toolchain.LINKS}{os.pathsep}{os.environ['PATH']}"
        variables = {**os.environ, **cloud.environment(), "PATH": path}

        def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
            command = [str(cli), "--non-interactive", *arguments]
            return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=600)

        yield run


@pytest.fixture
def host() -> None:
    """Skips where the CLI cannot run Python."""
    if not toolchain.speaks_python(toolchain.find(ROOT)):
        pytest.skip("pulumi-language-python is neither beside the CLI nor on PATH; the official download brings it")
    if not toolchain.find_uv(ROOT):
        pytest.skip("the language host runs uv, and there is none")


@pytest.fixture
def checkout(project: Path) -> Path:
    """The project as the language host sees it, with the environment that exists already."""
    shutil.copy(ROOT / "uv.lock", project)
    file = project / "Pulumi.yaml"
    file.write_text(file.read_text().replace("virtualenv: .venv", f"virtualenv: {ROOT / '.venv'}"))
    return project


def test_a_plain_preview_and_up_run(host: None, pulumi: Pulumi, checkout: Path) -> None:
    assert pulumi("stack", "init", "local", cwd=checkout).returncode == 0
    preview = pulumi("preview", "-s", "local", cwd=checkout)
    assert preview.returncode == 0, preview.stderr
    assert "to create" in preview.stdout
    up = pulumi("up", "--yes", "--skip-preview", "-s", "local", cwd=checkout)
    assert up.returncode == 0, up.stderr


def test_a_preview_with_the_policy_pack_judges_the_whole_stack(host: None, pulumi: Pulumi, checkout: Path) -> None:
    weak = "config:\n  aws:region: us-east-1\n  tier: prod\n  platform: {database: {multi_az: false}}\n"
    (checkout / "Pulumi.weak.yaml").write_text(weak)
    assert pulumi("stack", "init", "weak", cwd=checkout).returncode == 0
    preview = pulumi("preview", "-s", "weak", "--policy-pack", str(ROOT / "policies"), cwd=checkout)
    assert preview.returncode != 0
    assert "[mandatory]" in preview.stdout
    assert "rds-multi-az" in preview.stdout
    assert "Object value at" not in preview.stdout


def new(pulumi: Pulumi, template: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`pulumi new` with the answers to what it asks for."""
    folder.mkdir()
    answers = ("--name", "fraud", "--stack", "qa", "--description", "Fraud detection")
    settings = ("--config", "aws:region=eu-west-1", "--config", "tier=dev")
    return pulumi("new", str(template), "--yes", "--generate-only", *answers, *settings, cwd=folder)


def test_pulumi_new_takes_the_project_as_a_template(pulumi: Pulumi, project: Path, tmp_path: Path) -> None:
    done = new(pulumi, project, tmp_path / "fraud")
    said = done.stdout + done.stderr
    assert "Created project 'fraud'" in said
    assert "fatal error" not in said
    # Without the language host it ends here, with the project in place.
    assert done.returncode == 0 or "no language plugin 'pulumi-language-python'" in said
    made = yaml.safe_load((tmp_path / "fraud" / "Pulumi.yaml").read_text())
    assert (made["name"], made["runtime"]["options"]["toolchain"]) == ("fraud", "uv")
    assert "template" not in made


def test_pulumi_new_gives_a_project_that_runs(host: None, pulumi: Pulumi, checkout: Path, tmp_path: Path) -> None:
    done = new(pulumi, checkout, tmp_path / "fraud")
    assert done.returncode == 0, done.stderr
    made = tmp_path / "fraud"
    assert pulumi("stack", "init", "qa", cwd=made).returncode == 0
    for key, value in (("aws:region", "eu-west-1"), ("tier", "dev")):
        assert pulumi("config", "set", key, value, "-s", "qa", cwd=made).returncode == 0
    assert yaml.safe_load((made / "Pulumi.qa.yaml").read_text())["config"]["fraud:tier"] == "dev"
    preview = pulumi("preview", "-s", "qa", cwd=made)
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "pulumi:pulumi:Stack fraud-qa" in preview.stdout
    assert 'clusterName      : "fraud-qa"' in preview.stdout


def test_what_pulumi_new_asks_for_are_settings_that_exist() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    asked = project["template"]["config"]
    assert set(asked) == {"aws:region", "tier"}
    assert asked["tier"]["default"] in TIERS


def test_no_key_of_the_project_and_of_its_stacks_carries_its_name() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    keys = [*project["config"], *project["template"]["config"]]
    for path in ROOT.glob("Pulumi.*.yaml"):
        keys += yaml.safe_load(path.read_text())["config"]
    assert not [key for key in keys if key.startswith(f"{project['name']}:")]
