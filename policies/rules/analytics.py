"""Athena, Glue and Redshift Serverless: encryption, TLS, logs, upkeep."""

from collections.abc import Iterable
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import all_of, answer, any_of, elements
from policies.model import ABSENT, Judgement, judge, look, say
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import demand, given, not_off, one_of, own_key, yes

CATALOG_SETTINGS = "aws:glue/dataCatalogEncryptionSettings:DataCatalogEncryptionSettings"
CATALOG = ("aws:glue/catalogDatabase:CatalogDatabase", "aws:glue/catalogTable:CatalogTable")
SECURITY_CONFIGURATION = "aws:glue/securityConfiguration:SecurityConfiguration"
_OLDEST_GLUE = 3.0
_SPARK = ("glueetl", "gluestreaming", ABSENT)
"""Kinds of Glue jobs that run Spark, as one does that names no kind."""
_GLUE_MODES = {
    "s3Encryption.s3EncryptionMode": ("SSE-KMS", "SSE-S3"),
    "cloudwatchEncryption.cloudwatchEncryptionMode": ("SSE-KMS",),
    "jobBookmarksEncryption.jobBookmarksEncryptionMode": ("CSE-KMS",),
}

demand(
    "athena-metrics",
    "configuration.publishCloudwatchMetricsEnabled",
    not_off,
    "Nobody sees what queries cost and how many fail: the workgroup publishes no metrics.",
    absent_is_met=True,
)
demand(
    "redshift-serverless-not-public",
    "publiclyAccessible",
    lambda value: value is False,
    "The warehouse has an address on the internet.",
    absent_is_met=True,
)
demand(
    "redshift-serverless-vpc-routing",
    "enhancedVpcRouting",
    yes,
    "What is loaded and unloaded goes around the network's own routes, endpoints and logs.",
)


@resource_rule("athena-encrypted-enforced")
def query_results_are_encrypted(node: Node) -> Iterable[Judgement]:
    """Athena lets clients override a workgroup unless it is enforced, which is its default. Results that it keeps
    itself it always encrypts (user guide, "Managed query results")."""
    managed = look(node.inputs, "configuration.managedQueryResultsConfiguration.enabled")
    if managed is True:
        yield say(node, "configuration.managedQueryResultsConfiguration.enabled", True, "")
        return
    option = "configuration.resultConfiguration.encryptionConfiguration.encryptionOption"
    enforced = "configuration.enforceWorkgroupConfiguration"
    yield judge(node, option, given, "Results of queries are written in clear.")
    yield judge(node, enforced, not_off, "A client may override the workgroup's encryption.", absent_is_met=True)


@stack_rule("glue-catalog-encrypted")
def catalogue_is_encrypted(graph: Graph) -> Iterable[Judgement]:
    """The settings are one set an account and region; a stack that has them, or fills a catalogue, is judged."""
    path = "dataCatalogEncryptionSettings"
    found = graph.of_type(CATALOG_SETTINGS)
    if not found and graph.of_type(*CATALOG):
        yield say(None, "", False, "The stack has tables in a Glue catalogue, but no DataCatalogEncryptionSettings.")
    for node in found:
        mode = one_of("SSE-KMS", "SSE-KMS-WITH-SERVICE-ROLE")
        yield judge(node, f"{path}.encryptionAtRest.catalogEncryptionMode", mode, "The catalogue lies in clear.")
        password = f"{path}.connectionPasswordEncryption.returnConnectionPasswordEncrypted"
        yield judge(node, password, yes, "Passwords of connections come back in clear.")


@resource_rule("glue-job-encrypted")
def jobs_are_encrypted(node: Node) -> Iterable[Judgement]:
    if node.type != SECURITY_CONFIGURATION:
        message = "It writes results, logs and bookmarks in clear: it has no security configuration."
        yield judge(node, "securityConfiguration", given, message)
        return
    for path, modes in _GLUE_MODES.items():
        yield judge(
            node, f"encryptionConfiguration.{path}", one_of(*modes), "This part of what jobs write is in clear."
        )


@resource_rule("glue-supported-version")
def jobs_run_a_supported_version(node: Node) -> Iterable[Judgement]:
    command = look(node.inputs, "command.name")
    if command == UNKNOWN or command in _SPARK:
        message = f"The job runs a Glue older than {_OLDEST_GLUE}, whose Spark gets no fixes."
        yield judge(node, "glueVersion", _is_supported, message)


def _is_supported(version: Any) -> bool:
    try:
        return float(version) >= _OLDEST_GLUE
    except (TypeError, ValueError):
        return False


@resource_rule("glue-connection-ssl")
def connections_use_tls(node: Node) -> Iterable[Judgement]:
    """Only JDBC connections have the setting. The properties hold a password, so that they may be one secret."""
    kind = look(node.inputs, "connectionType")
    properties = look(node.inputs, "connectionProperties")
    if kind not in (ABSENT, "JDBC", UNKNOWN):
        return
    enforced = None if properties in (UNKNOWN, SECRET) else look(properties, "JDBC_ENFORCE_SSL")
    holds = None if enforced is None else answer(enforced, lambda value: str(value).lower() == "true")
    yield say(node, "connectionProperties.JDBC_ENFORCE_SSL", holds, "The connection also works without TLS.")


@resource_rule("redshift-serverless-ssl")
def warehouse_refuses_plain_connections(node: Node) -> Iterable[Judgement]:
    parameters = elements(look(node.inputs, "configParameters"))
    found = any_of(
        all_of(
            (
                answer(look(one, "parameterKey"), one_of("require_ssl")),
                answer(look(one, "parameterValue"), lambda value: str(value).lower() == "true"),
            )
        )
        for one in parameters
    )
    yield say(node, "configParameters", found, "The warehouse also takes connections without TLS.")


@resource_rule("redshift-serverless-logs-and-admin")
def warehouse_is_kept_in_order(node: Node) -> Iterable[Judgement]:
    exports = elements(look(node.inputs, "logExports"))
    logs = [any_of(answer(one, one_of(name)) for one in exports) for name in ("connectionlog", "userlog")]
    yield say(node, "logExports", all_of(logs), "Connections and changes of users are not logged.")
    message = "The administrator's name is the one that everybody tries first."
    yield judge(node, "adminUsername", lambda value: value != "admin", message)
    yield judge(node, "dbName", lambda value: value != "dev", "The database has its default name.")
    yield judge(node, "manageAdminPassword", yes, "Redshift does not keep the administrator's password itself.")
    yield judge(node, "kmsKeyId", own_key, "The warehouse is encrypted with AWS's own key.")
