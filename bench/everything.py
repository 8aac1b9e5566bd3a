"""A stack with a module in every slot, as the slots are found: its first plan, and its rehearsal."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.commands import cpu, floor_of
from bench.measure import ROOT, Row, mlops, run
from mlops.choice.modules import fullest

_STACK = "everything"
OVER_FLOOR, MEGABYTES, UP = 4.0, 700.0, 40.0
"""Seconds of a plan beyond loading the SDKs' modules, its peak memory, and seconds until a rehearsal is up."""


def rows() -> Iterator[Row]:
    """The plan in a process of its own, and the rehearsal on the real engine."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "project")
        floor = floor_of(_STACK, f"{folder}/floor", project)
        plans = [run(mlops("plan", "-s", _STACK), {"MLOPS_CACHE_DIR": f"{folder}/{one}"}, project) for one in range(3)]
        first = min(plans, key=lambda one: one.seconds)
        note = f"{first.seconds:.2f} s where loading the SDKs takes {floor.seconds:.2f} s; {cpu(first)}"
        over = first.seconds - floor.seconds
        yield Row(what="a plan of everything, beyond loading", promised=OVER_FLOOR, measured=over, unit="s", note=note)
        memory = max(one.megabytes for one in plans)
        yield Row(what="its peak memory", promised=MEGABYTES, measured=memory, unit="MB")
        steps = json.loads(run(mlops("rehearse", "-s", _STACK, "--json"), None, project).out)["steps"]
        up = next(step for step in steps if step["step"] == "up")
        note = f"{up['counts']['create']} resources"
        yield Row(what="rehearsal of everything: up", promised=UP, measured=float(up["seconds"]), unit="s", note=note)


def _project(folder: Path) -> Path:
    """A project of the same program with one stack."""
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    if (tools := ROOT / ".tools").exists():
        (folder / ".tools").symlink_to(tools)
    settings = json.loads(json.dumps(fullest()))
    stack = {"config": {"aws:region": "us-east-1", "tier": "dev", "platform": settings}}
    (folder / f"Pulumi.{_STACK}.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
    return folder
