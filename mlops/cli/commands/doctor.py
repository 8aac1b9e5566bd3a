"""`mlops doctor`: what is there, what is missing, and how to mend it."""

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from mlops import toolchain
from mlops.cli import credentials, options, ui
from mlops.cli.checks import Check

_MARKS = {"ok": "[green]✓[/]", "missing": "[red]✗[/]", "deploy": "[yellow]![/]", "optional": "[dim]-[/]"}


def doctor(
    stack: options.Stack = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask AWS who you are, and hold its quotas against the plan of -s.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Look at tools, credentials and quotas, and say how to mend them.

    Every line says what is needed for what: plans need Python alone, rehearsals
    pulumi, a deployment to AWS all that is marked with "!". Makes no call over
    the network unless --online. Exit code 1 when something is missing that
    rehearsals need, or, with --online, a deployment.

    \b
    mlops doctor
    mlops doctor --online -s prod   also account, and quotas for prod
    mlops doctor --json
    """
    from mlops.cli import quotas

    root = options.project_root()
    checks = [_python(root), *_pulumi(root), _uv(root), _aws(), *map(_tool, TOOLS)]
    if online:
        checks = [replace(check, verdict="missing") if check.verdict == "deploy" else check for check in checks]
        checks += quotas.online(options.target(stack) if stack else None)
    else:
        checks.append(_credentials())
    if as_json:
        ui.print_json({"checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
    if any(check.verdict == "missing" for check in checks):
        raise SystemExit(1)


def _print(checks: list[Check]) -> None:
    console = ui.out()
    for check in checks:
        console.print(f"{_MARKS[check.verdict]} {check.name:<18} ", end="")
        console.print(check.found, markup=False, soft_wrap=True)
        if check.fix:
            console.print(f"  {'':<18} ", end="")
            console.print(check.fix, style="dim", markup=False, soft_wrap=True)
    if any(check.verdict == "deploy" for check in checks):
        console.print("! is needed to deploy to AWS; plans and rehearsals work without it.", markup=False)


def _python(root: Path) -> Check:
    where = ".venv" if Path(sys.prefix) == root / ".venv" else sys.prefix
    return Check(name="Python", verdict="ok", found=f"{platform.python_version()}, in {where}")


def _pulumi(root: Path) -> list[Check]:
    """The CLI, and whether it can run the program itself."""
    plugin = "pulumi for Python"
    try:
        pulumi = toolchain.find(root)
    except toolchain.ToolchainError as error:
        problem, _, fix = str(error).partition(": ")
        return [
            Check(name="pulumi", verdict="missing", found=problem, fix=f"Rehearsals and deployments need it: {fix}"),
            Check(name=plugin, verdict="deploy", found="no pulumi", fix=_LANGUAGE),
        ]
    cli = Check(name="pulumi", verdict="ok", found=str(pulumi), fix=_unless_on_path("pulumi", pulumi.path))
    if toolchain.speaks_python(pulumi):
        return [cli, Check(name=plugin, verdict="ok", found="language plugin found")]
    return [cli, Check(name=plugin, verdict="deploy", found="no language plugin", fix=_LANGUAGE)]


_LANGUAGE = "Deploying to AWS needs the official download: https://www.pulumi.com/docs/install/ (rehearsals do not)."


def _uv(root: Path) -> Check:
    """pulumi makes the program's environment with uv, as Pulumi.yaml asks."""
    uv = toolchain.find_uv(root)
    if uv:
        return Check(name="uv", verdict="ok", found=str(uv), fix=_unless_on_path("uv", uv))
    fix = "pulumi runs it at every preview and up. `make setup` brings one, or install it: https://docs.astral.sh/uv/"
    return Check(name="uv", verdict="deploy", found=f"no uv {toolchain.dotted(toolchain.MINIMUM_UV)} or newer", fix=fix)


def _unless_on_path(name: str, found: Path) -> str:
    """What to do before a plain `pulumi up`, where PATH does not lead to what was found."""
    on_path = shutil.which(name)
    if on_path and Path(on_path).resolve() == found.resolve():
        return ""
    return "Not what PATH leads to: run `make setup && . .venv/bin/activate` before a plain `pulumi up`."


OLDEST_AWS = {1: (1, 24, 0), 2: (2, 7, 0)}
"""What pulumi-eks takes of the AWS CLI: assertCompatibleAWSCLIExists in nodejs/eks/dependencies.ts of
github.com/pulumi/pulumi-eks."""


def _aws() -> Check:
    """pulumi-eks asks for the AWS CLI at every preview, and the cluster's credentials come from it."""
    found = _answer("aws", "--version")
    told = re.match(r"aws-cli/(\d+)\.(\d+)\.(\d+)", found or "")
    version = tuple(map(int, told.groups())) if told else ()
    if version and version >= OLDEST_AWS.get(version[0], OLDEST_AWS[2]):
        return Check(name="aws", verdict="ok", found=found or "")
    needed = " or ".join(map(toolchain.dotted, OLDEST_AWS.values()))
    fix = f"pulumi-eks needs it at every preview and up, {needed} or newer: https://aws.amazon.com/cli/"
    return Check(name="aws", verdict="deploy", found=found or "not found", fix=fix)


@dataclass(frozen=True)
class Tool:
    name: str
    arguments: tuple[str, ...]
    fix: str


TOOLS = (
    Tool("git", ("--version",), "For `mlops diff --base`: https://git-scm.com/downloads"),
    Tool(
        "kubectl", ("version", "--client"), "To look into a deployed cluster: https://kubernetes.io/docs/tasks/tools/"
    ),
)


def _tool(tool: Tool) -> Check:
    answer = _answer(tool.name, *tool.arguments)
    if answer:
        return Check(name=tool.name, verdict="ok", found=answer)
    return Check(name=tool.name, verdict="optional", found="not found", fix=tool.fix)


def _answer(name: str, *arguments: str) -> str | None:
    path = shutil.which(name)
    return first_line([path, *arguments]) if path else None


def first_line(command: list[str]) -> str | None:
    """The first line that a command prints; None if it fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    return lines[0] if answer.returncode == 0 and lines else None


def _credentials() -> Check:
    where = credentials.found()
    if where:
        return Check(name="AWS credentials", verdict="ok", found=where)
    fix = f"Only to deploy to AWS; plans and rehearsals need none. {credentials.HINT}"
    return Check(name="AWS credentials", verdict="deploy", found="none", fix=fix)
