"""Node groups that a schedule stops: what is left of their hours in the bill."""

from decimal import Decimal
from typing import Any

import pytest

from mlops.cost.schedules import weekly_minutes
from mlops.plan.graph import Node
from tests.cost.stacks import NOTHING_USED, priced, resource
from tests.platforms import platform

GROUP, SCHEDULE = "aws:eks/nodeGroup:NodeGroup", "aws:autoscaling/schedule:Schedule"
M5_LARGE = 0.096
"""US dollars an hour, us-east-1, on demand (price book, ec2_on_demand_linux)."""


def group(name: str = "nodes") -> Node:
    return resource(GROUP, name, {"instanceTypes": ["m5.large"], "scalingConfig": {"desiredSize": 2}})


def action(of: Node, name: str, recurrence: str, **sizes: Any) -> Node:
    return resource(SCHEDULE, name, {"recurrence": recurrence, **sizes}, autoscalingGroupName=of)


def machines(*nodes: Node) -> float:
    lines = priced(*nodes).lines
    return round(float(sum(line.monthly for line in lines if "m5.large" in line.label)), 2)


def test_nodes_cost_only_the_hours_for_which_their_schedule_lets_them_run() -> None:
    nodes = group()
    start = action(nodes, "start", "0 7 * * 1,2,3,4,5", minSize=2, desiredCapacity=2, maxSize=3)
    stop = action(nodes, "stop", "0 20 * * 1,2,3,4,5", minSize=0, desiredCapacity=0, maxSize=0)
    assert machines(nodes) == round(2 * 730 * M5_LARGE, 2)
    assert machines(nodes, start, stop) == round(2 * 730 * M5_LARGE * 65 / 168, 2)


def test_disks_and_addresses_go_with_the_nodes() -> None:
    nodes = group()
    stop = action(nodes, "stop", "0 12 * * *", minSize=0, desiredCapacity=0)
    start = action(nodes, "start", "0 0 * * *", minSize=1, desiredCapacity=2)
    whole, half = priced(nodes), priced(nodes, start, stop)
    assert half.fixed == whole.fixed / 2
    assert any("84 of 168 hours a week" in line.label for line in half.lines)


def test_a_schedule_stops_its_own_group_and_no_other() -> None:
    nodes, others = group(), group("others")
    stop = action(nodes, "stop", "0 0 * * 6", minSize=0, desiredCapacity=0)
    start = action(nodes, "start", "0 0 * * 1", minSize=2, desiredCapacity=2)
    assert machines(nodes, others, stop, start) == round(2 * 730 * M5_LARGE * (1 + 5 / 7), 2)


@pytest.mark.parametrize(
    "actions",
    [
        [("0 20 1 * *", {"minSize": 0, "desiredCapacity": 0})],
        [("every evening", {"minSize": 0, "desiredCapacity": 0})],
        [("0 8 * * *", {"minSize": 1, "desiredCapacity": 4})],
        [("0 20 * * *", {"minSize": -1, "desiredCapacity": -1, "maxSize": 9})],
    ],
)
def test_what_is_not_understood_or_stops_nothing_takes_nothing_off(actions: list[tuple[str, dict[str, int]]]) -> None:
    nodes = group()
    made = [action(nodes, f"a{index}", cron, **sizes) for index, (cron, sizes) in enumerate(actions)]
    assert machines(nodes, *made) == machines(nodes)


def test_a_group_that_nothing_starts_again_costs_nothing_for_long() -> None:
    nodes = group()
    assert machines(nodes, action(nodes, "stop", "0 20 * * *", minSize=0, desiredCapacity=0)) == 0


def test_hours_of_the_usage_file_and_of_the_schedule_do_not_add_up() -> None:
    usage = NOTHING_USED.model_copy(update={"compute": NOTHING_USED.compute.model_copy(update={"node_hours": 100})})
    nodes = group()
    stop = action(nodes, "stop", "0 12 * * *", minSize=0, desiredCapacity=0)
    start = action(nodes, "start", "0 0 * * *", minSize=1, desiredCapacity=2)
    [line] = [line for line in priced(nodes, start, stop, usage=usage).lines if "m5.large" in line.label]
    assert line.quantity == Decimal(200)


@pytest.mark.parametrize(
    ("recurrence", "minutes"),
    [
        ("30 9 * * 0", (570,)),
        ("30 9 * * 7", (570,)),
        ("0 0 * * MON-WED", (1440, 2880, 4320)),
        ("0 6,18 * * 1", (1440 + 360, 1440 + 1080)),
        ("0 20 * * 1/2", None),
        ("0 20 * 6 *", None),
        ("61 20 * * *", None),
        ("0 20 * *", None),
        ("", None),
    ],
)
def test_cron_is_read_as_auto_scaling_reads_it(recurrence: str, minutes: tuple[int, ...] | None) -> None:
    assert weekly_minutes(recurrence) == minutes


def test_working_hours_in_the_settings_lower_the_estimate_of_a_stack() -> None:
    from mlops.core.usage import BY_TIER
    from mlops.cost.book import load
    from mlops.cost.estimate import estimate

    full = estimate(platform("dev"), BY_TIER["dev"], load())
    part = estimate(platform("dev", {"cluster": {"auto_shutdown": {}}}), BY_TIER["dev"], load())
    assert part.complete
    assert full.total - part.total > 70
    assert part.usage == full.usage
