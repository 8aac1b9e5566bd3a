"""Finding `pulumi` and `uv`: the user's own on PATH, else those that `make setup` put under `.tools/`.

Set-up links its own into `.venv/bin`, so that a plain `pulumi up` finds both once the environment is activated.
Standard library only: set-up uses this before there is a virtual environment.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (3, 259, 0)
"""The oldest CLI that rehearsals were run with."""

OWN_FOLDER = Path(".tools", "pulumi")
"""Where set-up installs a CLI, under the project's root."""

MINIMUM_UV = (0, 9, 0)
"""The oldest uv that the lock was made and read with."""

OWN_UV = Path(".tools", "uv", "bin", "uv")
"""Where set-up installs uv, under the project's root."""

LINKS = Path(".venv", "bin")
"""Where set-up links its own tools, under the project's root: first on the PATH of an activated environment."""

INSTALL_HINT = "Run `make setup`, or install it yourself: https://www.pulumi.com/docs/install/"


class ToolchainError(Exception):
    """No usable CLI. The message says what was found, what is needed and what to do."""


@dataclass(frozen=True)
class Pulumi:
    """A CLI that is new enough."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"pulumi {dotted(self.version)} ({self.path})"


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def version_of(path: Path) -> tuple[int, int, int] | None:
    """Version of the pulumi CLI at `path`; None if it does not run or does not say."""
    return _version([str(path), "version"], r"v?")


def candidates(root: Path) -> list[Path]:
    """Where a CLI may be, best first."""
    return _candidates(root, "pulumi", root / OWN_FOLDER / "bin" / "pulumi")


def find_uv(root: Path) -> Path | None:
    """The first uv that is new enough; None if there is none."""
    for path in _candidates(root, "uv", root / OWN_UV):
        version = _version([str(path), "--version"], r"uv ")
        if version is not None and version >= MINIMUM_UV:
            return path
    return None


def elsewhere(root: Path, name: str) -> Path | None:
    """A program on PATH that is not a link of set-up's."""
    links = os.path.realpath(root / LINKS)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = shutil.which(name, path=os.pathsep.join(each for each in folders if os.path.realpath(each) != links))
    return Path(path) if path else None


def link(root: Path, name: str, found: Path) -> None:
    """Make an activated environment find `found` under this name, whatever else PATH holds.

    Nothing is linked where PATH leads there by itself: the user's own would be hidden after its next update.
    """
    place = root / LINKS / name
    if not place.parent.is_dir() or (place.exists() and not place.is_symlink()):
        return
    place.unlink(missing_ok=True)
    if found != elsewhere(root, name):
        place.symlink_to(os.path.relpath(found, place.parent))


def _candidates(root: Path, name: str, own: Path) -> list[Path]:
    on_path = elsewhere(root, name)
    return ([on_path] if on_path else []) + ([own] if own.is_file() else [])


def _version(command: list[str], before: str) -> tuple[int, int, int] | None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(before + r"(\d+)\.(\d+)\.(\d+)", answer.stdout.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found and answer.returncode == 0 else None


def find(root: Path) -> Pulumi:
    """The first CLI that is new enough.

    Raises:
        ToolchainError: there is none.
    """
    passed_over = []
    for path in candidates(root):
        version = version_of(path)
        if version is not None and version >= MINIMUM:
            return Pulumi(path, version)
        passed_over.append(f"{path} is {dotted(version)}" if version else f"{path} does not run")
    found = "; ".join(passed_over) or "it is neither on PATH nor under .tools/"
    raise ToolchainError(f"No pulumi CLI {dotted(MINIMUM)} or newer: {found}. {INSTALL_HINT}")


def speaks_python(pulumi: Pulumi) -> bool:
    """Whether the CLI can run a Python program itself: the official download brings its language plugin along,
    one that was built from the Go module does not. Rehearsals need none."""
    plugin = "pulumi-language-python"
    return (pulumi.path.resolve().parent / plugin).is_file() or shutil.which(plugin) is not None
