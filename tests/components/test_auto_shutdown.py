"""Working hours of nodes: the scheduled actions that come of them, and hours that cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.cluster.auto_shutdown import AutoShutdownConfig
from tests.components.cluster_stack import NODE_GROUP, cluster
from tests.platforms import platform

SCHEDULE = "aws:autoscaling/schedule:Schedule"


def test_without_working_hours_nodes_run_day_and_night() -> None:
    assert cluster().of_type(SCHEDULE) == ()


def test_every_node_group_is_emptied_in_the_evening_and_filled_again_in_the_morning() -> None:
    models = {"instance_types": ["m6i.large"], "capacity": "mixed", "min_size": 2, "max_size": 4}
    graph = cluster(auto_shutdown={"time_zone": "Europe/Madrid"}, node_groups={"models": models})
    groups = graph.of_type(NODE_GROUP)
    actions = {node.name: node.inputs for node in graph.of_type(SCHEDULE)}
    assert len(groups) == 3
    assert len(actions) == 6
    for group in groups:
        sizes = group.inputs["scalingConfig"]
        start, stop = actions[f"{group.name}-start"], actions[f"{group.name}-stop"]
        assert (start["recurrence"], stop["recurrence"]) == ("0 7 * * 1,2,3,4,5", "0 20 * * 1,2,3,4,5")
        assert {start["timeZone"], stop["timeZone"]} == {"Europe/Madrid"}
        assert (start["minSize"], start["desiredCapacity"], start["maxSize"]) == (
            sizes["minSize"],
            sizes["desiredSize"],
            sizes["maxSize"],
        )
        assert (stop["minSize"], stop["desiredCapacity"], stop["maxSize"]) == (0, 0, 0)


def test_an_action_goes_before_the_group_that_it_acts_on() -> None:
    graph = cluster(auto_shutdown={})
    for action in graph.of_type(SCHEDULE):
        [urn] = action.property_dependencies["autoscalingGroupName"]
        assert graph[urn].type == NODE_GROUP


def test_working_hours_are_a_few_lines_of_a_stack_file() -> None:
    hours = {"days": ["sun", "sat"], "start": "09:30", "stop": "18:05"}
    graph = platform("dev", {"cluster": {"auto_shutdown": hours}})
    recurrences = {node.inputs["recurrence"] for node in graph.of_type(SCHEDULE)}
    assert recurrences == {"30 9 * * 0,6", "5 18 * * 0,6"}


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ({"days": ["monday"]}, "'mon', 'tue'"),
        ({"days": ["mon", "mon"]}, '"mon" is listed twice'),
        ({"days": []}, "at least 1 item"),
        ({"start": "20:00", "stop": "07:00"}, "nodes have to start before they stop"),
        ({"start": "7:00"}, "a time of day"),
        ({"stop": "24:00"}, "a time of day"),
        ({"time_zone": "Madrid"}, "names look like Europe/Madrid"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_what_is_allowed(hours: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        AutoShutdownConfig.model_validate(hours)
