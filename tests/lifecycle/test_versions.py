"""Which versions are pinned, until when they are supported, and the legal way on."""

from datetime import date, timedelta

import pytest

from mlops.core import engines, lifecycles, versions
from mlops.lifecycle.pinned import Pinned, pinned
from mlops.lifecycle.support import ONE_AT_A_TIME, SOON_DAYS, State, held_by, next_of, rows, state
from tests.platforms import ROOT, tier_graph

CHARTS = {name: one for name, one in vars(versions).items() if isinstance(one, versions.Chart)}
PRODUCTS = ("amazon-eks", "amazon-msk", "amazon-rds-postgresql", "istio", "keda", "cert-manager", "apache-flink")
HELD_BACK = {
    "knative-operator": "KServe 0.20 is tested with 1.21.1 (its kserve-deps.env), whose support ended on 2026-08-04",
    "pulsar": "4.0 is the line with long-term support: bugs until 2026-10-21, security until 2027-10-21",
}
"""Charts of the catalogue whose product has left its support, each with the reason that it stays."""


def anything(product: str, version: str) -> bool:
    return True


@pytest.mark.parametrize("name", CHARTS)
def test_no_chart_of_the_catalogue_was_past_its_support_on_the_catalogues_day(name: str) -> None:
    chart = CHARTS[name]
    cycle = lifecycles.cycle_of(chart.product, chart.app or chart.version) if chart.product else None
    assert not chart.product or cycle, f"{chart.product} has no {chart.app or chart.version} in the table of lifecycles"
    assert chart.released, f"{chart.name} {chart.version} has no day of release"
    assert chart.released <= versions.CATALOGUE_DATE
    if cycle and chart.name not in HELD_BACK:
        newest = lifecycles.cycles(chart.product)[0]
        assert cycle.until is None or cycle.until >= versions.CATALOGUE_DATE, (
            f"{chart.name} {chart.version} left support on {cycle.until}; its successor: {newest.latest or newest.name}"
        )


def test_what_is_held_back_is_past_its_support_and_nothing_else_is_excused() -> None:
    for chart in CHARTS.values():
        if chart.name in HELD_BACK:
            cycle = lifecycles.cycle_of(chart.product, chart.app or chart.version)
            assert cycle
            assert cycle.until
            assert cycle.until < versions.CATALOGUE_DATE


def test_two_tables_of_support_say_the_same_of_eks_and_of_postgresql() -> None:
    for name, eks in versions.EKS.items():
        cycle = lifecycles.cycle_of(lifecycles.EKS, name)
        assert cycle
        assert (cycle.until, cycle.extended_until) == (eks.standard_until, eks.extended_until)
    for name, release in engines.RDS["postgres"].items():
        cycle = lifecycles.cycle_of(lifecycles.POSTGRES, name)
        assert cycle
        assert (cycle.until, cycle.extended_until) == (release.standard_until, release.extended_until)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_way_on_goes_up_and_leaves_no_step_out_where_none_may_be_left_out(product: str) -> None:
    names = [one.name for one in lifecycles.cycles(product)]
    assert next_of(product, lifecycles.cycles(product)[0], anything) == ""
    for newer, cycle in zip(names, lifecycles.cycles(product)[1:], strict=False):
        following = next_of(product, cycle, anything)
        assert lifecycles.number(following) > lifecycles.number(cycle.name)
        if product in ONE_AT_A_TIME:
            assert following == newer


def test_the_day_decides_how_a_version_stands() -> None:
    cycle = lifecycles.cycle_of(lifecycles.EKS, "1.34")
    assert cycle
    assert cycle.until
    assert cycle.extended_until
    day = timedelta(days=1)
    assert state(cycle, cycle.until - SOON_DAYS * day - day) is State.SUPPORTED
    assert state(cycle, cycle.until) is State.SOON
    assert state(cycle, cycle.until + day) is State.EXTENDED
    assert state(cycle, cycle.extended_until + day) is State.ENDED
    assert state(None, cycle.until) is State.UNKNOWN


def test_a_chart_that_is_not_made_for_the_next_kubernetes_holds_it_back_and_is_named() -> None:
    pins = [
        Pinned(kind="AWS", what="EKS", version="1.35", product=lifecycles.EKS),
        Pinned(kind="chart", what="keda", version="2.20.2", product="keda"),
        Pinned(kind="chart", what="karpenter", version="1.14.1", product="karpenter"),
    ]
    assert held_by(pins, "1.36") == ("keda 2.20.2 is made for Kubernetes 1.33 to 1.35",)
    eks, keda, _ = rows(pins, date(2026, 11, 20))
    assert eks.next == "1.36"
    assert eks.held_by == held_by(pins, "1.36")
    assert keda.held_by == ()


def test_every_version_that_a_tier_asks_for_is_listed_once() -> None:
    found = pinned(tier_graph("prod"), ROOT / "uv.lock")
    assert len({(one.kind, one.what, one.version) for one in found}) == len(found)
    by_name = {one.what: one for one in found}
    assert {"EKS", "RDS for PostgreSQL", "MSK", "cert-manager", "pulumi-aws"} <= by_name.keys()
    assert by_name["EKS nodes"].version == by_name["EKS"].version == versions.EKS_DEFAULT
    assert all(one.released for one in found if one.kind in ("chart", "SDK"))
    charts = {node.name for node in tier_graph("prod").of_type("kubernetes:helm.sh/v3:Release")}
    assert charts == {name for one in found if one.kind == "chart" for name in one.resources}
