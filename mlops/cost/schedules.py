"""For how much of a week a node group runs, from the scheduled actions on its Auto Scaling group in the graph."""

import re
from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context
from mlops.plan.graph import Node

SCHEDULE = "aws:autoscaling/schedule:Schedule"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
WEEK_MINUTES = 7 * 24 * 60

_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def share_of_week(group: Node, context: Context) -> Decimal:
    """From 0 to 1. A group runs from an action that wants nodes until one that wants none. 1 without actions, and
    with any that comes less regularly than every week: what is not understood is never taken off a bill."""
    events: list[tuple[int, bool]] = []
    for action in _actions(group, context):
        minutes = weekly_minutes(action.at("recurrence").text())
        if minutes is None:
            return Decimal(1)
        events += [(minute, _wants_nodes(action)) for minute in minutes]
    if not any(not runs for _, runs in events):
        return Decimal(1)
    events.sort()
    running = 0
    for (start, runs), (end, _) in zip(events, [*events[1:], (events[0][0] + WEEK_MINUTES, False)], strict=True):
        running += end - start if runs else 0
    return Decimal(running) / WEEK_MINUTES


def weekly_minutes(recurrence: str) -> tuple[int, ...] | None:
    """The minutes since Sunday 00:00 that a cron expression names; None if it is not one that repeats weekly.

    Minute, hour, day of the month, month, day of the week, as EC2 Auto Scaling takes them.
    """
    fields = recurrence.lower().split()
    if len(fields) != 5 or fields[2:4] != ["*", "*"]:
        return None
    minutes, hours, days = _values(fields[0], 60), _values(fields[1], 24), _values(_numbered(fields[4]), 8)
    if not minutes or not hours or not days:
        return None
    # Cron knows Sunday as 0 and as 7.
    return tuple(sorted({(day % 7 * 24 + hour) * 60 + minute for day in days for hour in hours for minute in minutes}))


def _actions(group: Node, context: Context) -> Iterator[Node]:
    for action in context.of_type(SCHEDULE):
        named = context.behind(action, "autoscalingGroupName", NODE_GROUP)
        if named is not None and named.urn == group.urn:
            yield action


def _wants_nodes(action: Node) -> bool:
    """-1 leaves the number as it is: then nodes may be there."""
    return any(action.at(size).number() for size in ("desiredCapacity", "minSize"))


def _numbered(days: str) -> str:
    return re.sub("|".join(_DAY_NAMES), lambda match: str(_DAY_NAMES.index(match[0])), days)


def _values(text: str, limit: int) -> list[int] | None:
    """What a field stands for: `*`, numbers, ranges, lists."""
    if text == "*":
        return list(range(7 if limit == 8 else limit))
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not match:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < limit:
            return None
        found += range(first, last + 1)
    return found
