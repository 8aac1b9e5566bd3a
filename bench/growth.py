"""Whether a stack with many models and node groups stays linear: time for each resource, at 1, 10 and 100 times."""

import gc
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bench.measure import ROOT, Row
from mlops import stacks
from mlops.choice.trials import program
from mlops.core.merge import merge
from mlops.plan.graph import Graph
from mlops.plan.recorder import record

TIMES = (1, 10, 100)
MOST_GROUPS = 98
"""What the settings allow beside the group that dev has: 99."""
ALLOWED = 1.5
"""How much more a resource may take at 100 times than at once, before it is no longer linear."""


def rows() -> Iterator[Row]:
    """Milliseconds of CPU for each resource, and how that grows."""
    stack = stacks.read("dev", ROOT)
    planned(stack, 1)
    first = 0.0
    for times in TIMES:
        seconds, size = min(planned(stack, times) for _ in range(3 if times < TIMES[-1] else 1))
        each = seconds / size * 1000
        first = first or each
        note = f"{size:,} resources in {seconds:.2f} s"
        yield Row(
            what=f"plan with {times} x models and node groups", promised=0, measured=each, unit="ms each", note=note
        )
        if times == TIMES[-1]:
            yield Row(what="a resource at 100 x / at 1 x", promised=ALLOWED, measured=each / first, unit="x")


def planned(stack: stacks.StackFile, times: int) -> tuple[float, int]:
    """CPU seconds of one recording, and how many resources it made."""
    key = f"{stack.project}:platform"
    override = merge(json.loads(stack.config.get(key, "{}")), many(times))
    gc.collect()
    started = time.process_time()
    config = {**stack.config, key: json.dumps(override)}
    graph: Graph = record(program(ROOT), project=stack.project, stack=stack.name, config=config)
    return time.process_time() - started, sum(node.custom for node in graph)


def many(times: int) -> Mapping[str, Any]:
    """Settings with so many models and node groups."""
    model = {"storage_uri": "artifacts/fraud/3", "format": "sklearn"}
    group = {"instance_types": ["m7i.large"], "min_size": 1, "max_size": 3}
    return {
        "serving": {"models": [{"name": f"model-{number}", **model} for number in range(times)]},
        "cluster": {
            "node_groups": {f"group-{number}": group for number in range(min(times, MOST_GROUPS))},
            "autoscaler": {"max_nodes": 3 * times + 10},
        },
    }
