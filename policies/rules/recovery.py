"""What brings a database back: retention, a second zone, and guards against its deletion.

The platform promises that at most 1 h of data is lost (RPO) and that it is back within 4 h (RTO). A daily snapshot
alone loses up to 24 h. RDS with automated backups restores to any second up to about five minutes ago (RDS user
guide, "Restoring a DB instance to a specified time"), which meets the RPO.
"""

from collections.abc import Iterable

from mlops.plan.graph import Graph, Node
from policies.answers import answer
from policies.model import Judgement, judge, look, say
from policies.references import attached
from policies.registry import resource_rule, stack_rule
from policies.rules.databases import CLUSTER, CLUSTER_INSTANCE, INSTANCE
from policies.rules.evidence import at_least, demand, yes

RETENTION_DAYS = 14
"""Days of automated backups that production needs; the levels of smaller tiers only advise."""

demand(
    "rds-deletion-protection",
    "deletionProtection",
    yes,
    "One call deletes the database: deletion protection is off.",
)
demand(
    "rds-final-snapshot",
    "skipFinalSnapshot",
    lambda value: value is False,
    "When the database is deleted nothing is left: the final snapshot is skipped.",
    absent_is_met=True,
)


@resource_rule("rds-backup-retention")
def backups_are_kept(node: Node) -> Iterable[Judgement]:
    path = "backupRetentionPeriod"
    days = look(node.inputs, path)
    message = f"Automated backups are kept for {days} days, less than {RETENTION_DAYS}."
    if answer(days, at_least(1)) is False:
        message = (
            "Automated backups are off, so there is no way back to a point in time: a daily snapshot alone loses up "
            "to 24 h and does not meet an RPO of 1 h (RTO 4 h)."
        )
    yield judge(node, path, at_least(RETENTION_DAYS), message)


@stack_rule("rds-multi-az")
def databases_survive_a_zone(graph: Graph) -> Iterable[Judgement]:
    """An Aurora cluster survives a zone where it has a second instance to fail over to."""
    for node in graph.of_type(INSTANCE):
        yield judge(node, "multiAz", yes, "The database stands in one zone; without it, it is down (RTO 4 h).")
    members = attached(graph, (CLUSTER_INSTANCE,), "clusterIdentifier", (CLUSTER,))
    for cluster in graph.of_type(CLUSTER):
        own = members.of(cluster)
        if len(own) > 1:
            yield from (say(member, "clusterIdentifier", True, "") for member in own)
            continue
        message = f"The cluster has {len(own)} instances; a failover needs two."
        yield say(cluster, "", None if len(own) + len(members.loose) > 1 else False, message)


demand(
    "dynamodb-pitr",
    "pointInTimeRecovery.enabled",
    yes,
    "The table cannot be brought back to a point in time; a daily backup alone does not meet an RPO of 1 h.",
)
demand("dynamodb-deletion-protection", "deletionProtectionEnabled", yes, "One call deletes the table.")


@resource_rule("elasticache-backup")
def caches_are_backed_up(node: Node) -> Iterable[Judgement]:
    """ElastiCache has no way back to a point in time, only snapshots, one a day."""
    message = (
        "Snapshots are kept for less than 7 days. Even then a daily snapshot alone loses up to 24 h and does not meet "
        "an RPO of 1 h: what must not be lost needs a second home."
    )
    yield judge(node, "snapshotRetentionLimit", at_least(7), message)


@resource_rule("elasticache-multi-az")
def caches_survive_a_zone(node: Node) -> Iterable[Judgement]:
    yield judge(node, "multiAzEnabled", yes, "All nodes may stand in one zone.")
    yield judge(node, "automaticFailoverEnabled", yes, "A replica does not take over when the primary fails.")
