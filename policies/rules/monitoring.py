"""CloudWatch: logs that are kept and encrypted, alarms that reach somebody."""

from collections.abc import Iterator

from mlops.core.audit_events import WATCHED, WatchedEvent
from mlops.plan.graph import Graph, Node
from policies.answers import (
    all_of,
    any_of,
    holds_unknown,
    is_false,
    is_one,
    is_own_key,
    is_set,
    is_unknown,
    missing,
    negated,
    rows,
)
from policies.model import Answer, Judgement, look, say
from policies.registry import resource_rule, stack_rule

FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TRAIL = "aws:cloudtrail/trail:Trail"
KEPT_DAYS = 365


@resource_rule("log-group-retention")
def logs_are_kept_a_year(node: Node) -> Iterator[Judgement]:
    path = "retentionInDays"
    days = look(node.inputs, path)
    answer = None if is_unknown(days) else isinstance(days, int | float) and days >= KEPT_DAYS
    kept = f"days of logs kept: {days}" if isinstance(days, int | float) and days else "nobody ever removes these logs"
    yield say(node, path, answer, f"{kept}; asked for are {KEPT_DAYS} days")


@resource_rule("log-group-kms")
def logs_have_a_key(node: Node) -> Iterator[Judgement]:
    yield say(node, "kmsKeyId", is_own_key(look(node.inputs, "kmsKeyId")), "logs are not encrypted with a key of yours")


@resource_rule("alarms-have-actions")
def alarms_reach_somebody(node: Node) -> Iterator[Judgement]:
    actions = look(node.inputs, "alarmActions")
    given = None if holds_unknown(actions) else is_set(actions)
    answer = all_of([given, negated(is_false(look(node.inputs, "actionsEnabled")))])
    yield say(node, "alarmActions", answer, "the alarm tells nobody")


@stack_rule("cis-monitoring-filters")
def audit_events_are_watched(graph: Graph) -> Iterator[Judgement]:
    """Where the stack keeps the audit trail. Elsewhere whoever keeps it watches it."""
    filters = graph.of_type(FILTER)
    if not (filters or graph.of_type(TRAIL)):
        return
    for event in WATCHED:
        found = [(node, answer) for node in filters if (answer := _finds(node, event)) is not False]
        if not found:
            yield missing(f"nobody hears when {event.what} (CIS {event.section})")
            continue
        node = next((node for node, answer in found if answer), found[0][0])
        sure = any_of(answer for _, answer in found)
        alarmed = any_of(_raises(alarm, node) for alarm in graph.of_type(ALARM))
        message = f"no alarm with an action is raised when {event.what} (CIS {event.section})"
        yield say(node, "metricTransformation.name", all_of([sure, alarmed]), message)


def _finds(node: Node, event: WatchedEvent) -> Answer:
    pattern = look(node.inputs, "pattern")
    if is_unknown(pattern):
        return None
    text = str(pattern)
    # A further condition, or a contrary one, lets events through that somebody has to hear of.
    wider = all(text.count(sign) <= event.pattern.count(sign) for sign in ("!=", "&&", "NOT"))
    return wider and all(word in text for word in event.words)


def _raises(alarm: Node, node: Node) -> Answer:
    name = look(node.inputs, "metricTransformation.name")
    own = [
        look(alarm.inputs, "metricName"),
        *(look(row, "metric.metricName") for _, row in rows(alarm, "metricQueries")),
    ]
    same = None if is_unknown(name) else any_of(is_one(value, name) for value in own)
    if same is False and node.urn in alarm.property_dependencies.get("metricName", ()):
        same = True
    actions = look(alarm.inputs, "alarmActions")
    heard = None if holds_unknown(actions) else is_set(actions)
    threshold = look(alarm.inputs, "threshold")
    # One event is enough; an alarm on a thousand hears of none.
    first = None if is_unknown(threshold) else not isinstance(threshold, int | float) or threshold <= 1
    return all_of([same, heard, first, negated(is_false(look(alarm.inputs, "actionsEnabled")))])
