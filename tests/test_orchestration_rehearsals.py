"""The loop on each orchestrator, on the real engine: up, up again without a change, down to nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run, engine, environment, mlops, plans, project

__all__ = ["engine", "environment", "mlops", "plans", "project"]  # fixtures

WITHOUT_KUBERNETES: Mapping[str, Any] = {
    **dict.fromkeys(("cluster", "database", "monitoring")),
    "network": {"mode": "private"},
    "serving": {"kind": "ecs"},
    "ml_platform": {"kind": "sagemaker"},
}
STACKS: Mapping[str, Mapping[str, Any]] = {
    "argo_workflows": {},
    "airflow": {},
    "kubeflow_pipelines": {},
    "kubeflow_pipelines of the ML platform": {"ml_platform": {"kind": "kubeflow"}},
    "mwaa": WITHOUT_KUBERNETES,
    "step_functions": WITHOUT_KUBERNETES,
}


@pytest.mark.long
@pytest.mark.engine
@pytest.mark.parametrize("named", STACKS)
def test_the_loop_comes_up_on_it_stays_and_goes(mlops: Run, engine: Path, project: Path, named: str) -> None:
    kind = named.partition(" ")[0]
    unprotected = {"protect": False} if kind == "mwaa" else {}
    module = {"kind": kind, "loop": {}, **unprotected}
    stack = {"config": {"tier": "dev", "platform": {**STACKS[named], "orchestration": module}}}
    (project / "Pulumi.mix.yaml").write_text(yaml.safe_dump(stack))
    answer = mlops("rehearse", "-s", "mix", "--json")
    assert answer.code == 0, answer
    up, again, *_, down = answer.json()["steps"]
    assert set(up["counts"]) == {"create"}
    assert not again["changed"]
    assert down["counts"] == {"delete": up["counts"]["create"]}
