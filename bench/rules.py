"""Judging a large stack: the prod stack's resources, as often as it takes to have 5,000."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

from bench.measure import ROOT, Row
from mlops import stacks
from mlops.cli.planning import program
from mlops.plan.graph import Graph, Node
from mlops.plan.recorder import record
from policies.engine import judge

RESOURCES = 5000
PROMISED_SECONDS = 3.0


def rows() -> Iterator[Row]:
    """Seconds for all rules over 5,000 resources."""
    stack = stacks.read("prod", ROOT)
    graph = many(record(program(ROOT), project=stack.project, stack=stack.name, config=stack.config), RESOURCES)
    judge(graph, "prod")
    started = time.perf_counter()
    report = judge(graph, "prod")
    seconds = time.perf_counter() - started
    note = f"{len(report.findings):,} findings of {len(report.by_rule)} rules"
    yield Row(
        what=f"all rules over {len(graph):,} resources",
        promised=PROMISED_SECONDS,
        measured=seconds,
        unit="s",
        note=note,
    )


def many(graph: Graph, size: int) -> Graph:
    """So many copies of a graph side by side, each referring to its own resources."""
    rounds = -(-size // len(graph))
    nodes = [copy for number in range(rounds) for copy in _copies(graph, number)]
    return Graph(project=graph.project, stack=graph.stack, nodes=tuple(nodes[:size]))


def _copies(graph: Graph, number: int) -> list[Node]:
    prefix, suffix = f"urn:pulumi:{graph.stack}::", f"urn:pulumi:{graph.stack}-{number}::"
    text = json.dumps(graph.to_json()["nodes"]).replace(prefix, suffix)
    copied = Graph.from_json({"project": graph.project, "stack": graph.stack, "nodes": json.loads(text)})
    return [replace(node, name=f"{node.name}-{number}") for node in copied]
