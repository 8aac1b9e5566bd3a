"""Judging a large stack: as many prod stacks side by side as it takes to have 5,000 resources."""

import time
from collections.abc import Iterator

from bench.measure import ROOT, Row
from mlops import stacks
from mlops.choice.trials import program
from mlops.plan.graph import Graph
from mlops.plan.recorder import record
from policies.engine import judge

RESOURCES = 5000
PROMISED_SECONDS = 3.0


def rows() -> Iterator[Row]:
    """Seconds for all rules over 5,000 resources."""
    graph = many(RESOURCES)
    judge(graph, "prod")
    started = time.perf_counter()
    report = judge(graph, "prod")
    seconds = time.perf_counter() - started
    note = f"{len(report.findings):,} findings of {len(report.by_rule)} rules"
    what = f"all rules over {len(graph):,} resources"
    yield Row(what=what, promised=PROMISED_SECONDS, measured=seconds, unit="s", note=note)


def many(size: int) -> Graph:
    """So many resources, of stacks that have nothing in common: each with ids of its own."""
    stack = stacks.read("prod", ROOT)
    graphs: list[Graph] = []
    while sum(map(len, graphs)) < size:
        graphs.append(record(program(ROOT), project=stack.project, stack=f"prod{len(graphs)}", config=stack.config))
    return Graph(project=stack.project, stack="prod", nodes=tuple(node for one in graphs for node in one)[:size])
