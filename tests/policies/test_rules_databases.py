"""What the rules say of relational databases: encryption, access, logs, recovery."""

from collections.abc import Iterator
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import Verdict
from policies.rules.databases import CLUSTER, CLUSTER_INSTANCE, INSTANCE, SUBNET_GROUP
from policies.rules.routes import ASSOCIATION, GATEWAY, ROUTE, SUBNET
from tests.nodes import resource
from tests.policies.resources import BROKEN, MET, NOT_KNOWN, by_rule, case, check, left_out, one_property
from tests.policies.support import judgements, verdict

TABLE = "aws:ec2/routeTable:RouteTable"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
POSTGRES = {"engine": "postgres"}
LOGS = "enabledCloudwatchLogsExports"

PROPERTIES = [
    *one_property("rds-instance-encrypted", INSTANCE, "storageEncrypted", right=True, wrong=False),
    left_out("rds-instance-encrypted", INSTANCE, BROKEN),
    *one_property("aurora-cluster-encrypted", CLUSTER, "storageEncrypted", right=True, wrong=False),
    *one_property("rds-not-public", INSTANCE, "publiclyAccessible", right=False, wrong=True),
    left_out("rds-not-public", CLUSTER_INSTANCE, MET),
    *one_property("rds-backup-retention", INSTANCE, "backupRetentionPeriod", right=14, wrong=13),
    left_out("rds-backup-retention", CLUSTER, BROKEN),
    *one_property("rds-deletion-protection", INSTANCE, "deletionProtection", right=True, wrong=False),
    *one_property("rds-iam-auth", CLUSTER, "iamDatabaseAuthenticationEnabled", right=True, wrong=False),
    *one_property("rds-auto-minor-upgrade", INSTANCE, "autoMinorVersionUpgrade", right=True, wrong=False),
    left_out("rds-auto-minor-upgrade", INSTANCE, MET),
    *one_property("rds-enhanced-monitoring", INSTANCE, "monitoringInterval", right=60, wrong=0),
    left_out("rds-enhanced-monitoring", INSTANCE, BROKEN),
    *one_property("rds-copy-tags-to-snapshots", INSTANCE, "copyTagsToSnapshot", right=True, wrong=False),
    *one_property("rds-no-default-admin", INSTANCE, "username", right="platform_admin", wrong="Postgres"),
    *one_property("rds-no-default-admin", CLUSTER, "masterUsername", right="platform_admin", wrong="admin"),
    case("rds-no-default-admin", None, "a replica, which has none", resource(INSTANCE)),
    *one_property("rds-final-snapshot", INSTANCE, "skipFinalSnapshot", right=False, wrong=True),
    left_out("rds-final-snapshot", INSTANCE, MET),
    *one_property(
        "rds-performance-insights-encrypted",
        INSTANCE,
        "performanceInsightsKmsKeyId",
        right="k",
        wrong="",
        beside={"performanceInsightsEnabled": True},
    ),
    case("rds-performance-insights-encrypted", None, "insights that are off", resource(INSTANCE)),
    case(
        "rds-performance-insights-encrypted",
        NOT_KNOWN,
        "insights that may be on",
        resource(INSTANCE, {"performanceInsightsEnabled": UNKNOWN}),
    ),
    *one_property(
        "rds-logs-exported", INSTANCE, LOGS, right=["postgresql", "upgrade"], wrong=["upgrade"], beside=POSTGRES
    ),
    *one_property(
        "rds-logs-exported", CLUSTER, LOGS, right=["postgresql"], wrong=[], beside={"engine": "aurora-postgresql"}
    ),
    case(
        "rds-logs-exported",
        BROKEN,
        "a MySQL without its audit log",
        resource(INSTANCE, {"engine": "mysql", LOGS: ["error", "slowquery"]}),
    ),
    case("rds-logs-exported", NOT_KNOWN, "an unknown engine", resource(INSTANCE, {"engine": UNKNOWN, LOGS: ["error"]})),
    *one_property("rds-managed-master-password", INSTANCE, "manageMasterUserPassword", right=True, wrong=False),
    *one_property("rds-managed-master-password", CLUSTER, "masterPassword", right=SECRET, wrong="hunter2"),
    case("rds-managed-master-password", None, "a replica", resource(INSTANCE, {"replicateSourceDb": "db-1"})),
]


def parameters(family: str, name: str, value: Any) -> dict[str, Any]:
    return {
        "family": family,
        "parameters": [{"name": "log_statement", "value": "none"}, {"name": name, "value": value}],
    }


def force_tls() -> Iterator[Any]:
    rule = "rds-force-ssl"
    for type_, family, name, right in (
        (GROUP, "postgres14", "rds.force_ssl", "1"),
        (GROUP, "mysql8.0", "require_secure_transport", "ON"),
        (CLUSTER_GROUP, "aurora-postgresql16", "rds.force_ssl", "1"),
    ):
        yield case(rule, MET, f"{family} that forces TLS", resource(type_, parameters(family, name, right)))
        yield case(rule, BROKEN, f"{family} that does not", resource(type_, parameters(family, name, "0")))
        yield case(rule, BROKEN, f"{family} that says nothing", resource(type_, {"family": family, "parameters": []}))
        yield case(rule, NOT_KNOWN, f"{family}, unknown", resource(type_, parameters(family, name, UNKNOWN)))
    for type_, family in ((GROUP, "postgres15"), (GROUP, "postgres18"), (CLUSTER_GROUP, "aurora-postgresql17")):
        yield case(rule, MET, f"{family}, which forces TLS by itself", resource(type_, {"family": family}))
        off = parameters(family, "rds.force_ssl", "0")
        yield case(rule, BROKEN, f"{family} that is told not to", resource(type_, off))
    yield case(rule, NOT_KNOWN, "an unknown family", resource(GROUP, parameters(UNKNOWN, "rds.force_ssl", "1")))
    yield case(rule, None, "an Aurora instance, whose cluster sets it", resource(GROUP, {"family": "aurora-mysql8.0"}))
    yield case(rule, None, "an engine without the parameter", resource(GROUP, {"family": "oracle-ee-19"}))


