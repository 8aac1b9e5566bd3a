"""Where the assumptions of an estimate come from, and what is refused."""

from pathlib import Path

import pytest

from mlops.core.budget import BudgetConfig
from mlops.core.config import Config
from mlops.core.problems import SettingsError
from mlops.core.usage import BY_TIER, UsageConfig
from mlops.cost.usage import budget_of, usage_of
from mlops.plan.choices import choices
from mlops.plan.plan import Choice


def choice(part: str, setting: str, value: object) -> Choice:
    return Choice(part=part, setting=setting, value=value, source="stack file")


def test_a_stack_begins_with_the_usage_of_its_tier() -> None:
    assert usage_of("prod") == BY_TIER["prod"]
    assert usage_of("prod").traffic.nat_gb > usage_of("dev").traffic.nat_gb


def test_a_stack_file_says_otherwise_figure_by_figure() -> None:
    usage = usage_of("prod", [choice("usage", "traffic.nat_gb", 7), choice("network", "nat", "one")])
    assert usage.traffic.nat_gb == 7
    assert usage.storage == BY_TIER["prod"].storage


def test_a_usage_file_comes_last(tmp_path: Path) -> None:
    file = tmp_path / "busy.yaml"
    file.write_text("traffic: {nat_gb: 9000}\nmargin_percent: 10\n")
    usage = usage_of("prod", [choice("usage", "traffic.nat_gb", 7)], file)
    assert (usage.traffic.nat_gb, usage.margin_percent) == (9000, 10)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("trafic: {nat_gb: 1}", 'trafic: there is no such setting. Did you mean "traffic"?'),
        ("traffic: {nat: 1}", "traffic.nat: there is no such setting."),
        ("traffic: {nat_gb: -1}", "traffic.nat_gb is -1; it must be at least 0"),
        ("compute: {node_hours: 9000}", "compute.node_hours is 9000; it must be at most 730"),
        ("storage: {data_gb: 1e15}", "storage.data_gb"),
        ("traffic: {nat_gb: lots}", 'traffic.nat_gb is "lots"; it must be a number'),
        ("- 1", "must hold a mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_usage_file_that_cannot_be_meant_is_refused_with_the_figure(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refusal:
        usage_of("dev", (), file)
    assert sentence in refusal.value.message
    assert "usage.yaml" in refusal.value.message


def test_a_usage_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read"):
        usage_of("dev", (), tmp_path / "nowhere.yaml")


def test_the_budget_is_the_one_of_the_settings() -> None:
    assert budget_of([]) is None
    budget = budget_of(
        [
            choice("budget", "monthly_usd", 900),
            choice("budget", "emails", ["costs@example.com"]),
            choice("budget", "teams", {"fraud": 100}),
        ]
    )
    assert budget is not None
    assert (budget.monthly_usd, budget.teams) == (900, {"fraud": 100})


class Settings(Config):
    """As much of the platform's settings as an estimate reads."""

    usage: UsageConfig = UsageConfig()
    """Usage."""
    budget: BudgetConfig | None = None
    """Budget."""


def test_what_the_settings_say_arrives_through_the_plan() -> None:
    budget = {"monthly_usd": 500, "emails": ["costs@example.com"], "teams": {"fraud": 50}}
    override = {"usage": {"storage": {"data_gb": 100, "put_requests": 1}}, "budget": budget}
    said = choices(Settings.model_validate(override), override)
    usage = usage_of("prod", said)
    # 100 is what a stack has without saying so; said in the stack file it holds against the tier all the same.
    assert (usage.storage.data_gb, usage.storage.put_requests) == (100, 1)
    assert usage.storage.get_requests == BY_TIER["prod"].storage.get_requests
    assert budget_of(said) == BudgetConfig.model_validate(budget)
