"""RDS and Aurora: encryption, access and logs."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import all_of, answer, any_of, elements
from policies.model import ABSENT, Judgement, Verdict, judge, look, say
from policies.references import Attached, attached, targets
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import at_least, demand, given, not_off, one_of, own_key, yes
from policies.rules.routes import SUBNET, Routes

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
_SOURCES = ("replicateSourceDb", "replicationSourceIdentifier", "snapshotIdentifier", "restoreToPointInTime")
"""What a database may be copied from; its administrator and password come from there."""
_DEFAULT_NAMES = ("admin", "administrator", "awsuser", "postgres", "root")
_FORCE_TLS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "postgres": ("rds.force_ssl", ("1",)),
    "mysql": ("require_secure_transport", ("1", "ON", "on")),
    "mariadb": ("require_secure_transport", ("1", "ON", "on")),
}
"""Engine -> parameter and the values that refuse connections without TLS."""
_FORCED_BY_DEFAULT = {"postgres": 15, "aurora-postgresql": 17}
"""Engine -> major version from which on its families force TLS by themselves. Sources: RDS user guide, "Requiring an
SSL connection to a PostgreSQL DB instance"; Aurora user guide, "Security with Amazon Aurora PostgreSQL"."""

for _rule in ("rds-instance-encrypted", "aurora-cluster-encrypted"):
    demand(_rule, "storageEncrypted", yes, "The storage is not encrypted, nor are snapshots and replicas of it.")
demand(
    "rds-not-public",
    "publiclyAccessible",
    lambda value: value is False,
    "The database has an address on the internet.",
    absent_is_met=True,
)
demand(
    "rds-iam-auth",
    "iamDatabaseAuthenticationEnabled",
    yes,
    "Nobody can log in with an IAM role: every login needs a password that lives somewhere.",
)
demand(
    "rds-auto-minor-upgrade",
    "autoMinorVersionUpgrade",
    not_off,
    "Minor versions, and the security fixes in them, wait for somebody to install them.",
    absent_is_met=True,
)
demand(
    "rds-enhanced-monitoring",
    "monitoringInterval",
    at_least(1),
    "There are no metrics of the operating system: enhanced monitoring is off.",
)
demand(
    "rds-copy-tags-to-snapshots",
    "copyTagsToSnapshot",
    yes,
    "Snapshots lose the tags by which they are found, charged and guarded.",
)


@resource_rule("rds-logs-exported")
def logs_are_exported(node: Node) -> Iterable[Judgement]:
    """Engines of others than PostgreSQL, MySQL and MariaDB have to export something."""
    engine = look(node.inputs, "engine")
    path = "enabledCloudwatchLogsExports"
    exports = elements(look(node.inputs, path))
    wanted = _wanted_logs(str(engine), node.type)
    message = f"Not every log reaches CloudWatch; wanted: {', '.join(wanted) or 'any'}."
    if engine == UNKNOWN or UNKNOWN in exports:
        yield say(node, path, None, message)
    else:
        yield say(node, path, bool(exports) and set(wanted) <= set(exports), message)


def _wanted_logs(engine: str, type_: str) -> tuple[str, ...]:
    if engine.endswith(("postgres", "postgresql")):
        return ("postgresql", "upgrade") if type_ == INSTANCE else ("postgresql",)
    return ("audit", "error", "slowquery") if engine.endswith(("mysql", "mariadb")) else ()


@resource_rule("rds-force-ssl")
def databases_refuse_plain_connections(node: Node) -> Iterable[Judgement]:
    """Aurora sets it in the cluster's parameter group; the groups of its instances are not judged."""
    family = look(node.inputs, "family")
    message = "The server also takes connections without TLS."
    if family in (UNKNOWN, ABSENT):
        yield say(node, "family", None, message)
        return
    is_aurora = str(family).startswith("aurora-")
    if is_aurora and "clusterParameterGroup" not in node.type:
        return
    engine = str(family).removeprefix("aurora-")
    name, values = next((want for start, want in _FORCE_TLS.items() if engine.startswith(start)), ("", ()))
    if not name:
        return
    parameters = elements(look(node.inputs, "parameters"))
    found = any_of(_sets(parameter, name, values) for parameter in parameters)
    index = next((at for at, one in enumerate(parameters) if look(one, "name") == name), None)
    if index is None and found is False and _forces_by_default(str(family)):
        found = True
    yield say(node, "parameters" if index is None else f"parameters[{index}].value", found, message)


