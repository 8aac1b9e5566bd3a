"""What the rules say that take a whole stack to see: backups, tags, the account; and of OpenSearch."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from policies.rules.accounts import ACCOUNT_BLOCK, EBS_ENCRYPTION, SNAPSHOT_BLOCK
from policies.rules.backups import PLAN, SELECTION, VAULT, VAULT_LOCK, VAULT_POLICY
from policies.rules.databases import INSTANCE
from policies.rules.ownership import BASELINE
from policies.rules.storage import BUCKET, PUBLIC_FLAGS
from tests.nodes import resource
from tests.policies import test_rules_databases, test_rules_services, test_rules_storage
from tests.policies.resources import BROKEN, MET, NOT_KNOWN, by_rule, case, check, left_out, one_property
from tests.policies.support import judgements

FILES = "aws:efs/fileSystem:FileSystem"
DOMAIN = "aws:opensearch/domain:Domain"
COVERED = "backup-plan-covers-data"
DAILY = {"schedule": "cron(0 3 * * ? *)", "lifecycle": {"deleteAfter": 35}}
HOURLY = {"schedule": "cron(0 * * * ? *)", "lifecycle": {"deleteAfter": 35}}
DATABASE = resource(INSTANCE, {"backupRetentionPeriod": 30}, name="database")
FILE_SYSTEM = resource(FILES, {"tags": {"backup": "yes"}}, name="files", id="fs-1")


def backed_up(node: Node, *rules: Any, **selection: Any) -> tuple[Node, ...]:
    """A resource, a plan of these rules and a selection that takes the resource in, its ARN still unknown."""
    plan = resource(PLAN, {"rules": list(rules)}, name="plan")
    inputs = {"planId": UNKNOWN, "resources": [UNKNOWN], **selection}
    refers = {"planId": plan} if selection else {"planId": plan, "resources": node}
    return node, plan, resource(SELECTION, inputs, name="selection", refers=refers)


def vaulted(type_: str, **inputs: Any) -> tuple[Node, ...]:
    vault = resource(VAULT, name="vault")
    return vault, resource(type_, {"backupVaultName": UNKNOWN, **inputs}, refers={"backupVaultName": vault})


def refusal(action: str) -> str:
    return json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}]})


BY_TAG = {"resources": [], "selectionTags": [{"type": "STRINGEQUALS", "key": "backup", "value": "yes"}]}
BACKUPS = [
    case(COVERED, MET, "a database with its own way back, copied daily", *backed_up(DATABASE, DAILY)),
    case(COVERED, MET, "files copied every hour", *backed_up(FILE_SYSTEM, HOURLY)),
    case(COVERED, MET, "files copied all the time", *backed_up(FILE_SYSTEM, {**DAILY, "enableContinuousBackup": True})),
    case(COVERED, MET, "files selected by tag", *backed_up(FILE_SYSTEM, HOURLY, **BY_TAG)),
    case(
        COVERED,
        MET,
        "files selected by a pattern",
        *backed_up(resource(FILES, id="arn:aws:elasticfilesystem:::fs/1"), HOURLY, resources=["arn:aws:elasticf*"]),
    ),
    case(COVERED, BROKEN, "a database that no plan selects", DATABASE),
    case(COVERED, BROKEN, "files copied once a day", *backed_up(FILE_SYSTEM, DAILY)),
    case(COVERED, BROKEN, "copies kept for a week", *backed_up(DATABASE, {**DAILY, "lifecycle": {"deleteAfter": 7}})),
    case(COVERED, BROKEN, "a selection of others", *backed_up(FILE_SYSTEM, HOURLY, resources=["arn:aws:rds:*"])),
    case(COVERED, NOT_KNOWN, "a selection of nobody knows what", *backed_up(DATABASE, DAILY, resources=[UNKNOWN])),
    case(COVERED, NOT_KNOWN, "an unknown plan", *backed_up(DATABASE, UNKNOWN)),
    case(COVERED, None, "a stack without data"),
    *one_property("backup-vault-encrypted", VAULT, "kmsKeyArn", right="k", wrong=""),
    case("backup-vault-locked", MET, "a lock", *vaulted(VAULT_LOCK)),
    case("backup-vault-locked", MET, "a policy", *vaulted(VAULT_POLICY, policy=refusal("backup:Delete*"))),
    case("backup-vault-locked", BROKEN, "a policy on reading", *vaulted(VAULT_POLICY, policy=refusal("backup:Get*"))),
    case("backup-vault-locked", BROKEN, "nothing", resource(VAULT)),
    case("backup-vault-locked", NOT_KNOWN, "an unknown policy", *vaulted(VAULT_POLICY, policy=UNKNOWN)),
]

OWNED = resource(BASELINE, name="baseline")
OPEN_FLAG = {**dict.fromkeys(PUBLIC_FLAGS, True), "blockPublicAcls": False}
ACCOUNT = [
    case(
        "s3-account-public-access-blocked",
        MET,
        "all four flags",
        resource(ACCOUNT_BLOCK, dict.fromkeys(PUBLIC_FLAGS, True)),
    ),
    case("s3-account-public-access-blocked", BROKEN, "one is off", resource(ACCOUNT_BLOCK, OPEN_FLAG)),
    case(
        "s3-account-public-access-blocked",
        NOT_KNOWN,
        "one is unknown",
        resource(ACCOUNT_BLOCK, {**dict.fromkeys(PUBLIC_FLAGS, True), "blockPublicAcls": UNKNOWN}),
    ),
    *one_property("ebs-encryption-by-default", EBS_ENCRYPTION, "enabled", right=True, wrong=False),
    *one_property(
        "ebs-snapshot-public-access-blocked", SNAPSHOT_BLOCK, "state", right="block-all-sharing", wrong="unblocked"
    ),
    *(
        row
        for rule in (
            "s3-account-public-access-blocked",
            "ebs-encryption-by-default",
            "ebs-snapshot-public-access-blocked",
        )
        for row in (
            case(rule, BROKEN, "a stack that owns the account and does not say", OWNED),
            case(rule, None, "a stack that does not own the account", resource(BUCKET)),
        )
    ),
]

TAGS = {"Environment": "prod", "Owner": "ml", "CostCenter": "7", "data_classification": "internal"}
REST = {key: value for key, value in TAGS.items() if key != "Owner"}
PROVIDER = resource("pulumi:providers:aws", {"defaultTags": json.dumps({"tags": REST})}, name="aws")
UNREADABLE = resource("pulumi:providers:aws", {"defaultTags": UNKNOWN}, name="aws")
TAGGED = [
    case("mandatory-tags", MET, "its own", resource(BUCKET, {"tags": TAGS})),
    case(
        "mandatory-tags",
        MET,
        "its own and its provider's",
        PROVIDER,
        resource(BUCKET, {"tags": {"owner": "ml"}}, provider=PROVIDER),
    ),
    case("mandatory-tags", BROKEN, "an owner is missing", PROVIDER, resource(BUCKET, provider=PROVIDER)),
    case("mandatory-tags", BROKEN, "an empty owner", resource(BUCKET, {"tags": {**TAGS, "Owner": ""}})),
    case("mandatory-tags", NOT_KNOWN, "unknown ones", resource(BUCKET, {"tags": UNKNOWN})),
    case("mandatory-tags", NOT_KNOWN, "an unknown provider", UNREADABLE, resource(BUCKET, provider=UNREADABLE)),
]

NODES = {"instanceCount": 3, "zoneAwarenessEnabled": True}
HTTPS = {"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"}
AUDIT = {"logType": "AUDIT_LOGS"}
SEARCH = [
    *one_property("opensearch-encrypted", DOMAIN, "encryptAtRest.enabled", right=True, wrong=False),
    *one_property("opensearch-in-vpc", DOMAIN, "vpcOptions.subnetIds", right=["s"], wrong=[]),
    *one_property(
        "opensearch-tls",
        DOMAIN,
        "domainEndpointOptions",
        right=HTTPS,
        wrong={**HTTPS, "tlsSecurityPolicy": "Policy-Min-TLS-1-0-2019-07"},
        beside={"nodeToNodeEncryption": {"enabled": True}},
    ),
    left_out("opensearch-tls", DOMAIN, BROKEN),
    *one_property("opensearch-fine-grained-access", DOMAIN, "advancedSecurityOptions.enabled", right=True, wrong=False),
    *one_property(
        "opensearch-logs",
        DOMAIN,
        "logPublishingOptions",
        right=[{"logType": "ES_APPLICATION_LOGS"}, AUDIT],
        wrong=[{"logType": "ES_APPLICATION_LOGS"}, {**AUDIT, "enabled": False}],
    ),
    *one_property(
        "opensearch-fault-tolerant",
        DOMAIN,
        "clusterConfig",
        right={**NODES, "dedicatedMasterCount": 3},
        wrong={**NODES, "dedicatedMasterCount": 2},
    ),
]
TABLES = (BACKUPS, ACCOUNT, TAGGED, SEARCH)
ALL_TABLES = (
    *TABLES,
    *test_rules_databases.TABLES,
    *test_rules_services.TABLES,
    *(test_rules_storage.BUCKETS, test_rules_storage.DOCUMENTS, test_rules_storage.PROPERTIES),
)
PREFIXES = (
    *(
        "athena-",
        "aurora-",
        "backup-",
        "dynamodb-",
        "ebs-encryption-",
        "ebs-snapshot-",
        "ecr-",
        "efs-",
        "elasticache-",
        "firehose-",
        "glue-",
    ),
    *(
        "kinesis-",
        "kms-",
        "mandatory-tags",
        "msk-",
        "opensearch-",
        "rds-",
        "redshift-",
        "s3-",
        "secrets-",
        "sns-",
        "sqs-",
    ),
)
"""How the rules of data services begin."""


@pytest.mark.parametrize(("rule", "expected", "nodes"), [row for table in TABLES for row in table])
def test_a_rule_says_what_a_stack_shows(rule: str, expected: Verdict | None, nodes: tuple[Node, ...]) -> None:
    check(rule, expected, nodes)


def test_every_rule_of_the_data_services_is_shown_met_broken_and_unknown() -> None:
    registered = {rule for rule in (*RESOURCE_CHECKS, *STACK_CHECKS) if rule.startswith(PREFIXES)}
    shown = by_rule(*ALL_TABLES)
    assert registered <= set(shown)
    assert [rule for rule, verdicts in sorted(shown.items()) if not verdicts >= {MET, BROKEN, NOT_KNOWN}] == []


def test_a_daily_snapshot_alone_is_said_to_lose_too_much() -> None:
    (message,) = [one.message for one in judgements(COVERED, *backed_up(FILE_SYSTEM, DAILY)) if one.message]
    assert "a daily snapshot alone loses up to 24 h and does not meet an RPO of 1 h (RTO 4 h)" in message


def test_the_missing_tags_are_named() -> None:
    (found,) = judgements("mandatory-tags", resource(BUCKET, {"tags": {"Owner": "ml"}}))
    assert found.message == "These tags are missing: environment, cost-centre, data-classification."


def test_a_stack_that_owns_the_account_is_blamed_itself() -> None:
    (found,) = judgements("ebs-encryption-by-default", OWNED)
    assert (found.urn, found.path) == ("", "")
