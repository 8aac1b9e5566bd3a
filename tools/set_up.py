"""Prepares a checkout: uv, the virtual environments from the two `uv.lock`, compiled bytecode, the `pulumi` CLI, and
both tools on the PATH of the activated environment.

Standard library only, run by the system's Python. Every step looks first whether it is needed, so that a
second run ends at once.
"""

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pulumi_cli import install  # noqa: E402
from steps import StepError, run, say  # noqa: E402

from mlops.toolchain import MINIMUM_UV, OWN_UV, ToolchainError, dotted, find, find_uv, link  # noqa: E402

TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
SERVICES = ROOT / "services"
UV_REQUIREMENT = "uv>=0.9,<1"
PLATFORM_MB, SERVICES_MB = 920, 1_710
"""What each environment takes on the disk, with its bytecode: as `du -sm` told on Linux in November 2026."""
SOURCES = ("components", "localcloud", "mlops", "policies")
SERVICE_SOURCES = ("local_stack", "pipelines", "recommender")
SERVICES_PYTHON = ">=3.11,<3.14"
"""Newer ones have no wheels of some of the services' packages yet."""


def main(arguments: Sequence[str]) -> int:
    """The platform; with --services what runs on it instead, which the first `mlops up -s local` asks for."""
    started = time.monotonic()
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        # Two makes at once would install into each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if "--services" in arguments:
                sync_services()
                compile_sources(SERVICES, SERVICE_SOURCES)
                ready = "the services"
            else:
                sync_environment()
                compile_sources(ROOT, SOURCES)
                ready = f"Python {platform.python_version()}, {find_or_install_pulumi()}"
                link_tools()
        except StepError as failure:
            say(str(failure))
            return 1
    say(f"ready in {time.monotonic() - started:.1f} s: {ready}")
    return 0


def sync_environment() -> None:
    """Make `.venv` what `uv.lock` says, unless it is. Compiled, because imports are three times as fast then.

    Raises:
        StepError: uv could not be had, or could not install.
    """
    _sync(ROOT, sys.executable, VENV / "bin" / "mlops", f"install the locked packages into .venv, {PLATFORM_MB:,} MB")


def sync_services() -> None:
    """Make `services/.venv` what `services/uv.lock` says, unless it is.

    Raises:
        StepError: uv could not be had, or could not install.
    """
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    python = sys.executable if fits else SERVICES_PYTHON
    step = f"install the services' locked packages into services/.venv, {SERVICES_MB:,} MB"
    try:
        _sync(SERVICES, python, SERVICES / ".venv" / "bin" / "mlflow", step)
    except StepError as failure:
        without = "without the services `.venv/bin/mlops up -s local --infrastructure-only` works"
        raise StepError(f"{failure}; {without}") from failure


def _sync(project: Path, python: str, product: Path, step: str) -> None:
    stamp = project / ".venv" / ".synced"
    wanted = fingerprint(project / "pyproject.toml", project / "uv.lock")
    if stamp.is_file() and stamp.read_text() == wanted and product.is_file():
        return
    environment = {**os.environ, "UV_COMPILE_BYTECODE": "1"}
    environment.pop("VIRTUAL_ENV", None)
    run(step, [uv(), "sync", "--locked", "--python", python], cwd=project, env=environment)
    stamp.write_text(wanted)


def uv() -> str:
    """Path of uv: on PATH, else under `.tools/uv`, where pip puts it.

    Raises:
        StepError: pip could not install it.
    """
    found = find_uv(ROOT)
    if found:
        return str(found)
    try:
        venv.create(TOOLS / "uv", with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StepError(
            f"no uv {dotted(MINIMUM_UV)} or newer on PATH, and this Python cannot make a virtual environment to put it "
            f"into ({error}). Install uv (https://docs.astral.sh/uv/) or your system's python3-venv."
        ) from error
    run("install uv into .tools/uv", [str(TOOLS / "uv" / "bin" / "pip"), "install", UV_REQUIREMENT])
    return str(ROOT / OWN_UV)


def compile_sources(project: Path, sources: Sequence[str]) -> None:
    """Compile our own sources: an environment may forbid Python to write bytecode later."""
    python = project / ".venv" / "bin" / "python"
    subprocess.run([python, "-m", "compileall", "-q", *sources], cwd=project, check=False)


def find_or_install_pulumi() -> str:
    """A sentence on the CLI, which is installed if there is none."""
    try:
        return str(find(ROOT))
    except ToolchainError as error:
        say(str(error).partition(": ")[0])
    return str(find(ROOT)) if install(ROOT) else "no pulumi CLI"


def link_tools() -> None:
    """Put uv and pulumi on the PATH of the activated environment: `pulumi up` runs uv, which makes the program's."""
    link(ROOT, "uv", Path(uv()))
    try:
        link(ROOT, "pulumi", find(ROOT).path)
    except ToolchainError:
        return


def fingerprint(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
