"""The tiers against what is promised of them, and the catalogue against the rules."""

import json
import os
from pathlib import Path

import pytest

from localcloud.catalogue import KINDS
from mlops.core.usage import BY_TIER
from mlops.cost import report
from mlops.cost.book import load
from mlops.cost.estimate import FREE, RULES, Estimate, estimate
from mlops.cost.rules import free_reason, rule_of
from mlops.tiers import TIERS
from tests.platforms import tier_graph

GOLDEN = Path(__file__).parent.parent / "golden"


def of_tier(name: str) -> Estimate:
    return estimate(tier_graph(name), BY_TIER[name], load())


@pytest.mark.parametrize(("tier", "low", "high"), [("dev", 300, 600), ("prod", 1200, 2500), ("enterprise", 2500, 5000)])
def test_a_tier_costs_what_is_promised_of_it(tier: str, low: int, high: int) -> None:
    made = of_tier(tier)
    dearest = ", ".join(f"{row.label} {report.money(row.monthly)}" for row in report.grouped(made.lines)[:5])
    assert low <= made.total <= high, f"{report.money(made.total)}; dearest: {dearest}"


@pytest.mark.parametrize("tier", TIERS)
def test_everything_in_a_tier_has_a_price(tier: str) -> None:
    assert report.problems(of_tier(tier)) == []


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_has_its_usage(tier: str) -> None:
    assert tier in BY_TIER


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_every_type_of_the_catalogue_has_a_price_or_a_reason_to_be_free(type_: str) -> None:
    assert rule_of(type_) or free_reason(type_), "Give it a rule in mlops/cost/rules, or a reason in rules/free.py."


def test_no_type_is_both_priced_and_free() -> None:
    assert RULES.keys() & FREE.keys() == set()


@pytest.mark.parametrize("tier", TIERS)
def test_the_price_of_a_tier_is_the_one_that_was_reviewed(tier: str) -> None:
    """A review sees a changed price as a changed file: `UPDATE_GOLDEN=1` writes it anew."""
    made = of_tier(tier)
    now = {
        "monthly": float(round(made.total, 2)),
        "modules": {name: float(round(report.module_total(lines), 2)) for name, lines in made.by_module().items()},
        "lines": {f"{row.module}: {row.label}": float(round(row.monthly, 2)) for row in report.rows(made)},
    }
    path = GOLDEN / f"price-{tier}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(path.read_text()), "If this is meant: `make golden`, and look at the difference."
