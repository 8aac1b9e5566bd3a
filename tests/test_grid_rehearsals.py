"""Modules in any combination on the real engine: up, up again without a change, down to nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from allpairspy import AllPairs

from components.settings import PlatformConfig
from mlops.choice import grid
from mlops.choice.modules import Module, chosen, possible
from mlops.core.module import kind_of, slots, variants
from tests.cli.conftest import Run, engine, environment, mlops, plans, project

__all__ = ["engine", "environment", "mlops", "plans", "project"]  # fixtures

WITHOUT_KUBERNETES = {
    "data_pipeline": "kinesis",
    "ml_platform": "sagemaker",
    "monitoring": "cloudwatch",
    "serving": "lambda",
}
OTHERS = {
    name: {kind_of(variant): variant for variant in variants(slot)}
    for name, slot in slots(PlatformConfig).items()
    if name not in grid.SLOTS
}
"""The slots beside the grid's, by kind."""
SAMPLE = [
    dict(zip((*grid.SLOTS, *OTHERS), kinds, strict=True))
    for kinds in AllPairs(
        [*(list(kinds) for kinds in grid.found().values()), *([None, *kinds] for kinds in OTHERS.values())],
        filter_func=lambda row: possible(dict(zip((*grid.SLOTS, *OTHERS), row, strict=False))),
    )
]
"""Every two modules of different slots meet in one of them."""


def rehearsed(mlops: Run, project: Path, kinds: Mapping[str, str | None]) -> None:
    """Bring a combination over tier dev up and down, unprotected."""
    settings = grid.settings({slot: kind for slot, kind in kinds.items() if slot in grid.SLOTS and kind})
    for slot, known in OTHERS.items():
        if kind := kinds.get(slot):
            settings = {part: value for part, value in settings.items() if part not in known[kind].needs}
            settings |= chosen(Module(slot=slot, kind=kind, config=known[kind]))
    settings["network"] = {"zones": 3}
    stack = {"config": {"tier": "dev", "platform": settings}}
    (project / "Pulumi.mix.yaml").write_text(yaml.safe_dump(stack))
    answer = mlops("rehearse", "-s", "mix", "--json")
    assert answer.code == 0, answer
    up, again, *_, down = answer.json()["steps"]
    assert set(up["counts"]) == {"create"}
    assert not again["changed"]
    assert down["counts"] == {"delete": up["counts"]["create"]}


@pytest.mark.engine
def test_a_platform_without_kubernetes_comes_up_stays_and_goes(mlops: Run, engine: Path, project: Path) -> None:
    rehearsed(mlops, project, WITHOUT_KUBERNETES)


@pytest.mark.engine
def test_a_platform_with_a_module_in_every_slot_comes_up_stays_and_goes(
    mlops: Run, engine: Path, project: Path
) -> None:
    full = {"data_pipeline": "pulsar", "ml_platform": "kubeflow", "monitoring": "prometheus", "serving": "kubernetes"}
    rehearsed(mlops, project, {**full, **{slot: next(iter(known)) for slot, known in OTHERS.items()}})


@pytest.mark.long
@pytest.mark.engine
@pytest.mark.parametrize("kinds", SAMPLE, ids=lambda kinds: "-".join(kind or "none" for kind in kinds.values()))
def test_any_two_modules_come_up_together_stay_and_go(
    mlops: Run, engine: Path, project: Path, kinds: Mapping[str, str | None]
) -> None:
    rehearsed(mlops, project, kinds)
