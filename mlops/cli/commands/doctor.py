"""`mlops doctor`: what is there, what is missing, and how to mend it."""

import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from mlops import toolchain
from mlops.cli import credentials, options, ui
from mlops.cli.checks import Check

_MARKS = {"ok": "[green]✓[/]", "missing": "[red]✗[/]", "optional": "[yellow]-[/]"}


def doctor(
    stack: options.Stack = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask AWS who you are, and hold its quotas against the plan of -s.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Look at tools, credentials and quotas, and say how to mend them.

    Makes no call over the network unless --online. Exit code 1 when something
    that is needed is missing.

    \b
    mlops doctor
    mlops doctor --online -s prod   also account, and quotas for prod
    mlops doctor --json
    """
    from mlops.cli import quotas

    root = options.project_root()
    checks = [_python(root), _uv(root), _pulumi(root), _language(root), *map(_tool, TOOLS), _credentials()]
    if online:
        checks += quotas.online(options.target(stack) if stack else None)
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


def _python(root: Path) -> Check:
    where = ".venv" if Path(sys.prefix) == root / ".venv" else sys.prefix
    return Check(name="Python", verdict="ok", found=f"{platform.python_version()}, in {where}")


def _uv(root: Path) -> Check:
    on_path = shutil.which("uv")
    own = root / ".tools" / "uv" / "bin" / "uv"
    if on_path:
        return Check(name="uv", verdict="ok", found=on_path)
    fix = "`pulumi up` without this command needs uv on PATH: https://docs.astral.sh/uv/"
    if own.is_file():
        return Check(name="uv", verdict="optional", found=f"{own}, not on PATH", fix=fix)
    return Check(name="uv", verdict="optional", found="not found", fix=f"`make setup` brings one. {fix}")


def _pulumi(root: Path) -> Check:
    try:
        return Check(name="pulumi", verdict="ok", found=str(toolchain.find(root)))
    except toolchain.ToolchainError as error:
        problem, _, fix = str(error).partition(": ")
        return Check(name="pulumi", verdict="missing", found=problem, fix=fix)


def _language(root: Path) -> Check:
    name = "pulumi for Python"
    try:
        speaks = toolchain.speaks_python(toolchain.find(root))
    except toolchain.ToolchainError:
        speaks = False
    if speaks:
        return Check(name=name, verdict="ok", found="language plugin found")
    fix = "Deploying to AWS needs the official download: https://www.pulumi.com/docs/install/ (rehearsals do not)."
    return Check(name=name, verdict="optional", found="no language plugin", fix=fix)


@dataclass(frozen=True)
class Tool:
    name: str
    arguments: tuple[str, ...]
    fix: str


TOOLS = (
    Tool("git", ("--version",), "Install git: https://git-scm.com/downloads"),
    Tool(
        "kubectl", ("version", "--client"), "To look into a deployed cluster: https://kubernetes.io/docs/tasks/tools/"
    ),
    Tool("aws", ("--version",), "To write a kubeconfig, and for doctor --online: https://aws.amazon.com/cli/"),
)


def _tool(tool: Tool) -> Check:
    path = shutil.which(tool.name)
    answer = first_line([path, *tool.arguments]) if path else None
    if answer:
        return Check(name=tool.name, verdict="ok", found=answer)
    return Check(name=tool.name, verdict="optional", found="not found", fix=tool.fix)


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
    return Check(name="AWS credentials", verdict="optional", found="none", fix=fix)
