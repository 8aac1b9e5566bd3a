"""Alarms of CloudWatch: of what parts publish, of the platform's own metrics, and those that a team adds.

Limits: CloudWatch API reference, PutMetricAlarm; CloudWatch user guide, "CloudWatch quotas".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.watched import Watched
from components.watch.aws import SERVICES, Statistic
from components.watch.rules import Comparison, Rule, physical
from mlops.core.config import Config
from mlops.core.fields import Form

METRICS = "MLOps"
"""Namespace of what the agent scrapes from pods."""
_SECONDS = 300
_DAY, _WEEK = 86_400, 604_800
OPERATORS: Mapping[Comparison, str] = {">": "GreaterThanThreshold", "<": "LessThanThreshold"}

MetricWord = Annotated[
    str,
    Form("[A-Za-z0-9_./#-]([A-Za-z0-9_./# -]*[A-Za-z0-9_./#-])?", "letters, digits, spaces and `_./#-`", most=255),
]
AlarmName = Annotated[str, Form("[a-z][a-z0-9-]*", "lower case, digits and hyphens, `queue-full`", most=60)]


class AlarmConfig(Config):
    """An alarm that a team adds, on any metric of the account."""

    namespace: MetricWord
    """Namespace of the metric: `AWS/SQS`."""
    metric: MetricWord
    """Name of the metric: `ApproximateAgeOfOldestMessage`."""
    dimensions: Annotated[dict[MetricWord, MetricWord], Field(max_length=30)] = Field(default_factory=dict)
    """Dimensions that tell it from others, by name."""
    statistic: Statistic = "Average"
    """What of the values within a period counts."""
    comparison: Comparison = ">"
    """Whether it must not be above the threshold, or not below."""
    threshold: float = Field(ge=-1e15, le=1e15)
    """The value that must not be passed."""
    period_seconds: int = Field(default=300, ge=10, le=_DAY)
    """Length of a period: 10, 20, 30, or a multiple of 60 seconds."""
    periods: int = Field(default=1, ge=1, le=_DAY // 10)
    """Periods in a row after which it is raised."""
    severity: Literal["critical", "warning"] = "warning"
    """Who hears of it."""

    @model_validator(mode="after")
    def _within_the_limits_of_cloudwatch(self) -> "AlarmConfig":
        if self.period_seconds not in (10, 20, 30) and self.period_seconds % 60:
            raise ValueError(
                f"period_seconds is {self.period_seconds}; CloudWatch takes 10, 20, 30, or a multiple of 60"
            )
        span, most = self.period_seconds * self.periods, _WEEK if self.period_seconds >= 3600 else _DAY
        if span > most:
            raise ValueError(
                f"period_seconds is {self.period_seconds} and periods {self.periods}, {span:,} seconds in all; "
                f"CloudWatch looks back at most {most:,} with periods of that length. Lower periods to "
                f"{most // self.period_seconds}"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm as CloudWatch takes it."""

    name: str
    """The last part of its name."""
    says: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str
    comparison: Comparison
    threshold: float
    seconds: int
    periods: int
    severity: Literal["critical", "warning"]


def alarms(
    watched: Sequence[Watched], rules: Sequence[Rule], own: Mapping[str, AlarmConfig], cluster: pulumi.Input[str] | None
) -> Iterator[Alarm]:
    """All of them: of AWS's services, of what is scraped where there is a cluster, of the team's."""
    for one in watched:
        yield from _of_service(one)
    for rule in rules if cluster is not None else ():
        # A metric that is told apart by labels is many; an alarm is on one.
        if rule.severity != "info" and rule.query.dimensions and not rule.query.by:
            yield Alarm(
                name=physical(rule.name),
                says=f"{rule.says} {rule.do}",
                namespace=METRICS,
                metric=rule.query.metric,
                dimensions={"ClusterName": cluster or "", **rule.query.scope},
                statistic=rule.query.statistic,
                comparison=rule.comparison,
                threshold=rule.threshold,
                seconds=_SECONDS,
                periods=_periods(rule.minutes),
                severity=rule.severity,
            )
    for name, config in own.items():
        yield Alarm(
            name=name,
            says=f"{config.metric} of {config.namespace}, set in monitoring.alarms.",
            namespace=config.namespace,
            metric=config.metric,
            dimensions=dict(config.dimensions),
            statistic=config.statistic,
            comparison=config.comparison,
            threshold=config.threshold,
            seconds=config.period_seconds,
            periods=config.periods,
            severity=config.severity,
        )


def _of_service(one: Watched) -> Iterator[Alarm]:
    service = SERVICES.get(one.namespace)
    for rule in service.rules if service else ():
        if rule.severity != "info":
            yield Alarm(
                name=f"{one.what}-{physical(rule.metric.name)}",
                says=rule.says,
                namespace=one.namespace,
                metric=rule.metric.name,
                dimensions=one.dimensions,
                statistic=rule.metric.statistic,
                comparison=rule.comparison,
                threshold=rule.threshold,
                seconds=_SECONDS,
                periods=_periods(rule.minutes),
                severity=rule.severity,
            )


def make(name: str, prefix: str, alarm: Alarm, topics: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions
         ) -> None:  # fmt: skip
    """The alarm, which tells the topic of its severity when it is raised and when it is over."""
    topic = topics[alarm.severity]
    aws.cloudwatch.MetricAlarm(
        f"{name}-{alarm.name}",
        name=f"{prefix}-{alarm.name}",
        alarm_description=alarm.says,
        namespace=alarm.namespace,
        metric_name=alarm.metric,
        dimensions=dict(alarm.dimensions),
        statistic=alarm.statistic,
        comparison_operator=OPERATORS[alarm.comparison],
        threshold=alarm.threshold,
        period=alarm.seconds,
        evaluation_periods=alarm.periods,
        # Most of these services say nothing while nothing happens.
        treat_missing_data="notBreaching",
        alarm_actions=[topic],
        ok_actions=[topic],
        opts=opts,
    )


def _periods(minutes: int) -> int:
    return max(1, -(-minutes * 60 // _SECONDS))
