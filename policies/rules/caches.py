"""DynamoDB tables and ElastiCache: encryption, log-in, capacity, upkeep."""

from collections.abc import Iterable

from mlops.plan.graph import Graph, Node
from policies.answers import answer, any_of
from policies.model import ABSENT, Judgement, judge, look, say
from policies.references import attached
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import demand, given, not_off, one_of, own_key, yes

TABLE = "aws:dynamodb/table:Table"
SCALING_TARGET = "aws:appautoscaling/target:Target"

demand("elasticache-at-rest-encryption", "atRestEncryptionEnabled", yes, "What the cache writes to disk is in clear.")
demand(
    "elasticache-auto-minor-upgrade",
    "autoMinorVersionUpgrade",
    not_off,
    "Minor versions, and the security fixes in them, wait for somebody to install them.",
    absent_is_met=True,
)


@resource_rule("dynamodb-cmk")
def tables_are_encrypted_with_a_key_of_ours(node: Node) -> Iterable[Judgement]:
    message = "The table is encrypted with AWS's own key: nobody can restrict or revoke it."
    yield judge(node, "serverSideEncryption.enabled", yes, message)
    yield judge(node, "serverSideEncryption.kmsKeyArn", own_key, message)


@stack_rule("dynamodb-scales")
def tables_take_a_rising_load(graph: Graph) -> Iterable[Judgement]:
    targets = attached(graph, (SCALING_TARGET,), "resourceId", (TABLE,))
    by_name = {look(target.inputs, "resourceId") for target in graph.of_type(SCALING_TARGET)}
    for table in graph.of_type(TABLE):
        on_demand = answer(look(table.inputs, "billingMode"), one_of("PAY_PER_REQUEST"))
        scales = any_of((targets.exists(table), f"table/{look(table.inputs, 'name')}" in by_name))
        message = "The table has a fixed capacity and refuses requests above it."
        yield say(table, "billingMode", any_of((on_demand, scales)), message)


@resource_rule("elasticache-transit-encryption")
def caches_refuse_plain_connections(node: Node) -> Iterable[Judgement]:
    """Without a mode, AWS requires TLS wherever it is enabled."""
    yield judge(node, "transitEncryptionEnabled", yes, "Clients talk to the cache in clear.")
    if look(node.inputs, "transitEncryptionMode") is not ABSENT:
        message = "The cache also takes connections without TLS."
        yield judge(node, "transitEncryptionMode", one_of("required"), message)


@resource_rule("elasticache-auth")
def caches_ask_who_it_is(node: Node) -> Iterable[Judgement]:
    """A token that is a secret counts as one; a value that is not known yet may turn out empty."""
    message = "Whoever reaches the cache may read and write it: it has neither a token nor user groups."
    paths = ("authToken", "userGroupIds")
    judged = [judge(node, path, given, message) for path in paths]
    yield min(judged, key=lambda one: ("met", "unknown", "broken").index(one.verdict.value))
