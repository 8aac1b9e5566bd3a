"""AWS Budgets: the whole stack and each team against what they may cost, with alerts before and after.

A budget sees costs by tag, so it counts what carries the stack's tags and what AWS bills a day late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base.component import Component
from mlops.core.budget import STACK_TAGS, BudgetConfig


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """Whose costs they are."""

    prefix: str
    """Start of the budgets' names: `mlops-dev`."""
    tags: Mapping[str, str]
    """Tags of everything in the stack, `Project` and `Environment` among them."""
    teams: Mapping[str, float] = field(default_factory=dict)
    """Budgets of the teams that have a section of their own, US dollars a month."""


@dataclass(frozen=True, kw_only=True)
class BudgetOutputs:
    """ARNs of the budgets: of the whole stack, and by team."""

    total: pulumi.Output[str]
    teams: dict[str, pulumi.Output[str]]


class Budget(Component[BudgetOutputs]):
    """A monthly budget for the stack and one for each team."""

    token = "mlops:index:Budget"

    def __init__(
        self, name: str, config: BudgetConfig, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        stack = {key: args.tags[key] for key in STACK_TAGS}
        total = self._budget("total", config.monthly_usd, stack)
        teams = {
            team: self._budget(f"team-{team}", usd, {**stack, config.team_tag: team})
            for team, usd in {**config.teams, **args.teams}.items()
        }
        if config.activate_tags:
            self._activate([*STACK_TAGS, "CostCenter", *([config.team_tag] if teams else [])])
        self.publish(BudgetOutputs(total=total.arn, teams={team: budget.arn for team, budget in teams.items()}))

    def _budget(self, role: str, usd: float, tags: Mapping[str, str]) -> "aws.budgets.Budget":
        return aws.budgets.Budget(
            f"{self.name}-{role}",
            name=f"{self._args.prefix}-{role}",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{usd:.2f}",
            limit_unit="USD",
            # What is on the bill: without reservations spread over their term, with refunds taken off.
            metrics="UnblendedCost",
            filter_expression=aws.budgets.BudgetFilterExpressionArgs(
                ands=[
                    aws.budgets.BudgetFilterExpressionAndArgs(
                        tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[value])
                    )
                    for key, value in tags.items()
                ]
            ),
            notifications=self._notifications(),
            opts=self.child,
        )

    def _notifications(self) -> "list[aws.budgets.BudgetNotificationArgs]":
        config = self._config
        alerts = [("ACTUAL", percent) for percent in sorted(set(config.alert_percents))]
        if config.forecast_percent is not None:
            alerts.append(("FORECASTED", config.forecast_percent))
        return [
            aws.budgets.BudgetNotificationArgs(
                notification_type=kind,
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
                subscriber_email_addresses=list(config.emails) or None,
                subscriber_sns_topic_arns=[config.topic_arn] if config.topic_arn else None,
            )
            for kind, percent in alerts
        ]

    def _activate(self, keys: list[str]) -> None:
        for key in keys:
            aws.costexplorer.CostAllocationTag(
                f"{self.name}-tag-{key.lower()}",
                tag_key=key,
                status="Active",
                # The activation is the account's, and other stacks need it.
                opts=self.child_with(retain_on_delete=True),
            )
