"""The command line as a user runs it: a process, its output, its exit code."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, in one line, for assertions that do not care where it breaks."""
        return " ".join(f"{self.out} {self.err}".split())

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the plans of all tests: what one test has planned, the next need not."""
    return tmp_path_factory.mktemp("plans")


@pytest.fixture
def environment(tmp_path: Path, plans: Path) -> dict[str, str]:
    """An environment without AWS, without a home, without anybody's settings."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "SOURCE_DATE_EPOCH")
    inherited = {key: value for key, value in os.environ.items() if key in kept or key.startswith("COV")}
    home = tmp_path / "home"
    home.mkdir()
    return {**inherited, "HOME": str(home), "MLOPS_CACHE_DIR": str(plans), "PULUMI_SKIP_UPDATE_CHECK": "1"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as it is checked out, with stack files that a test may change."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "presets", folder / "presets")
    for name in ("Pulumi.yaml", "__main__.py", *(path.name for path in ROOT.glob("Pulumi.*.yaml"))):
        shutil.copy(ROOT / name, folder)
    return folder


Run = Callable[..., Answer]


@pytest.fixture
def mlops(project: Path, environment: dict[str, str]) -> Run:
    """Run `mlops` with these arguments in the project's folder. `variables` change the environment."""

    def run(*arguments: str, cwd: Path = project, stdin: str = "", **variables: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "mlops.cli", *arguments],
            cwd=cwd,
            env={**environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def engine(project: Path) -> Path:
    """The project with a pulumi CLI where set-up puts it."""
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    found = str(own) if own.exists() else shutil.which("pulumi")
    if not found:
        pytest.fail("The engine tests need the pulumi CLI. Run `make setup`.")
    link = project / ".tools" / "pulumi" / "bin" / "pulumi"
    link.parent.mkdir(parents=True)
    link.symlink_to(Path(found).resolve())
    return project


def executable(path: Path, script: str) -> Path:
    """A shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def stack_file(project: Path, text: str, name: str = "qa") -> None:
    """Write a stack file of the tests' own."""
    (project / f"Pulumi.{name}.yaml").write_text(text)
