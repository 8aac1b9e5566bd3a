"""Finding the `pulumi` CLI: the user's own on PATH, else the one that `make setup` put under `.tools/`.

Standard library only: set-up uses this before there is a virtual environment.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (3, 259, 0)
"""The oldest CLI that rehearsals were run with."""

OWN_FOLDER = Path(".tools", "pulumi")
"""Where set-up installs a CLI, under the project's root."""

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
    """Version of the CLI at `path`; None if it does not run or does not say."""
    try:
        answer = subprocess.run([path, "version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", answer.stdout.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found and answer.returncode == 0 else None


def candidates(root: Path) -> list[Path]:
    """Where a CLI may be, best first."""
    on_path = shutil.which("pulumi")
    own = root / OWN_FOLDER / "bin" / "pulumi"
    return ([Path(on_path)] if on_path else []) + ([own] if own.is_file() else [])


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
