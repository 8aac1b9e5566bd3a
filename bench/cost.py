"""What a stack costs, whether it fits and how long it takes: beside the plan that they read, and at 5,000 resources."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row, best, mlops, run

OVER_THE_PLAN_SECONDS = 1.0
"""What an answer may take beyond the cached plan that it is computed from."""
LARGE, LARGE_SECONDS = 5_000, 3.0
"""Resources of a large stack, and what pricing it may take from file to table."""


def rows() -> Iterator[Row]:
    """Cost, capacity and timeline of prod beyond its cached plan; then of a file with 5,000 resources."""
    with tempfile.TemporaryDirectory() as cache:
        cached = {"MLOPS_CACHE_DIR": cache}
        run(mlops("plan", "-s", "prod"), cached)
        plan = best(mlops("plan", "-s", "prod"), cached)
        for command in ("cost", "capacity", "timeline"):
            answer = best(mlops(command, "-s", "prod"), cached)
            beyond = max(answer.seconds - plan.seconds, 0.0)
            note = f"{answer.seconds:.2f} s, of which the cached plan {plan.seconds:.2f} s"
            what = f"mlops {command} -s prod beyond the plan"
            yield Row(what=what, promised=OVER_THE_PLAN_SECONDS, measured=beyond, unit="s", note=note)
        file = Path(cache) / "large.json"
        file.write_text(large(run(mlops("plan", "-s", "prod", "--json"), cached).out))
        for command in ("cost", "timeline"):
            answer = best(mlops(command, "--graph", str(file), "--json"), cached, times=3)
            what = f"mlops {command} of {LARGE:,} resources"
            yield Row(what=what, promised=LARGE_SECONDS, measured=answer.seconds, unit="s", note=f"{size(file):,} made")


def large(plan: str) -> str:
    """A plan's JSON with as many copies of its resources as make a large stack, each under names of its own."""
    document = json.loads(plan)
    stack, nodes = f"urn:pulumi:{document['stack']}::", json.dumps(document["nodes"])
    made: list[object] = []
    while sum(bool(node["custom"]) for node in made if isinstance(node, dict)) < LARGE:
        made += json.loads(nodes.replace(stack, f"{stack.removesuffix('::')}-{len(made)}::"))
    return json.dumps({**document, "nodes": made})


def size(file: Path) -> int:
    """Resources in a plan's file."""
    return sum(bool(node["custom"]) for node in json.loads(file.read_text())["nodes"])