def _forces_by_default(family: str) -> bool:
    parts = re.fullmatch(r"([a-z-]+)(\d+)(\.\d+)?", family)
    return bool(parts and int(parts[2]) >= _FORCED_BY_DEFAULT.get(parts[1], math.inf))


def _sets(parameter: Any, name: str, values: tuple[str, ...]) -> bool | None:
    return all_of(
        (
            answer(look(parameter, "name"), one_of(name)),
            answer(look(parameter, "value"), lambda value: str(value) in values),
        )
    )


@resource_rule("rds-managed-master-password")
def nobody_wrote_the_password_down(node: Node) -> Iterable[Judgement]:
    if any(given(look(node.inputs, source)) for source in _SOURCES):
        return
    path = "password" if node.type == INSTANCE else "masterPassword"
    password = look(node.inputs, path)
    if password is ABSENT:
        yield judge(node, "manageMasterUserPassword", yes, "RDS does not keep the administrator's password itself.")
        return
    verdicts = {SECRET: Verdict.MET, UNKNOWN: Verdict.UNKNOWN}
    verdict = verdicts.get(password, Verdict.BROKEN)
    message = "The administrator's password stands in clear in the program and in the state."
    # The value itself never reaches a report.
    yield Judgement(
        verdict=verdict,
        path=path,
        value=UNKNOWN if verdict is Verdict.UNKNOWN else SECRET,
        message=message if verdict is Verdict.BROKEN else "",
        urn=node.urn,
    )


@resource_rule("rds-no-default-admin")
def administrator_has_a_name_of_its_own(node: Node) -> Iterable[Judgement]:
    path = "username" if node.type == INSTANCE else "masterUsername"
    name = look(node.inputs, path)
    if name is ABSENT:
        return
    is_own = answer(name, lambda value: str(value).lower() not in _DEFAULT_NAMES)
    yield say(node, path, is_own, "The administrator's name is the one that everybody tries first.")


@resource_rule("rds-performance-insights-encrypted")
def performance_insights_are_encrypted(node: Node) -> Iterable[Judgement]:
    """Performance Insights keep the texts of queries; where they are off there is nothing to judge."""
    enabled = look(node.inputs, "performanceInsightsEnabled")
    message = "The texts of queries in Performance Insights are encrypted with AWS's own key."
    key = judge(node, "performanceInsightsKmsKeyId", own_key, message)
    if enabled is True or (enabled == UNKNOWN and key.verdict is not Verdict.BROKEN):
        yield key
    elif enabled == UNKNOWN:
        yield say(node, "performanceInsightsEnabled", None, message)


@stack_rule("rds-in-vpc-private-subnets")
def databases_are_in_private_subnets(graph: Graph) -> Iterable[Judgement]:
    routes = Routes(graph)
    groups = attached_groups(graph)
    for node in graph.of_type(INSTANCE, CLUSTER):
        found = [urn for urn, users in groups.by_urn.items() if node in users]
        if not found:
            yield _without_group(node)
        for urn in found:
            yield _is_private(graph, graph[urn], routes)


def attached_groups(graph: Graph) -> Attached:
    """The databases by their subnet group."""
    return attached(graph, (INSTANCE, CLUSTER), "dbSubnetGroupName", (SUBNET_GROUP,))


def _without_group(node: Node) -> Judgement:
    message = "The database has no subnet group: AWS puts it into the default network, whose subnets are public."
    # A group that the stack did not make: only the account can tell what its subnets are.
    return say(node, "dbSubnetGroupName", None if given(look(node.inputs, "dbSubnetGroupName")) else False, message)


def _is_private(graph: Graph, group: Node, routes: Routes) -> Judgement:
    subnets = targets(graph, group, "subnetIds", (SUBNET,)) or routes.named(elements(look(group.inputs, "subnetIds")))
    public = [graph[urn].name for urn in sorted(subnets) if routes.is_public(urn) is True]
    answers = [routes.is_public(urn) for urn in subnets] or [None]
    message = f"These subnets of the database have a route to the internet gateway: {', '.join(public)}."
    holds = all_of(None if is_public is None else not is_public for is_public in answers)
    return say(group, "subnetIds", holds, message)
