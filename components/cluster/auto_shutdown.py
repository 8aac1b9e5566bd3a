"""Nodes outside working hours: none. Scheduled actions empty every node group in the evening and fill it again.

Only nodes stop. The control plane, the database and what else is billed by the hour run on.
"""

import re
from typing import Annotated
from zoneinfo import available_timezones

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.cluster.node_config import Sizes
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.windows import Clock, Day

TimeZone = Annotated[
    str, Form("[A-Za-z0-9_+/-]+", "a time zone as IANA names it, `Europe/Madrid` or `Etc/UTC`", most=64)
]
_CRON_SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class AutoShutdownConfig(Config):
    """Working hours: outside of them the node groups are empty. Deploy and destroy within them, because controllers
    that clean up need nodes."""

    days: Annotated[tuple[Day, ...], Unique(most=7)] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    """Days on which nodes run: mon, tue, wed, thu, fri, sat, sun."""
    start: Clock = "07:00"
    """When the first nodes are started."""
    stop: Clock = "20:00"
    """When the last nodes go, later on the same day. Pods are evicted first, as in every scale-down of EKS."""
    time_zone: TimeZone = "Etc/UTC"
    """Time zone of both, as IANA names it (`Europe/Madrid`); daylight saving is followed."""

    @model_validator(mode="after")
    def _is_a_week(self) -> "AutoShutdownConfig":
        if self.start >= self.stop:
            raise ValueError(
                f"start is {self.start} and stop is {self.stop}; nodes have to start before they stop, on the same day"
            )
        # Some systems keep no time zones; there AWS is the first to look.
        if (known := available_timezones()) and self.time_zone not in known:
            raise ValueError(
                f'time_zone is "{self.time_zone}", which IANA does not know; names look like Europe/Madrid or Etc/UTC'
            )
        return self

    def recurrence(self, clock: str) -> str:
        """When it is `clock` on the days, as cron writes it."""
        hour, minute = clock.split(":")
        days = sorted(_CRON_SUNDAY_FIRST.index(day) for day in self.days)
        return f"{int(minute)} {int(hour)} * * {','.join(map(str, days))}"


def auto_shutdown(
    name: str, config: AutoShutdownConfig, group: "aws.eks.NodeGroup", sizes: Sizes, opts: pulumi.ResourceOptions
) -> None:
    """The two scheduled actions of one managed node group."""
    scaling_group = group.resources.apply(
        lambda resources: str(resources[0].autoscaling_groups[0].name)  # type: ignore[index]
    )
    # Empty means at most none: an autoscaler that is still there would bring a node back for its own pods.
    by_day = {"start": (config.start, sizes), "stop": (config.stop, Sizes(min=0, desired=0, max=0))}
    for role, (clock, size) in by_day.items():
        aws.autoscaling.Schedule(
            f"{name}-{role}",
            autoscaling_group_name=scaling_group,
            scheduled_action_name=re.sub(r"[^a-zA-Z0-9-]+", "-", f"{name}-{role}"),
            recurrence=config.recurrence(clock),
            time_zone=config.time_zone,
            min_size=size.min,
            desired_capacity=size.desired,
            max_size=size.max,
            opts=opts,
        )
