"""Shops with and without MLflow."""

from pathlib import Path

import pytest

from pipelines.settings import Settings
from tests.pipelines.shop import Shop


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Shop:
    """A shop without MLflow."""
    return Shop(settings, tmp_path)


@pytest.fixture
def live(platform: Settings, tmp_path: Path) -> Shop:
    """A shop with MLflow."""
    return Shop(platform, tmp_path)
