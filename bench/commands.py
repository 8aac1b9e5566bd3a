"""The commands of the command line, in processes of their own."""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import ROOT, Row, Run, best, mlops, run

OWN_SHARE = 1.3
"""What a first plan may take, times what loading the SDKs' modules alone takes in the same run."""

_LOADED = """
import json, sys
from mlops.cli.app import run
run(["plan", "-s", sys.argv[1], "--json"])
names = [name for name in sys.modules if name.partition(".")[0] in (
    "pulumi", "pulumi_aws", "pulumi_eks", "pulumi_kubernetes")]
print("\\n" + json.dumps(names))
"""
_FLOOR = """
import gc, importlib, json, sys
gc.disable()
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
"""
"""A program that loads the same modules and does nothing else, from its start to its end as Python ends it."""


def rows() -> Iterator[Row]:
    """Help, validate, first and unchanged plan, rehearsal."""
    with tempfile.TemporaryDirectory() as cache:
        cached = {"MLOPS_CACHE_DIR": cache}
        loaded = modules_of("prod", f"{cache}/other")
        help_ = best(mlops("--help"))
        yield Row(what="mlops --help", promised=0.3, measured=help_.seconds, unit="s", note=cpu(help_))
        validate = best(mlops("validate", "-s", "prod"))
        yield Row(what="mlops validate -s prod", promised=1.0, measured=validate.seconds, unit="s", note=cpu(validate))

        # In turns, so that both see the same machine.
        floors, plans = [], []
        for number in range(5):
            floors.append(run([sys.executable, "-c", _FLOOR, loaded]))
            plans.append(run(mlops("plan", "-s", "prod"), {"MLOPS_CACHE_DIR": f"{cache}/{number}"}))
        floor, first = (min(runs, key=lambda one: one.seconds) for runs in (floors, plans))
        modules = f"{len(json.loads(loaded))} modules, {cpu(floor)}"
        yield Row(what="loading the SDKs alone", promised=0, measured=floor.seconds, unit="s", note=modules)
        ratio = first.seconds / floor.seconds
        note = f"{first.seconds:.2f} s where loading the SDKs takes {floor.seconds:.2f} s; {cpu(first)}"
        yield Row(what="first mlops plan -s prod / loading", promised=OWN_SHARE, measured=ratio, unit="x", note=note)
        memory = max(one.megabytes for one in plans)
        yield Row(what="its peak memory", promised=400, measured=memory, unit="MB")

        run(mlops("plan", "-s", "prod"), cached)
        unchanged = best(mlops("plan", "-s", "prod"), cached)
        note = cpu(unchanged)
        yield Row(what="unchanged mlops plan -s prod", promised=0.6, measured=unchanged.seconds, unit="s", note=note)
        policy = best(mlops("policy", "-s", "prod"), cached)
        note = cpu(policy)
        yield Row(what="mlops policy -s prod after a plan", promised=1.0, measured=policy.seconds, unit="s", note=note)


def modules_of(stack: str, cache: str, folder: Path = ROOT) -> str:
    """The SDKs' modules that a plan of a stack loads, as JSON."""
    return run([sys.executable, "-c", _LOADED, stack], {"MLOPS_CACHE_DIR": cache}, folder).out.splitlines()[-1]


def floor_of(stack: str, cache: str, folder: Path = ROOT) -> Run:
    """The quickest load of what a plan of a stack loads, which does nothing else."""
    return best([sys.executable, "-c", _FLOOR, modules_of(stack, cache, folder)], times=3)


def cpu(one: Run) -> str:
    return f"{one.cpu_seconds:.2f} s of CPU"


def rehearsal() -> Iterator[Row]:
    """The real engine on the stand-in cloud."""
    steps = json.loads(run(mlops("rehearse", "-s", "prod", "--json")).out)["steps"]
    seconds = {step["step"]: float(step["seconds"]) for step in steps}
    created = steps[0]["counts"]["create"]
    yield Row(what="rehearsal of prod: up", promised=15, measured=seconds["up"], unit="s", note=f"{created} resources")
    yield Row(what="rehearsal of prod: up without change", promised=10, measured=seconds["up again"], unit="s")
    yield Row(what="rehearsal of prod: destroy", promised=10, measured=seconds["destroy to nothing"], unit="s")
