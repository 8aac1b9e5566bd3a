"""Running the user's own `pulumi` on AWS: what is checked before, and the hand-over."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mlops import toolchain
from mlops.cli import credentials, ui
from mlops.cli.errors import BadInputError, FailedError
from mlops.cli.options import Target
from mlops.plan import capacity
from mlops.plan.graph import Graph


def find(target: Target, *, runs_program: bool) -> toolchain.Pulumi:
    """The CLI that will run.

    Raises:
        BadInputError: it would have to run the program and has no plugin for Python.
        ToolchainError: there is none.
    """
    pulumi = toolchain.find(target.root)
    if runs_program and not toolchain.speaks_python(pulumi):
        raise BadInputError(
            f"{pulumi} has no language plugin for Python, so it cannot run this program on AWS. Install the official "
            "download (https://www.pulumi.com/docs/install/). Plans and rehearsals work as it is: "
            f"`mlops rehearse -s {target.stack}`."
        )
    return pulumi


def check_credentials(target: Target, graph: Graph) -> None:
    """Look for AWS credentials, those of the profile that the stack's provider names if it names one.

    Raises:
        BadInputError: there are none.
    """
    profile = capacity.profile(graph)
    if not credentials.found(profile):
        lacking = f'the profile "{profile}" is in no AWS file' if profile else "none were found"
        raise BadInputError(
            f"{target.stack} is on AWS and needs credentials, but {lacking}. {credentials.HINT} "
            f"Without an account: `mlops rehearse -s {target.stack}`."
        )


def hand_over(pulumi: toolchain.Pulumi, target: Target, command: str, arguments: Sequence[str]) -> NoReturn:
    """Become `pulumi`: its prompts, its signals and its exit code are the user's."""
    line = ["pulumi", command, "--stack", target.given, *arguments]
    ui.note(f"$ {' '.join(line)}")
    sys.stdout.flush()
    os.chdir(target.root)
    os.execve(pulumi.path, line, environment(target.root))


def exported(pulumi: toolchain.Pulumi, target: Target) -> dict[str, Any]:
    """The stack's state, as `pulumi stack export` gives it.

    Raises:
        FailedError: there is no such stack, or its backend cannot be reached; with what pulumi said.
    """
    command = [str(pulumi.path), "stack", "export", "--stack", target.given, "--non-interactive"]
    done = subprocess.run(command, cwd=target.root, env=environment(target.root), capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().removeprefix("error: ") or "it gave no reason"
        raise FailedError(f"The state of {target.given} cannot be read; pulumi says: {said}")
    state: dict[str, Any] = json.loads(done.stdout)
    return state


def environment(root: Path) -> dict[str, str]:
    """The user's environment as if `.venv` were activated: pulumi runs the uv that is found there."""
    return {**os.environ, "PATH": f"{root / toolchain.LINKS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
