"""What a newcomer reads first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

COMMANDS = [
    "init",
    "doctor",
    "validate",
    "plan",
    "diff",
    "access",
    "rehearse",
    "up",
    "destroy",
    "modules",
    "new-module",
    "schema",
]


def test_help_lists_every_command_and_where_to_begin(mlops: Run) -> None:
    answer = mlops("--help")
    assert answer.code == 0
    assert all(f" {command} " in answer.out for command in COMMANDS)
    assert "mlops plan -s prod" in answer.out


def test_no_arguments_at_all_shows_the_help(mlops: Run) -> None:
    assert "Usage: mlops" in mlops().out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_teaches_by_example(mlops: Run, command: str) -> None:
    answer = mlops(command, "--help")
    assert answer.code == 0
    assert f"mlops {command}" in answer.out.replace(f"Usage: mlops {command}", "")


LOADED = """
import sys
from mlops.cli.app import run
code = run(sys.argv[1:])
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
sys.exit(code)
"""


def loaded_by(*arguments: str, cwd: Path, environment: dict[str, str]) -> set[str]:
    """Packages that a command has imported."""
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_loads_neither_the_sdks_nor_the_settings(project: Path, environment: dict[str, str]) -> None:
    heavy = {"pulumi", "pulumi_aws", "pulumi_kubernetes", "grpc", "pydantic", "components", "localcloud", "yaml"}
    assert not heavy & loaded_by("--help", cwd=project, environment=environment)


def test_an_unchanged_plan_loads_neither_the_sdks_nor_the_settings(
    mlops: Run, project: Path, environment: dict[str, str]
) -> None:
    assert mlops("plan", "-s", "local").code == 0
    # Typer brings pydantic along for the options of a command.
    heavy = {"pulumi", "pulumi_aws", "pulumi_kubernetes", "grpc", "components", "yaml"}
    assert not heavy & loaded_by("plan", "-s", "local", cwd=project, environment=environment)


def test_colours_are_off_in_a_pipe(mlops: Run) -> None:
    assert "\x1b[" not in mlops("modules").out
    assert "\x1b[" not in mlops("--help").out


def test_colours_are_off_when_no_color_is_set_even_in_a_terminal(project: Path, environment: dict[str, str]) -> None:
    coloured, plain = (in_terminal(project, {**environment, **more}) for more in ({}, {"NO_COLOR": "1"}))
    assert "\x1b[1m" in coloured or "\x1b[32m" in coloured
    assert "\x1b[32m" not in plain


def in_terminal(project: Path, environment: dict[str, str]) -> str:
    """What `mlops validate -s local` writes into a terminal."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "mlops.cli", "validate", "-s", "local"]
    with subprocess.Popen(
        command, cwd=project, env={**environment, "TERM": "xterm-256color"}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:
            pass  # Linux reports the end of a terminal as an error.
        assert process.wait() == 0
    os.close(ours)
    return said.decode()


def test_shell_completion_knows_the_stacks(mlops: Run) -> None:
    words = "mlops plan -s p"
    answer = mlops(_MLOPS_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="3", _TYPER_COMPLETE_ARGS=words)
    assert answer.out.split() == ["prod"]
