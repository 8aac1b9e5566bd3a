"""Helm from its Go module, for the tests in which charts are installed; no other test wants it."""

import shutil
from pathlib import Path

from node.places import Home
from node.programs import BuildError, run_go

NAME = "helm"
_PROGRAM, _VERSION = "helm.sh/helm/v3/cmd/helm", "v3.22.0"


def build(home: Home) -> None:
    """Build it, unless it is there.

    Raises:
        BuildError: there is no Go toolchain, or it failed.
    """
    if Path(home.program(NAME)).exists():
        return
    if not shutil.which("go"):
        raise BuildError("Helm is built with Go, and there is none on PATH: https://go.dev/dl/")
    home.programs.mkdir(parents=True, exist_ok=True)
    folder = home.path / "build" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text(f"module node/{NAME}\n")
    run_go(["get", f"{_PROGRAM}@{_VERSION}"], folder)
    run_go(["build", "-ldflags", "-s -w", "-o", home.program(NAME), _PROGRAM], folder)
