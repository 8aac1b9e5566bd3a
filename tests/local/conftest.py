"""A local stack of the tests' own: real processes in a folder of their own, on ports of their own."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops.local.layout import MARK
from mlops.local.stack import LocalStack, Part

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Project:
    """A project folder that a local stack lives in."""

    root: Path

    @property
    def stack(self) -> LocalStack:
        return LocalStack(self.root)

    def mlops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mlops` in the project's folder."""
        command = [sys.executable, "-m", "mlops.cli", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=400)

    def part(self, name: str) -> Part:
        return next(part for part in self.stack.parts() if part.name == name)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.mlops("local", "status", "--json").stdout)
        return answer

    def processes(self) -> list[int]:
        """Every process of the stack, found without what the product uses to find them."""
        return marked_processes(self.root)


def marked_processes(root: Path) -> list[int]:
    """Processes whose environment says that they belong to the stack in that project."""
    mark = f"{MARK}={root / '.local' / 'run'}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ended = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not ended and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def start(project: Project) -> None:
    """Start the emulated AWS and stop the worker, which is started with it and loads for long."""
    project.stack.begin("us-east-1", "000000000000", {})
    project.stack.supervisor.stop_program("worker")
    project.stack.wait(["aws"])


def signed(service: str) -> dict[str, str]:
    """The header that names caller, region and service; nobody checks the signature."""
    scope = f"Credential=x/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}


def s3(url: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """A request to the emulated S3."""
    headers = {**signed("s3"), "Content-Type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as answer:
        content: bytes = answer.read()
        return content


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with the services at hand and nothing started; what a test leaves behind is ended."""
    if not (ROOT / "services" / ".venv" / "bin" / "python").exists():
        pytest.fail("The local stack's tests need the services. Run `make services`.")
    root = tmp_path_factory.mktemp("local") / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: mlops\nruntime: python\n")
    (root / "services").symlink_to(ROOT / "services")
    made = Project(root)
    try:
        yield made
    finally:
        made.stack.remove()


@pytest.fixture(scope="module")
def running(project: Project) -> Project:
    """The same with the emulated AWS running."""
    start(project)
    return project


@pytest.fixture(scope="session", autouse=True)
def _no_foreign_mark() -> None:
    assert MARK not in os.environ
