"""Which connections a stack lets through, read back from its own rules."""

import pytest

from mlops.plan.flows import Flow, flows, unguarded
from mlops.tiers import TIERS
from tests.platforms import platform, tier_graph

OF_CHARTS = {"cert-manager", "external-secrets", "kserve", "knative-operator", "knative-serving", "istio-system"}
"""Namespaces whose pods come from charts that bring no policy, or bring their own."""


def found(**wanted: str) -> list[Flow]:
    return [
        one for one in flows(tier_graph("prod")) if all(getattr(one, key) == value for key, value in wanted.items())
    ]


def test_the_tracking_server_hears_its_own_and_whom_a_label_lets_in_and_nobody_else() -> None:
    heard = found(where="mlflow/app.kubernetes.io/part-of=mlflow", direction="in")
    assert {one.other for one in heard} == {
        "mlflow/all pods",
        "pods of namespaces with mlops.platform/tracking=allowed",
    }
    assert {one.ports for one in heard} == {"TCP 5000"}


def test_the_database_hears_the_cluster_on_its_port() -> None:
    (only,) = found(where="database-security-group", direction="in")
    assert (only.other, only.ports) == ("nodes and pods of the cluster", "TCP 5432")


@pytest.mark.parametrize("tier", TIERS)
def test_every_namespace_that_is_no_charts_is_closed_both_ways(tier: str) -> None:
    assert set(unguarded(tier_graph(tier))) <= OF_CHARTS


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_hears_the_internet(tier: str) -> None:
    assert [one for one in flows(tier_graph(tier)) if one.direction == "in" and one.other == "the internet"] == []


def test_pods_of_a_team_are_heard_by_their_own_alone() -> None:
    graph = platform("dev", {"teams": {"fraud": {}, "search": {}}})
    heard = {one.other for one in flows(graph) if one.where == "team-fraud/all pods" and one.direction == "in"}
    assert heard == {"team-fraud/all pods"}
    assert set(unguarded(graph)) <= OF_CHARTS
