"""The whole platform on the real engine: every stack comes up, stays, changes its tier, and goes without a trace."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from localcloud.comparison import differences
from localcloud.engine import LocalCloud
from mlops import stacks
from mlops.choice.trials import program
from mlops.plan.recorder import record
from tests.cli.conftest import ROOT, engine, environment, mlops, plans, project

STACKS = ("local", "dev", "staging", "prod")
Run = Any

__all__ = ["engine", "environment", "mlops", "plans", "project"]  # fixtures


@pytest.mark.engine
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_comes_up_stays_as_it_is_and_goes_to_nothing(mlops: Run, engine: Path, stack: str) -> None:
    steps = mlops("rehearse", "-s", stack, "--json").json()["steps"]
    up, again, *_, down = steps
    assert all(step["ok"] for step in steps)
    assert set(up["counts"]) == {"create"}
    assert not again["changed"]
    assert down["counts"] == {"delete": up["counts"]["create"]}


@pytest.mark.engine
@pytest.mark.parametrize(("before", "after"), [("dev", "prod"), ("prod", "dev")])
def test_a_tier_changes_both_ways(mlops: Run, engine: Path, before: str, after: str) -> None:
    steps = {step["step"]: step for step in mlops("rehearse", "-s", after, "--from", before, "--json").json()["steps"]}
    assert all(step["ok"] for step in steps.values())
    assert steps[f"change to {after}"]["counts"]["update"] > 10
    # What production protects and dev does not have has to lose its protection before it can go.
    assert ("prod without protection" in steps) == (before == "prod")


@pytest.mark.engine
@pytest.mark.parametrize("stack", STACKS)
def test_a_plan_tells_what_the_engine_registers(tmp_path: Path, stack: str) -> None:
    file = stacks.read(stack, ROOT)
    run = program(ROOT)
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    pulumi = own if own.exists() else Path(shutil.which("pulumi") or "pulumi")
    options: Any = {"project": file.project, "config": file.config, "secret_keys": file.secret_keys}
    plan = record(run, stack=file.name, **options)
    with LocalCloud(tmp_path / "cloud", pulumi=pulumi, throwaway=True) as cloud:
        deployed = cloud.stack(run, stack=file.name, **options)
        assert deployed.up().ok
        assert differences(plan, deployed.graph()) == []
