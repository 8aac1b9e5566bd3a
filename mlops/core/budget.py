"""What a stack may cost, in all and by team, and who hears of it before it does."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import Email, TagKey, TeamName, TopicArn

STACK_TAGS = ("Project", "Environment")
"""Tags that tell a stack's costs from all others of the account."""
Usd = Annotated[float, Field(ge=0.01, le=100_000_000)]
"""Written with two decimals, which is as small as AWS Budgets gets."""
Percent = Annotated[int, Field(ge=1, le=1000)]
"""Share of a budget."""


class BudgetConfig(Config):
    """The stack's monthly budget in US dollars, watched by AWS Budgets; estimates are held against it as well."""

    monthly_usd: Usd
    """What the whole stack may cost in a month. `mlops cost` ends with exit code 3 above it, and
    where something has no price, so that nobody knows."""
    teams: dict[TeamName, Usd] = Field(default_factory=dict, max_length=100)
    """A budget for each team in US dollars a month, by the value of the tag `team_tag`."""
    team_tag: TagKey = "Team"
    """Tag that says whose a resource is."""
    alert_percents: Annotated[tuple[Percent, ...], Unique(most=5)] = Field(default=(50, 80, 100), min_length=1)
    """Alerts once the cost of the month has reached these shares of the budget, percent."""
    forecast_percent: Percent | None = 100
    """Alert once the month is forecast to reach this share; null for none."""
    emails: Annotated[tuple[Email, ...], Unique(most=10)] = ()
    """Who is told by e-mail, at most 10 (AWS Budgets)."""
    activate_tags: bool = False
    """Activate the tags that budgets filter by for cost allocation. AWS allows it in the payer account only, and only
    for tags that have been in use for a day; elsewhere somebody activates them once in the billing console."""
    topic_arn: TopicArn | None = None
    """SNS topic that is told as well."""

    @model_validator(mode="after")
    def _somebody_hears_of_sensible_alerts(self) -> "BudgetConfig":
        if not self.emails and not self.topic_arn:
            raise ValueError("a budget without emails and without topic_arn alerts nobody; give one of them")
        # AWS Budgets holds five notifications a budget.
        alerts = len(self.alert_percents) + (self.forecast_percent is not None)
        if alerts > 5:
            raise ValueError(f"alert_percents and forecast_percent make {alerts} alerts; AWS Budgets holds 5 a budget")
        return self

    @field_validator("team_tag")
    @classmethod
    def _teams_have_a_tag_of_their_own(cls, tag: str) -> str:
        if tag in STACK_TAGS:
            raise ValueError(f"team_tag is {tag}, which says whose the stack is; a team's budget needs another tag")
        return tag

    @model_validator(mode="after")
    def _teams_fit_the_whole(self) -> "BudgetConfig":
        if (together := sum(self.teams.values())) > self.monthly_usd:
            raise ValueError(
                f"the budgets of the teams add up to {together:g} and monthly_usd is {self.monthly_usd:g}; "
                "raise monthly_usd, or lower a team's"
            )
        return self
