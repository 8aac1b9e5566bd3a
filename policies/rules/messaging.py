"""SNS topics and SQS queues: encrypted, closed, and never over plain HTTP."""

from collections.abc import Iterable

from mlops.plan.graph import Node
from policies.conditions import closed
from policies.model import ABSENT, Judgement, judge, look
from policies.registry import resource_rule
from policies.rules.evidence import demand, given, not_off

TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"

demand("sns-kms", "kmsMasterKeyId", given, "Messages of the topic lie on disk in clear.")
demand(
    "sns-no-http-subscription",
    "protocol",
    lambda value: str(value).lower() != "http",
    "Messages go out over plain HTTP.",
)


@resource_rule("sns-not-public")
def topic_policy_names_principals(node: Node) -> Iterable[Judgement]:
    """A topic without a policy has AWS's own, which lets in its owner only."""
    message = "Everybody may publish or subscribe: no condition says who calls."
    return closed(node, message, absent_is_met=node.type == TOPIC)


@resource_rule("sqs-not-public")
def queue_policy_names_principals(node: Node) -> Iterable[Judgement]:
    """A queue without a policy lets in its owner only."""
    message = "Everybody may send or receive: no condition says who calls."
    return closed(node, message, absent_is_met=node.type == QUEUE)


@resource_rule("sqs-encrypted")
def queues_are_encrypted(node: Node) -> Iterable[Judgement]:
    """SQS encrypts with its own key unless it is told not to."""
    message = "Messages of the queue lie on disk in clear."
    if look(node.inputs, "kmsMasterKeyId") is not ABSENT:
        yield judge(node, "kmsMasterKeyId", given, message)
    else:
        yield judge(node, "sqsManagedSseEnabled", not_off, message, absent_is_met=True)
