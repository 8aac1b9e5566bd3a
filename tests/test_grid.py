"""The grid that the catalogue promises: every combination of how events enter, where models live, who watches and how
models answer makes a platform whose price is known, that breaks no mandatory rule, and whose pods find room.

The table is tests/golden/grid.json, one combination a line, for a review to read. A new variant joins by being there:
`UPDATE_GOLDEN=1 pytest -m long tests/test_grid.py` writes its lines.
"""

import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from allpairspy import AllPairs

from mlops.choice import grid
from tests.platforms import ROOT

GOLDEN = Path(__file__).parent / "golden" / "grid.json"
KINDS = grid.found()
TOO_MUCH_FOR_DEV = ("pulsar kubeflow datadog seldon",)
"""What needs more or larger system nodes than the tier dev has: the combination with the most on a cluster."""
SAMPLE = [dict(zip(KINDS, kinds, strict=True)) for kinds in AllPairs([list(known) for known in KINDS.values()])]
"""Every two kinds of different slots meet in one of them."""


def named(kinds: grid.Kinds) -> str:
    """A combination as the table names it."""
    return " ".join(kinds[slot] for slot in KINDS)


@cache
def golden() -> dict[str, dict[str, Any]]:
    """The table, by the names of combinations."""
    rows: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return rows


@cache
def row(name: str) -> dict[str, Any]:
    """What a combination comes to now."""
    verdict = grid.judged(dict(zip(KINDS, name.split(), strict=True)), ROOT)
    if verdict.refused:
        return {"refused": verdict.refused}
    return {
        "resources": verdict.resources,
        "monthly": str(verdict.monthly.quantize(Decimal("0.01"))),
        "complete": verdict.complete,
        "blocking": list(verdict.blocking),
        "waiting": list(verdict.waiting),
    }


def written(rows: dict[str, dict[str, Any]]) -> str:
    """One combination a line."""
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows))
    return f"{{\n{lines}\n}}\n"


def test_the_table_has_a_line_for_every_combination() -> None:
    assert set(golden()) == {named(kinds) for kinds in grid.combinations()}, "Write it anew: see above."


def test_every_combination_fits_and_breaks_no_mandatory_rule_or_says_why_it_cannot_be() -> None:
    for name, found in golden().items():
        if "refused" in found:
            assert found["refused"].endswith("."), name
        else:
            assert found["blocking"] == [], name
            assert found["waiting"] == [] or name in TOO_MUCH_FOR_DEV, name


def test_only_where_no_price_list_that_was_read_has_one_a_combination_costs_at_least_so_much() -> None:
    incomplete = {name for name, found in golden().items() if not found.get("complete", True)}
    assert all("sagemaker" in name.split() for name in incomplete)


def test_a_combination_without_a_module_that_needs_kubernetes_makes_none() -> None:
    kinds = {"data_pipeline": "kinesis", "ml_platform": "sagemaker", "monitoring": "cloudwatch", "serving": "lambda"}
    graph = grid.tried(ROOT, "dev", grid.settings(kinds)).graph
    assert not [node.type for node in graph if node.type.startswith(("kubernetes:", "eks:", "aws:eks"))]


@pytest.mark.parametrize("kinds", SAMPLE, ids=named)
def test_a_combination_comes_to_what_the_table_says(kinds: grid.Kinds) -> None:
    assert row(named(kinds)) == golden()[named(kinds)]


@pytest.mark.long
def test_every_combination_comes_to_what_the_table_says() -> None:
    now = {named(kinds): row(named(kinds)) for kinds in grid.combinations()}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(written(now))
        golden.cache_clear()
    assert now == golden()
