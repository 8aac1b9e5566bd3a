"""Every preset is a stack that a team could take as it is: it loads, fits, obeys the rules, costs what it should."""

from functools import cache
from pathlib import Path

import pytest

from mlops.choice.presets import names, preset
from mlops.choice.trials import Trial, tried
from mlops.core import clock
from mlops.core.versions import CATALOGUE_DATE
from tests.cli.conftest import ROOT, Run, engine, environment, mlops, plans, project

__all__ = ["engine", "environment", "mlops", "plans", "project"]  # fixtures

BANDS = {
    "enterprise": (2500, 5000),
    "enterprise-dev": (300, 600),
    "enterprise-prod": (2500, 5000),
    "large-team": (1200, 3000),
    "medium-team": (1200, 2500),
    "production": (1200, 2500),
    "recommender-on-ecs": (300, 800),
    "research": (300, 800),
    "small-team": (300, 800),
    "startup": (300, 800),
}
"""US dollars a month that each is meant for."""
FIRST = "recommender-on-ecs"
"""The smallest, which is rehearsed in every run; the others in the long one."""


@cache
def made(name: str) -> Trial:
    one = preset(name, ROOT)
    with clock.on(CATALOGUE_DATE):
        return tried(ROOT, one.tier, one.platform)


def test_every_preset_says_for_whom_it_is() -> None:
    assert names(ROOT) == tuple(BANDS)
    for name in names(ROOT):
        assert len(preset(name, ROOT).purpose) > 40
        assert preset(name, ROOT).purpose.endswith(".")


@pytest.mark.parametrize("name", BANDS)
def test_a_preset_costs_what_it_is_meant_to_and_breaks_no_rule(name: str) -> None:
    least, most = BANDS[name]
    with clock.on(CATALOGUE_DATE):
        assert least <= float(made(name).estimate.total) <= most
        assert [finding.rule for finding in made(name).report.blocking] == []


@pytest.mark.parametrize("name", BANDS)
def test_the_pods_of_a_preset_find_room(name: str) -> None:
    assert made(name).capacity.stuck == ()


@pytest.mark.engine
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == FIRST else pytest.mark.long) for name in BANDS]
)
def test_a_preset_comes_up_stays_as_it_is_and_goes(name: str, mlops: Run, engine: Path) -> None:
    assert mlops("init", "--stack", "start", "--preset", name).code == 0
    answer = mlops("rehearse", "-s", "start", "--json")
    assert answer.code == 0, answer
    up, again, *_, down = answer.json()["steps"]
    assert set(up["counts"]) == {"create"}
    assert not again["changed"]
    assert down["counts"] == {"delete": up["counts"]["create"]}


def test_a_preset_is_a_start_and_settings_are_laid_over_it(mlops: Run, project: Path) -> None:
    given = ("init", "--stack", "qa", "--preset", "startup", "--set", "network.zones=3")
    assert mlops(*given).code == 0
    text = (project / "Pulumi.qa.yaml").read_text()
    assert "kind: lambda" in text
    assert "zones: 3" in text
    wrong = mlops("init", "--stack", "qb", "--preset", "startp")
    assert wrong.code == 2
    assert 'Did you mean "startup"?' in wrong.err
    both = mlops("init", "--stack", "qb", "--preset", "startup", "--tier", "dev")
    assert both.code == 2
    assert not (project / "Pulumi.qb.yaml").exists()
