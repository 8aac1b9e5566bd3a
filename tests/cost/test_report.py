"""Estimates as text and data."""

from datetime import date
from decimal import Decimal

from mlops.core.budget import BudgetConfig
from mlops.core.usage import BY_TIER
from mlops.cost import report
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from tests.cost.stacks import priced, resource
from tests.platforms import tier_graph


def test_amounts_are_written_so_that_nothing_looks_like_nothing() -> None:
    assert report.money(Decimal("1234.567")) == "$1,234.57"
    assert report.money(Decimal("0.004")) == "<$0.01"
    assert report.money(Decimal("-0.004"), sign=True) == "-<$0.01"
    assert report.money(Decimal(0)) == "$0.00"
    assert report.money(Decimal(5), sign=True) == "+$5.00"
    assert report.unit_price(Decimal("0.0000166667")) == "$0.00001667"
    assert report.unit_price(Decimal("0.5")) == "$0.50"
    assert (report.amount(Decimal("1460")), report.amount(Decimal("0.25"))) == ("1,460", "0.25")


def test_lines_that_say_the_same_of_several_resources_become_one() -> None:
    [row] = report.rows(priced(resource("aws:ec2/eip:Eip", "a"), resource("aws:ec2/eip:Eip", "b")))
    assert (row.resources, row.quantity, row.monthly) == (("a", "b"), 1460, Decimal("7.300"))


def test_a_comparison_shows_modules_that_only_one_of_the_two_has() -> None:
    book = load()
    before, after = (estimate(tier_graph(name), BY_TIER[name], book) for name in ("dev", "prod"))
    rows = report.differences(before, after)
    assert abs(sum(row.change for row in rows) - (after.total - before.total)) < Decimal("0.000001")
    assert [abs(row.change) for row in rows] == sorted((abs(row.change) for row in rows), reverse=True)
    text = report.to_markdown(after, before, None)
    assert f"| **Total** | {report.money(before.total)} |" in text


def test_markdown_says_what_is_over_the_budget_and_what_is_not_in_the_total() -> None:
    made = priced(resource("aws:kms/key:Key"), resource("aws:quantum/computer:Computer", "q"))
    text = report.to_markdown(made, None, Decimal("0.25"))
    assert "**at least $1.00 a month is $0.75 over the budget of $0.25.**" in text
    assert "> Not in the total: aws:quantum/computer:Computer (q)" in text
    assert "<details><summary>Every line</summary>" in text


def test_json_holds_totals_budget_and_age() -> None:
    budget = BudgetConfig(monthly_usd=10, emails=("costs@example.com",))
    document = report.to_json(priced(resource("aws:kms/key:Key")), load(), budget, date(2026, 11, 20))
    assert document["monthly"] == {
        "total": 1.0,
        "fixed": 1.0,
        "usage": 0.0,
        "low": 1.0,
        "high": 1.0,
        "complete": True,
    }
    assert document["budget"] == 10
    assert document["lines"][0]["price"]["age_days"] == 872
    assert document["modules"] == {report.STACK_LEVEL: 1.0}


def test_a_stack_within_its_budget_is_not_over_it() -> None:
    made = priced(resource("aws:kms/key:Key"))
    assert report.over_budget(made, None) == 0
    assert report.over_budget(made, Decimal(1)) == 0
    assert report.over_budget(made, Decimal("0.99")) == Decimal("0.01")


def test_ages_span_the_newest_and_the_oldest_dated_price() -> None:
    prices = priced(resource("aws:kms/key:Key")).prices()
    assert report.ages(prices, date(2026, 11, 20)) == (872, 872)
    assert report.ages((), date(2026, 11, 20)) is None
