"""What runs on the platform: from nothing to a live recommendation, and the services' own measurements."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import ROOT, Row, leave_nothing

LIVE_SECONDS = 60.0


def rows() -> Iterator[Row]:
    """`make up` on an installed machine, then every row of `python -m bench` in services/."""
    yield live()
    python = ROOT / "services" / ".venv" / "bin" / "python"
    with subprocess.Popen(
        [python, "-m", "bench", "--json"], cwd=ROOT / "services", env=_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            yield _row(json.loads(line))
    # 1 says that a promise is broken, which the rows say too.
    if process.returncode not in (0, 1):
        raise RuntimeError(f"services/bench ended with {process.returncode}")


def live() -> Row:
    """Seconds from an installed project to the answer of a model that was trained meanwhile.

    Raises:
        RuntimeError: it failed; with its error output.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        for name in ("Pulumi.yaml", "Pulumi.local.yaml", "__main__.py"):
            shutil.copy(ROOT / name, project)
        for name in ("services", ".tools"):
            (project / name).symlink_to(ROOT / name)
        started = time.perf_counter()
        try:
            up = _mlops(project, "up", "-s", "local", "--json")
            seconds = time.perf_counter() - started
            if up.returncode:
                raise RuntimeError(f"mlops up -s local ended with {up.returncode}: {up.stderr[-2000:]}")
        except KeyboardInterrupt:
            # Before the folder goes in which they write.
            leave_nothing()
            raise
        finally:
            _mlops(project, "destroy", "-s", "local", "--yes")
        answer = json.loads(up.stdout)
    resources = sum(answer.get("counts", {}).values())
    note = f"{resources} resources, version {answer['services']['answer']['model']['version']} answers"
    return Row(
        what="from installed to a live recommendation", promised=LIVE_SECONDS, measured=seconds, unit="s", note=note
    )


def _mlops(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlops.cli", *arguments],
        cwd=project,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def _environment() -> dict[str, str]:
    """Without this process's own environment of Python, which is not the services'."""
    return {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}


def _row(found: dict[str, object]) -> Row:
    promised = found["promised"]
    return Row(
        what=str(found["what"]),
        promised=float(str(promised or 0)),
        measured=float(str(found["measured"])),
        unit=str(found["unit"]),
        note=str(found["note"]),
        none_allowed=promised == 0,
    )
