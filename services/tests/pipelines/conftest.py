"""Shops with and without MLflow."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.settings import Settings
from pipelines.worker_http import serve
from tests.pipelines.shop import Shop


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Shop:
    """A shop without MLflow."""
    return Shop(settings, tmp_path)


@pytest.fixture
def live(platform: Settings, tmp_path: Path) -> Shop:
    """A shop with MLflow."""
    return Shop(platform, tmp_path)


@pytest.fixture
def httpserver_of() -> Iterator[Callable[[str], str]]:
    """Serves a text at every path; gives the address."""
    with ExitStack() as stack:

        def start(text: str) -> str:
            return f"http://127.0.0.1:{stack.enter_context(serve('127.0.0.1', 0, text.encode))}"

        yield start
