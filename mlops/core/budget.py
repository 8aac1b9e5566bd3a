"""What a stack may cost, in all and by team, and who hears of it before it does."""

from pydantic import Field, model_validator

from mlops.core.config import Config


class BudgetConfig(Config):
    """The stack's monthly budget in US dollars, watched by AWS Budgets; estimates are held against it as well."""

    monthly_usd: float = Field(gt=0, le=100_000_000)
    """What the whole stack may cost in a month. `mlops cost` ends with exit code 3 above it."""
    teams: dict[str, float] = Field(default_factory=dict)
    """A budget for each team in US dollars a month, by the value of the tag `team_tag`."""
    team_tag: str = Field(default="Team", pattern=r"^[A-Za-z][A-Za-z0-9_.:/=+@-]{0,127}$")
    """Tag that says whose a resource is."""
    alert_percents: tuple[int, ...] = Field(default=(50, 80, 100), min_length=1)
    """Alerts once the cost of the month has reached these shares of the budget, percent."""
    forecast_percent: int | None = Field(default=100, ge=1, le=1000)
    """Alert once the month is forecast to reach this share; null for none."""
    emails: tuple[str, ...] = ()
    """Who is told by e-mail, at most 10 (AWS Budgets)."""
    activate_tags: bool = False
    """Activate the tags that budgets filter by for cost allocation. AWS allows it in the payer account only, and only
    for tags that have been in use for a day; elsewhere somebody activates them once in the billing console."""
    topic_arn: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:.+$")
    """SNS topic that is told as well."""

    @model_validator(mode="after")
    def _somebody_hears_of_sensible_alerts(self) -> "BudgetConfig":
        if not self.emails and not self.topic_arn:
            raise ValueError("a budget without emails and without topic_arn alerts nobody; give one of them")
        if len(self.emails) > 10:
            raise ValueError(f"emails names {len(self.emails)} addresses; AWS Budgets tells at most 10")
        if without_at := [email for email in self.emails if "@" not in email]:
            raise ValueError(f'emails holds "{without_at[0]}", which is no e-mail address')
        if wrong := [percent for percent in self.alert_percents if not 1 <= percent <= 1000]:
            raise ValueError(f"alert_percents holds {wrong[0]}; give shares of the budget from 1 to 1000 percent")
        # AWS Budgets holds five notifications a budget.
        alerts = len(set(self.alert_percents)) + (self.forecast_percent is not None)
        if alerts > 5:
            raise ValueError(f"alert_percents and forecast_percent make {alerts} alerts; AWS Budgets holds 5 a budget")
        return self

    @model_validator(mode="after")
    def _teams_fit_the_whole(self) -> "BudgetConfig":
        for team, usd in self.teams.items():
            if usd <= 0:
                raise ValueError(f"teams.{team} is {usd:g}; a budget is more than 0 US dollars")
        if (together := sum(self.teams.values())) > self.monthly_usd:
            raise ValueError(
                f"the budgets of the teams add up to {together:g} and monthly_usd is {self.monthly_usd:g}; "
                "raise monthly_usd, or lower a team's"
            )
        return self
