"""Fixtures of the stand-in cloud: with an engine where the CLI is at hand, without one for what it refuses."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from localcloud.engine import LocalCloud
from tests.localcloud.clouds import Cloud

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A pretend cloud without an engine."""
    return Cloud(tmp_path / "kubernetes")


@pytest.fixture(scope="session")
def pulumi() -> Path:
    """The Pulumi CLI, as `make setup` leaves it."""
    given = os.environ.get("PULUMI_BINARY")
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    found = given or (str(own) if own.exists() else shutil.which("pulumi"))
    if not found:
        pytest.fail("The engine tests need the pulumi CLI. Run `make setup`.")
    return Path(found)


@pytest.fixture
def rehearsal(tmp_path: Path, pulumi: Path) -> Iterator[Callable[..., LocalCloud]]:
    """Opens a stand-in cloud with an engine in the test's own folder, as often as asked; a throwaway one."""
    with ExitStack() as opened:
        yield lambda **options: _open(opened, tmp_path / "state", pulumi, options)


def _open(opened: ExitStack, folder: Path, pulumi: Path, options: dict[str, Any]) -> LocalCloud:
    opened.pop_all().close()
    chosen: dict[str, Any] = {"throwaway": True, **options}
    return opened.enter_context(LocalCloud(folder, pulumi=pulumi, **chosen))
