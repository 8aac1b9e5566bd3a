"""Budgets as AWS gets them."""

from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.account.budget import Budget, BudgetArgs
from mlops.core.budget import BudgetConfig
from mlops.plan.graph import Graph
from tests.support import names, only, recorded

TAGS = {"Project": "mlops", "Environment": "dev", "CostCenter": "engineering"}
BUDGET = "aws:budgets/budget:Budget"
TAG = "aws:costexplorer/costAllocationTag:CostAllocationTag"


def budgets(**settings: Any) -> Graph:
    config = BudgetConfig.model_validate({"monthly_usd": 600, "emails": ("costs@example.com",), **settings})

    def build(opts: pulumi.ResourceOptions) -> None:
        Budget("budget", config, BudgetArgs(prefix="mlops-dev", tags=TAGS), opts)

    return recorded(build)


def test_the_stack_has_a_monthly_budget_over_what_carries_its_tags() -> None:
    inputs = only(budgets(), BUDGET).inputs
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == ("600.00", "USD", "MONTHLY")
    assert [row["tags"] for row in inputs["filterExpression"]["ands"]] == [
        {"key": "Project", "values": ["mlops"]},
        {"key": "Environment", "values": ["dev"]},
    ]


def test_people_hear_of_it_at_half_four_fifths_all_and_when_all_is_foreseen() -> None:
    alerts = only(budgets(), BUDGET).inputs["notifications"]
    assert [(row["notificationType"], row["threshold"]) for row in alerts] == [
        ("ACTUAL", 50),
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert all(row["subscriberEmailAddresses"] == ["costs@example.com"] for row in alerts)


def test_each_team_has_its_own_budget_within_the_stack() -> None:
    graph = budgets(teams={"fraud": 200, "search": 100.5})
    assert names(graph, BUDGET) == ["budget-team-fraud", "budget-team-search", "budget-total"]
    fraud = only(graph, BUDGET, "budget-team-fraud").inputs
    assert fraud["name"] == "mlops-dev-team-fraud"
    assert {"tags": {"key": "Team", "values": ["fraud"]}} in fraud["filterExpression"]["ands"]
    assert only(graph, BUDGET, "budget-team-search").inputs["limitAmount"] == "100.50"


def test_tags_are_activated_only_where_asked_for_and_stay_active_for_other_stacks() -> None:
    assert names(budgets(), TAG) == []
    graph = budgets(activate_tags=True, teams={"fraud": 100})
    assert {node.inputs["tagKey"] for node in graph.of_type(TAG)} == {"Project", "Environment", "CostCenter", "Team"}
    assert all(node.retain_on_delete for node in graph.of_type(TAG))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"emails": ()}, "alerts nobody"),
        ({"emails": ("nobody",)}, "one e-mail address"),
        ({"emails": tuple(f"a{index}@example.com" for index in range(11))}, "at most 10"),
        ({"teams": {"fraud": 700}}, "add up to 700 and monthly_usd is 600"),
        ({"teams": {"fraud": 0}}, "greater than or equal to 0.01"),
        ({"alert_percents": (0,)}, "greater than or equal to 1"),
        ({"alert_percents": (10, 20, 30, 40, 50)}, "make 6 alerts"),
    ],
)
def test_a_budget_that_cannot_work_is_refused_with_the_reason(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        BudgetConfig.model_validate({"monthly_usd": 600, "emails": ("costs@example.com",), **settings})
