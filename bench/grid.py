"""The whole grid of modules planned, priced, judged and filled in one process; and the fullest stack of all."""

import time
from collections.abc import Iterator

from bench.measure import ROOT, Row
from mlops.choice import grid
from mlops.choice.modules import chosen, modules
from mlops.choice.trials import tried

ALL_OF_IT = 60.0
"""Seconds for the grid."""
FULLEST = 1.5
"""Seconds of a plan with a module in every slot, above loading the SDKs."""


def rows() -> Iterator[Row]:
    """Seconds of one process after the SDKs are loaded."""
    tried(ROOT, "dev")
    kinds = list(grid.combinations())
    started = time.perf_counter()
    verdicts = [grid.judged(one, ROOT) for one in kinds]
    seconds = time.perf_counter() - started
    refused = sum(bool(one.refused) for one in verdicts)
    note = f"{len(kinds)} combinations, {refused} refused, {seconds / len(kinds):.2f} s each"
    yield Row(
        what="the grid planned, priced, judged, filled", promised=ALL_OF_IT, measured=seconds, unit="s", note=note
    )
    everything: dict[str, object] = {}
    for module in modules():
        everything |= {} if module.slot in everything else chosen(module)
    started = time.perf_counter()
    graph = tried(ROOT, "dev", everything).graph
    seconds = time.perf_counter() - started
    note = f"{sum(node.custom for node in graph)} resources"
    yield Row(
        what="a plan with every slot filled, SDKs loaded", promised=FULLEST, measured=seconds, unit="s", note=note
    )
