"""Whole platforms, recorded by running the real program."""

import json
import runpy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlops.plan.graph import Graph
from mlops.plan.recorder import record

ROOT = Path(__file__).parent.parent


def platform(tier: str, override: Mapping[str, Any] | None = None, stack: str = "test") -> Graph:
    """The graph of a tier with differences laid over it."""
    config = {
        "pulumi:disable-default-providers": '["*"]',
        "mlops:tier": tier,
        "mlops:platform": json.dumps(override or {}),
    }
    return record(lambda: runpy.run_path(str(ROOT / "__main__.py")), project="mlops", stack=stack, config=config)


@cache
def tier_graph(tier: str) -> Graph:
    """The graph of a tier as it is."""
    return platform(tier)
