"""A grid of modules planned, priced and judged in one process; and the fullest stack of all."""

import time
from collections.abc import Iterator

from bench.measure import ROOT, Row
from mlops.choice import grid
from mlops.choice.modules import fullest
from mlops.choice.trials import tried

ALL_OF_IT = 60.0
"""Seconds for three kinds in each of four slots."""
OF_THREE = {"serving": ("ecs", "kubernetes", "lambda")}
"""Three ways to serve, as the other slots have three kinds each."""
FULLEST = 1.5
"""Seconds of a plan with a module in every slot, above loading the SDKs."""


def rows() -> Iterator[Row]:
    """Seconds of one process after the SDKs are loaded."""
    tried(ROOT, "dev")
    kinds = list(grid.combinations(OF_THREE))
    started = time.perf_counter()
    for one in kinds:
        trial = tried(ROOT, "dev", grid.settings(one))
        assert trial.estimate.total
        assert trial.report.findings
    seconds = time.perf_counter() - started
    note = f"{len(kinds)} combinations, {seconds / len(kinds):.2f} s each"
    what = "a grid of modules planned, priced, judged"
    yield Row(what=what, promised=ALL_OF_IT, measured=seconds, unit="s", note=note)
    started = time.perf_counter()
    graph = tried(ROOT, "dev", fullest()).graph
    seconds = time.perf_counter() - started
    note = f"{sum(node.custom for node in graph)} resources"
    yield Row(what="a plan with every slot filled, SDKs there", promised=FULLEST, measured=seconds, unit="s", note=note)
