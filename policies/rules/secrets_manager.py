"""Secrets Manager: rotated, encrypted with a key of ours, closed."""

import re
from collections.abc import Iterable

from mlops.plan.graph import Graph, Node
from policies.answers import answer
from policies.conditions import closed
from policies.model import ABSENT, Answer, Judgement, judge, look, say
from policies.references import attached
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import demand, given, own_key, yes

SECRET = "aws:secretsmanager/secret:Secret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
_DAYS = 90
_HOURS_PER_DAY = 24

demand("secrets-cmk", "kmsKeyId", own_key, "The secret is encrypted with AWS's own key: every role that reads it may.")


@stack_rule("secrets-rotation")
def secrets_rotate(graph: Graph) -> Iterable[Judgement]:
    """Secrets that a service makes and rotates itself, as RDS does, are no resources of a stack."""
    rotations = attached(graph, (ROTATION,), "secretId", (SECRET,))
    for secret in graph.of_type(SECRET):
        if not rotations.of(secret):
            yield rotations.missing(secret, "Nothing ever replaces the secret: it has no rotation.")
        for rotation in rotations.of(secret):
            yield _is_frequent(rotation)


def _is_frequent(rotation: Node) -> Judgement:
    days, schedule = "rotationRules.automaticallyAfterDays", "rotationRules.scheduleExpression"
    message = f"The secret may live longer than {_DAYS} days."
    if look(rotation.inputs, days) is not ABSENT:
        return judge(rotation, days, lambda value: isinstance(value, int) and value <= _DAYS, message)
    value = look(rotation.inputs, schedule)
    if value is ABSENT:
        return say(rotation, "rotationRules", answer(look(rotation.inputs, "rotationRules"), given), message)
    return say(rotation, schedule, _within(str(value)), message)


def _within(schedule: str) -> Answer:
    """Whether a schedule comes round in time. One that names months is left to a reader: None."""
    if rate := re.fullmatch(r"rate\((\d+) (day|hour)s?\)", schedule):
        return int(rate[1]) <= _DAYS * (_HOURS_PER_DAY if rate[2] == "hour" else 1)
    cron = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", schedule)
    return True if cron and cron[4] == "*" else None


@resource_rule("secrets-policy-not-public")
def secret_policy_names_principals(node: Node) -> Iterable[Judgement]:
    message = "The policy lets everybody in."
    is_secret = node.type == SECRET
    yield from closed(node, message, (), absent_is_met=is_secret)
    if not is_secret:
        yield judge(node, "blockPublicPolicy", yes, "Secrets Manager is not told to refuse a public policy.")