AURORA = resource(CLUSTER, name="aurora", id="aurora-1")


def member(name: str, **changes: Any) -> Node:
    return resource(CLUSTER_INSTANCE, {"clusterIdentifier": UNKNOWN}, name=name, **changes)


def of_aurora(name: str) -> Node:
    return member(name, refers={"clusterIdentifier": AURORA})


ZONES = [
    *one_property("rds-multi-az", INSTANCE, "multiAz", right=True, wrong=False),
    case("rds-multi-az", MET, "a cluster of two", AURORA, of_aurora("a"), of_aurora("b")),
    case("rds-multi-az", BROKEN, "a cluster of one", AURORA, of_aurora("a")),
    case("rds-multi-az", NOT_KNOWN, "a second one of nobody knows whose", AURORA, of_aurora("a"), member("b")),
]


def network(gateway: str, property_: str = "gatewayId") -> tuple[Node, ...]:
    """A database in one subnet, whose route leads to a gateway of this kind."""
    exit_ = resource(gateway, name="exit")
    subnet = resource(SUBNET, name="subnet", id="subnet-1")
    table = resource(TABLE, name="table")
    leads = {"routeTableId": table, property_: exit_}
    route = resource(ROUTE, {property_: UNKNOWN}, name="route", refers=leads)
    association = resource(ASSOCIATION, name="association", refers={"subnetId": subnet, "routeTableId": table})
    group = resource(SUBNET_GROUP, {"subnetIds": [UNKNOWN]}, name="group", refers={"subnetIds": subnet})
    database = resource(INSTANCE, {"dbSubnetGroupName": UNKNOWN}, name="db", refers={"dbSubnetGroupName": group})
    return exit_, subnet, table, route, association, group, database


PRIVATE = "rds-in-vpc-private-subnets"
NETWORKS = [
    case(PRIVATE, MET, "a route to a NAT gateway", *network("aws:ec2/natGateway:NatGateway", "natGatewayId")),
    case(PRIVATE, BROKEN, "a route to the internet gateway", *network(GATEWAY)),
    case(PRIVATE, BROKEN, "no subnet group at all", resource(INSTANCE)),
    case(PRIVATE, NOT_KNOWN, "a subnet group of somebody else's", resource(INSTANCE, {"dbSubnetGroupName": "theirs"})),
    case(
        PRIVATE,
        NOT_KNOWN,
        "subnets of somebody else's",
        resource(SUBNET_GROUP, {"subnetIds": ["subnet-9"]}, name="group", id="group"),
        resource(INSTANCE, {"dbSubnetGroupName": "group"}),
    ),
    case(
        PRIVATE,
        BROKEN,
        "a subnet that gives out addresses, named by a literal",
        resource(SUBNET, {"mapPublicIpOnLaunch": True}, id="subnet-1"),
        resource(SUBNET_GROUP, {"subnetIds": ["subnet-1"]}, name="group", id="group"),
        resource(CLUSTER, {"dbSubnetGroupName": "group"}),
    ),
]
TABLES = (PROPERTIES, [*force_tls()], ZONES, NETWORKS)


@pytest.mark.parametrize(("rule", "expected", "nodes"), [row for table in TABLES for row in table])
def test_a_rule_says_what_a_database_shows(rule: str, expected: Verdict | None, nodes: tuple[Node, ...]) -> None:
    check(rule, expected, nodes)


@pytest.mark.parametrize("rule", sorted(by_rule(*TABLES)))
def test_every_rule_is_shown_met_broken_and_unknown(rule: str) -> None:
    assert by_rule(*TABLES)[rule] >= {MET, BROKEN, NOT_KNOWN}


def test_a_daily_snapshot_alone_is_said_to_lose_too_much() -> None:
    (off,) = judgements("rds-backup-retention", resource(INSTANCE, {"backupRetentionPeriod": 0}))
    assert "a daily snapshot alone loses up to 24 h and does not meet an RPO of 1 h (RTO 4 h)" in off.message
    (short,) = judgements("rds-backup-retention", resource(INSTANCE, {"backupRetentionPeriod": 7}))
    assert short.message == "Automated backups are kept for 7 days, less than 14."


def test_a_password_in_clear_never_reaches_a_report() -> None:
    (found,) = judgements("rds-managed-master-password", resource(INSTANCE, {"password": "hunter2"}))
    assert found.verdict is BROKEN
    assert "hunter2" not in repr(found)


def test_public_subnets_are_named() -> None:
    (found,) = judgements(PRIVATE, *network(GATEWAY))
    assert found.message.endswith("internet gateway: subnet.")
    assert verdict(PRIVATE, *network(GATEWAY)[:-1]) is None
