"""Queues, topics and events. Source of what is charged: the pricing pages of SQS, SNS and EventBridge."""

from collections.abc import Iterator

from mlops.cost.model import Context, Item, Rule, part_of, used
from mlops.plan.graph import Node

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
BUS = "aws:cloudwatch/eventBus:EventBus"


def queue(node: Node, context: Context) -> Iterator[Item]:
    kind = "fifo" if node.at("fifoQueue").flag() else "standard"
    yield used("queue requests", ("sqs", kind), context.share("requests.messages", QUEUE) / 1_000_000)


def topic(node: Node, context: Context) -> Iterator[Item]:
    alarms = context.alarm_topics
    if node.urn in alarms:
        notices = part_of(context.figure("requests.notices"), len(alarms)) / 1_000_000
        yield used("alarms passed on", ("sns", "api_requests_over_1m"), notices)
        return
    millions = part_of(context.figure("requests.messages"), context.count(TOPIC) - len(alarms)) / 1_000_000
    yield used("topic requests", ("sns", "api_requests_over_1m"), millions)


def bus(node: Node, context: Context) -> Iterator[Item]:
    millions = context.share("requests.messages", BUS) / 1_000_000
    yield used("custom events", ("eventbridge", "custom_events"), millions)


RULES: dict[str, Rule] = {QUEUE: queue, TOPIC: topic, BUS: bus}
