"""What the rules say of caches, streams, registries, messages, secrets and analytics."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import SECRET as HIDDEN
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from policies.rules.analytics import CATALOG, CATALOG_SETTINGS, SECURITY_CONFIGURATION
from policies.rules.caches import SCALING_TARGET, TABLE
from policies.rules.messaging import QUEUE, TOPIC
from policies.rules.registries import LIFECYCLE, REPOSITORY, SCANNING
from policies.rules.secrets_manager import ROTATION, SECRET
from policies.rules.streams import FIREHOSE, STREAM
from tests.nodes import resource
from tests.policies.resources import BROKEN, MET, NOT_KNOWN, at, by_rule, case, check, left_out, one_property

CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
BROKERS = "aws:msk/cluster:Cluster"
WORKGROUP = "aws:athena/workgroup:Workgroup"
JOB = "aws:glue/job:Job"
CONNECTION = "aws:glue/connection:Connection"
WAREHOUSE = "aws:redshiftserverless/workgroup:Workgroup"
NAMESPACE = "aws:redshiftserverless/namespace:Namespace"
TRANSIT = "encryptionInfo.encryptionInTransit"
MODES = {
    "s3Encryption": {"s3EncryptionMode": "SSE-KMS"},
    "cloudwatchEncryption": {"cloudwatchEncryptionMode": "SSE-KMS"},
    "jobBookmarksEncryption": {"jobBookmarksEncryptionMode": "CSE-KMS"},
}
RESULTS = "configuration.resultConfiguration.encryptionConfiguration.encryptionOption"


def allow(principal: Any, condition: dict[str, Any] | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
    return json.dumps({"Statement": {**statement, **({"Condition": condition} if condition else {})}})


ROLE = allow({"AWS": "arn:aws:iam::1:role/a"})
ANYBODY = allow("*")
FROM_A_BUCKET = allow("*", {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::lake"}})
CLOSED = {"blockPublicPolicy": True}

TABLES_AND_CACHES = [
    *one_property("dynamodb-pitr", TABLE, "pointInTimeRecovery.enabled", right=True, wrong=False),
    left_out("dynamodb-pitr", TABLE, BROKEN),
    *one_property(
        "dynamodb-cmk",
        TABLE,
        "serverSideEncryption",
        right={"enabled": True, "kmsKeyArn": "k"},
        wrong={"enabled": True},
    ),
    *one_property("dynamodb-deletion-protection", TABLE, "deletionProtectionEnabled", right=True, wrong=False),
    *one_property("dynamodb-scales", TABLE, "billingMode", right="PAY_PER_REQUEST", wrong="PROVISIONED"),
    case(
        "dynamodb-scales",
        MET,
        "a table that autoscaling knows by name",
        resource(TABLE, {"name": "events"}),
        resource(SCALING_TARGET, {"resourceId": "table/events", "serviceNamespace": "dynamodb"}),
    ),
    *one_property("elasticache-transit-encryption", CACHE, "transitEncryptionEnabled", right=True, wrong=False),
    case(
        "elasticache-transit-encryption",
        BROKEN,
        "TLS that is only preferred",
        resource(CACHE, {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"}),
    ),
    *one_property("elasticache-at-rest-encryption", CACHE, "atRestEncryptionEnabled", right=True, wrong=False),
    *one_property("elasticache-auth", CACHE, "userGroupIds", right=["ops"], wrong=[]),
    case("elasticache-auth", MET, "a secret token", resource(CACHE, {"authToken": HIDDEN})),
    case(
        "elasticache-multi-az", MET, "both", resource(CACHE, {"multiAzEnabled": True, "automaticFailoverEnabled": True})
    ),
    case("elasticache-multi-az", BROKEN, "no failover", resource(CACHE, {"multiAzEnabled": True})),
    case(
        "elasticache-multi-az",
        NOT_KNOWN,
        "an unknown failover",
        resource(CACHE, {"multiAzEnabled": True, "automaticFailoverEnabled": UNKNOWN}),
    ),
    *one_property("elasticache-backup", CACHE, "snapshotRetentionLimit", right=7, wrong=6),
    *one_property("elasticache-auto-minor-upgrade", CACHE, "autoMinorVersionUpgrade", right=True, wrong=False),
]

STREAM_OF_OURS = resource(STREAM, {"encryptionType": "KMS"}, name="events", id="arn:events")
STREAM_IN_CLEAR = resource(STREAM, {"encryptionType": "NONE"}, name="events", id="arn:events")
DELIVERY = resource(
    FIREHOSE,
    {"kinesisSourceConfiguration": {"kinesisStreamArn": UNKNOWN}},
    refers={"kinesisSourceConfiguration": STREAM_OF_OURS},
)

STREAMS = [
    *one_property("msk-tls", BROKERS, f"{TRANSIT}.clientBroker", right="TLS", wrong="TLS_PLAINTEXT"),
    *one_property("msk-tls", BROKERS, f"{TRANSIT}.inCluster", right=True, wrong=False),
    left_out("msk-tls", BROKERS, MET),
    *one_property("msk-cmk", BROKERS, "encryptionInfo.encryptionAtRestKmsKeyArn", right="k", wrong=""),
    left_out("msk-cmk", BROKERS, BROKEN),
    *one_property(
        "msk-not-public",
        BROKERS,
        "brokerNodeGroupInfo.connectivityInfo.publicAccess.type",
        right="DISABLED",
        wrong="SERVICE_PROVIDED_EIPS",
    ),
    left_out("msk-not-public", BROKERS, MET),
    *one_property("msk-authenticated", BROKERS, "clientAuthentication.sasl.iam", right=True, wrong=False),
    *one_property(
        "msk-authenticated", BROKERS, "clientAuthentication.tls.certificateAuthorityArns", right=["a"], wrong=[]
    ),
    case(
        "msk-authenticated",
        BROKEN,
        "IAM, and anybody as well",
        resource(BROKERS, {"clientAuthentication": {"sasl": {"iam": True}, "unauthenticated": True}}),
    ),
    *one_property("msk-monitoring", BROKERS, "enhancedMonitoring", right="PER_TOPIC_PER_BROKER", wrong="PER_BROKER"),
    *one_property("msk-broker-logs", BROKERS, "loggingInfo.brokerLogs.s3.enabled", right=True, wrong=False),
    *one_property("kinesis-encrypted", STREAM, "encryptionType", right="KMS", wrong="NONE"),
    *one_property("kinesis-retention", STREAM, "retentionPeriod", right=168, wrong=24),
    *one_property("firehose-encrypted", FIREHOSE, "serverSideEncryption.enabled", right=True, wrong=False),
    case("firehose-encrypted", MET, "an encrypted stream as its source", STREAM_OF_OURS, DELIVERY),
    case("firehose-encrypted", BROKEN, "a stream in clear as its source", STREAM_IN_CLEAR, DELIVERY),
    case("firehose-encrypted", NOT_KNOWN, "a stream of somebody else's", DELIVERY),
    case(
        "firehose-encrypted",
        MET,
        "an encrypted stream named by a literal",
        STREAM_OF_OURS,
        resource(FIREHOSE, at("kinesisSourceConfiguration.kinesisStreamArn", "arn:events")),
    ),
    case("firehose-encrypted", MET, "a topic", resource(FIREHOSE, at("mskSourceConfiguration.mskClusterArn", "arn:k"))),
]


def scanned(pattern: str, frequency: str) -> Node:
    filters = [{"filter": pattern, "filterType": "WILDCARD"}]
    return resource(SCANNING, {"rules": [{"scanFrequency": frequency, "repositoryFilters": filters}]})


IMAGES = resource(REPOSITORY, {"name": "mlops/pipelines"}, name="images")
REGISTRIES = [
    *one_property("ecr-scan-on-push", REPOSITORY, "imageScanningConfiguration.scanOnPush", right=True, wrong=False),
    case("ecr-scan-on-push", MET, "a rule of the registry", IMAGES, scanned("mlops/*", "CONTINUOUS_SCAN")),
    case("ecr-scan-on-push", BROKEN, "a rule for others", IMAGES, scanned("web/*", "SCAN_ON_PUSH")),
    case("ecr-scan-on-push", BROKEN, "a rule that waits", IMAGES, scanned("*", "MANUAL")),
    *one_property("ecr-immutable-tags", REPOSITORY, "imageTagMutability", right="IMMUTABLE", wrong="MUTABLE"),
    *one_property("ecr-kms", REPOSITORY, "encryptionConfigurations[].encryptionType", right="KMS", wrong="AES256"),
    left_out("ecr-kms", REPOSITORY, BROKEN),
    case(
        "ecr-lifecycle", MET, "a policy", IMAGES, resource(LIFECYCLE, {"policy": "{}"}, refers={"repository": IMAGES})
    ),
    case("ecr-lifecycle", BROKEN, "no policy", IMAGES),
    case(
        "ecr-lifecycle",
        NOT_KNOWN,
        "a policy of nobody knows whose",
        IMAGES,
        resource(LIFECYCLE, {"repository": UNKNOWN}),
    ),
    *one_property("ecr-not-public", "aws:ecr/repositoryPolicy:RepositoryPolicy", "policy", right=ROLE, wrong=ANYBODY),
    *one_property(
        "ecr-not-public", "aws:ecr/repositoryPolicy:RepositoryPolicy", "policy", right=ROLE, wrong=FROM_A_BUCKET
    ),
]

MESSAGES = [
    *one_property("sns-kms", TOPIC, "kmsMasterKeyId", right="k", wrong=""),
    *one_property("sns-not-public", "aws:sns/topicPolicy:TopicPolicy", "policy", right=FROM_A_BUCKET, wrong=ANYBODY),
    left_out("sns-not-public", TOPIC, MET),
    *one_property(
        "sns-no-http-subscription",
        "aws:sns/topicSubscription:TopicSubscription",
        "protocol",
        right="https",
        wrong="http",
    ),
    *one_property("sqs-encrypted", QUEUE, "sqsManagedSseEnabled", right=True, wrong=False),
    *one_property("sqs-encrypted", QUEUE, "kmsMasterKeyId", right="k", wrong=""),
    left_out("sqs-encrypted", QUEUE, MET),
    *one_property("sqs-not-public", "aws:sqs/queuePolicy:QueuePolicy", "policy", right=FROM_A_BUCKET, wrong=ANYBODY),
    left_out("sqs-not-public", QUEUE, MET),
]

LOGIN = resource(SECRET, name="login")


def rotation(**rules: Any) -> Node:
    return resource(ROTATION, {"secretId": UNKNOWN, "rotationRules": rules}, refers={"secretId": LOGIN})


SECRETS = [
    case("secrets-rotation", MET, "every 30 days", LOGIN, rotation(automaticallyAfterDays=30)),
    case("secrets-rotation", MET, "every month", LOGIN, rotation(scheduleExpression="cron(0 8 1 * ? *)")),
    case("secrets-rotation", MET, "every 12 hours", LOGIN, rotation(scheduleExpression="rate(12 hours)")),
    case("secrets-rotation", BROKEN, "every year", LOGIN, rotation(automaticallyAfterDays=365)),
    case("secrets-rotation", BROKEN, "every 100 days", LOGIN, rotation(scheduleExpression="rate(100 days)")),
    case("secrets-rotation", BROKEN, "never", LOGIN),
    case("secrets-rotation", NOT_KNOWN, "nobody knows when", LOGIN, rotation(automaticallyAfterDays=UNKNOWN)),
    case("secrets-rotation", NOT_KNOWN, "in some months", LOGIN, rotation(scheduleExpression="cron(0 8 1 1,7 ? *)")),
    *one_property("secrets-cmk", SECRET, "kmsKeyId", right="k", wrong=""),
    *one_property(
        "secrets-policy-not-public",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "policy",
        right=ROLE,
        wrong=ANYBODY,
        beside=CLOSED,
    ),
    case(
        "secrets-policy-not-public",
        BROKEN,
        "a policy that AWS does not check",
        resource("aws:secretsmanager/secretPolicy:SecretPolicy", {"policy": ROLE}),
    ),
    left_out("secrets-policy-not-public", SECRET, MET),
]

CATALOGUE_SETTINGS = "dataCatalogEncryptionSettings"


def catalogue(mode: str) -> Node:
    password = {"returnConnectionPasswordEncrypted": True}
    settings = {"encryptionAtRest": {"catalogEncryptionMode": mode}, "connectionPasswordEncryption": password}
    return resource(CATALOG_SETTINGS, {CATALOGUE_SETTINGS: settings})


ANALYTICS = [
    *one_property("athena-encrypted-enforced", WORKGROUP, RESULTS, right="SSE_KMS", wrong=""),
    case(
        "athena-encrypted-enforced",
        BROKEN,
        "clients that may override it",
        resource(
            WORKGROUP,
            {"configuration": {**at(RESULTS, "SSE_KMS")["configuration"], "enforceWorkgroupConfiguration": False}},
        ),
    ),
    *one_property(
        "athena-metrics", WORKGROUP, "configuration.publishCloudwatchMetricsEnabled", right=True, wrong=False
    ),
    case("glue-catalog-encrypted", MET, "KMS", catalogue("SSE-KMS")),
    case("glue-catalog-encrypted", BROKEN, "off", catalogue("DISABLED")),
    case("glue-catalog-encrypted", BROKEN, "a database without settings", resource(CATALOG[0])),
    case("glue-catalog-encrypted", NOT_KNOWN, "unknown", catalogue(UNKNOWN)),
    case("glue-catalog-encrypted", None, "no catalogue"),
    *one_property("glue-job-encrypted", JOB, "securityConfiguration", right="strict", wrong=""),
    case(
        "glue-job-encrypted", MET, "three modes", resource(SECURITY_CONFIGURATION, {"encryptionConfiguration": MODES})
    ),
    case(
        "glue-job-encrypted",
        BROKEN,
        "two modes",
        resource(SECURITY_CONFIGURATION, {"encryptionConfiguration": {**MODES, "s3Encryption": {}}}),
    ),
    *one_property("glue-supported-version", JOB, "glueVersion", right="5.0", wrong="2.0"),
    *one_property("glue-supported-version", JOB, "glueVersion", right="4.0", wrong="newest"),
    case("glue-supported-version", None, "a Python shell", resource(JOB, at("command.name", "pythonshell"))),
    *one_property(
        "glue-connection-ssl", CONNECTION, "connectionProperties.JDBC_ENFORCE_SSL", right="true", wrong="false"
    ),
    case("glue-connection-ssl", NOT_KNOWN, "hidden", resource(CONNECTION, {"connectionProperties": HIDDEN})),
    case("glue-connection-ssl", None, "a network connection", resource(CONNECTION, {"connectionType": "NETWORK"})),
    *one_property("redshift-serverless-not-public", WAREHOUSE, "publiclyAccessible", right=False, wrong=True),
    *one_property("redshift-serverless-vpc-routing", WAREHOUSE, "enhancedVpcRouting", right=True, wrong=False),
    *one_property(
        "redshift-serverless-ssl",
        WAREHOUSE,
        "configParameters",
        right=[{"parameterKey": "require_ssl", "parameterValue": "true"}],
        wrong=[{"parameterKey": "require_ssl", "parameterValue": "false"}],
    ),
    *one_property(
        "redshift-serverless-logs-and-admin",
        NAMESPACE,
        "logExports",
        right=["connectionlog", "userlog"],
        wrong=["userlog"],
        beside={"adminUsername": "keeper", "dbName": "lake", "manageAdminPassword": True, "kmsKeyId": "k"},
    ),
    left_out("redshift-serverless-logs-and-admin", NAMESPACE, BROKEN),
]
TABLES = (TABLES_AND_CACHES, STREAMS, REGISTRIES, MESSAGES, SECRETS, ANALYTICS)


@pytest.mark.parametrize(("rule", "expected", "nodes"), [row for table in TABLES for row in table])
def test_a_rule_says_what_a_service_shows(rule: str, expected: Verdict | None, nodes: tuple[Node, ...]) -> None:
    check(rule, expected, nodes)


@pytest.mark.parametrize("rule", sorted(by_rule(*TABLES)))
def test_every_rule_is_shown_met_broken_and_unknown(rule: str) -> None:
    assert by_rule(*TABLES)[rule] >= {MET, BROKEN, NOT_KNOWN}
