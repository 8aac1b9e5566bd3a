"""The account's security baseline."""

import json
from typing import Any, get_args

import pulumi
import pytest
from pydantic import ValidationError

from components.account.audit_trail import bucket_policy
from components.account.baseline import AccountBaseline, AccountBaselineArgs, AccountBaselineConfig, ThreatFeature
from components.base.topic import topic_policy
from components.keys import KeysOutputs, key_policy
from components.storage import StorageOutputs
from mlops.core.audit_events import WATCHED
from mlops.plan.graph import Graph
from tests.support import REGION, names, only, recorded, statements

ACCOUNT = "000000000000"
LOGS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/logs"
TRAIL_ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/mlops-prod-audit"
TRAIL = "aws:cloudtrail/trail:Trail"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SWITCHES = (
    "audit_trail",
    "threat_detection",
    "configuration_record",
    "security_hub",
    "access_analyzer",
    "volume_encryption",
    "block_public_snapshots",
    "block_public_buckets",
    "password_policy",
)


def baseline(**settings: Any) -> Graph:
    config = AccountBaselineConfig.model_validate(settings)
    given = pulumi.Output.from_input

    def build(opts: pulumi.ResourceOptions) -> None:
        keys = KeysOutputs(data=given("data"), cluster=given("cluster"), database=given("db"), logs=given(LOGS_KEY))
        storage = StorageOutputs(buckets={}, bucket_arns={}, log_bucket=given("logs"), key_arn=given("data"))
        args = AccountBaselineArgs(prefix="mlops-prod", region=REGION, keys=keys, storage=storage)
        AccountBaseline("account", config, args, opts)

    return recorded(build)


def test_the_trail_covers_all_regions_is_encrypted_and_shows_tampering() -> None:
    inputs = only(baseline(), TRAIL).inputs
    assert inputs["isMultiRegionTrail"] is True
    assert inputs["includeGlobalServiceEvents"] is True
    assert inputs["enableLogFileValidation"] is True
    assert inputs["kmsKeyId"] == LOGS_KEY
    assert inputs["name"] == "mlops-prod-audit"


def test_the_trail_waits_until_it_may_write_to_its_bucket_and_its_logs() -> None:
    graph = baseline()
    needed = {graph[urn].name for urn in only(graph, TRAIL).dependencies if urn in graph}
    assert {"account-audit-policy", "account-trail-policy"} <= needed


def test_the_trail_does_not_record_its_own_writes() -> None:
    selectors = only(baseline(), TRAIL).inputs["advancedEventSelectors"]
    objects = next(row for row in selectors if row["name"] == "objects")
    (own,) = [row for row in objects["fieldSelectors"] if row["field"] == "resources.ARN"]
    assert own["notStartsWiths"][0].startswith("arn:aws:s3:::account-audit")
    assert [row["name"] for row in only(baseline(data_events=False), TRAIL).inputs["advancedEventSelectors"]] == [
        "management"
    ]


def test_only_this_trail_may_write_to_the_audit_bucket_and_only_over_tls() -> None:
    rows = bucket_policy("arn:aws:s3:::audit", TRAIL_ARN)["Statement"]
    assert isinstance(rows, list)
    allowed = [row for row in rows if row["Effect"] == "Allow"]
    assert all(row["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL_ARN for row in allowed)
    assert next(row["Resource"] for row in allowed if row["Action"] == "s3:PutObject") == (
        f"arn:aws:s3:::audit/AWSLogs/{ACCOUNT}/*"
    )
    assert any(row["Effect"] == "Deny" and "aws:SecureTransport" in str(row) for row in rows)


def test_the_audit_bucket_is_private_versioned_encrypted_logged_and_protected() -> None:
    graph = baseline()
    bucket = only(graph, "aws:s3/bucket:Bucket")
    assert bucket.protect
    parts = {node.type.rpartition(":")[2] for node in graph if bucket.urn in node.dependencies}
    assert {
        "BucketPublicAccessBlock",
        "BucketVersioning",
        "BucketServerSideEncryptionConfiguration",
        "BucketLogging",
        "BucketPolicy",
        "BucketOwnershipControls",
    } <= parts
    assert only(graph, "aws:s3/bucketLogging:BucketLogging").inputs["targetBucket"] == "logs"


def test_an_alarm_is_raised_for_every_event_of_the_benchmark() -> None:
    graph = baseline(alarm_emails=("security@example.com",))
    alarms = graph.of_type(ALARM)
    assert len(alarms) == len(WATCHED) == 15
    topic = only(graph, "aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"] == LOGS_KEY
    assert all(alarm.inputs["alarmActions"] == [topic.outputs["arn"]] for alarm in alarms)
    filters = {
        node.inputs["metricTransformation"]["name"]: node
        for node in graph.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    }
    assert {alarm.inputs["metricName"] for alarm in alarms} == set(filters)
    assert "DeleteTrail" in filters["mlops-prod-trail-changes"].inputs["pattern"]
    assert only(graph, "aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "security@example.com"


def test_alarms_of_other_accounts_cannot_publish() -> None:
    rows = topic_policy(f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms")["Statement"]
    assert isinstance(rows, list)
    allowed = next(row for row in rows if row["Effect"] == "Allow")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_threat_detection_looks_at_data_clusters_and_what_runs_there() -> None:
    graph = baseline()
    features = {node.inputs["name"]: node.inputs for node in graph.of_type(FEATURE)}
    on = {name for name, inputs in features.items() if inputs["status"] == "ENABLED"}
    assert on == {"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RUNTIME_MONITORING"}
    agents = {row["name"]: row["status"] for row in features["RUNTIME_MONITORING"]["additionalConfigurations"]}
    assert agents["EKS_ADDON_MANAGEMENT"] == "ENABLED"


def test_a_feature_that_is_not_listed_is_switched_off_and_not_left_on() -> None:
    features = baseline(threat_features=()).of_type(FEATURE)
    assert {node.inputs["name"] for node in features} == set(get_args(ThreatFeature))
    assert {node.inputs["status"] for node in features} == {"DISABLED"}
    agents = [
        node.inputs["additionalConfigurations"] for node in features if node.inputs["name"] == "RUNTIME_MONITORING"
    ]
    assert {row["status"] for row in agents[0]} == {"DISABLED"}


def test_configurations_are_recorded_once_there_is_somewhere_to_deliver_them() -> None:
    graph = baseline()
    recorder = only(graph, "aws:cfg/recorder:Recorder")
    channel = only(graph, "aws:cfg/deliveryChannel:DeliveryChannel")
    status = only(graph, "aws:cfg/recorderStatus:RecorderStatus")
    assert recorder.inputs["recordingGroup"] == {"allSupported": True, "includeGlobalResourceTypes": True}
    assert recorder.urn in channel.dependencies
    assert channel.urn in status.dependencies
    assert status.inputs["isEnabled"] is True


def test_config_takes_its_role_for_this_account_only() -> None:
    role = only(baseline(), "aws:iam/role:Role", "account-configuration-role")
    (trust,) = statements(role.inputs["assumeRolePolicy"])
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_security_hub_checks_best_practices_and_cis_and_nothing_by_default() -> None:
    graph = baseline()
    assert only(graph, "aws:securityhub/account:Account").inputs["enableDefaultStandards"] is False
    arns = [
        node.inputs["standardsArn"]
        for node in graph.of_type("aws:securityhub/standardsSubscription:StandardsSubscription")
    ]
    assert any("aws-foundational-security-best-practices" in arn for arn in arns)
    assert any("cis-aws-foundations-benchmark" in arn for arn in arns)


def test_passwords_are_long_new_and_not_for_ever() -> None:
    inputs = only(baseline(), "aws:iam/accountPasswordPolicy:AccountPasswordPolicy").inputs
    assert (inputs["minimumPasswordLength"], inputs["passwordReusePrevention"], inputs["maxPasswordAge"]) == (
        14,
        24,
        90,
    )


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_piece_can_be_left_to_the_organization(switch: str) -> None:
    needing = {"data_events": False, "alarms": False} if switch == "audit_trail" else {}
    everything, without = baseline(), baseline(**{switch: False}, **needing)
    assert len(without) < len(everything)


@pytest.mark.parametrize("needing", ["data_events", "alarms"])
def test_what_reads_the_trail_is_refused_where_there_is_none(needing: str) -> None:
    off = {"data_events": False, "alarms": False, needing: True}
    with pytest.raises(ValidationError, match=f"audit_trail is false, and {needing} read it"):
        AccountBaselineConfig.model_validate({"audit_trail": False, **off})


def test_addresses_that_no_alarm_would_reach_are_refused() -> None:
    with pytest.raises(ValidationError, match="nobody would hear"):
        AccountBaselineConfig.model_validate({"alarms": False, "alarm_emails": ["team@example.com"]})


def test_a_baseline_without_pieces_makes_nothing() -> None:
    graph = baseline(**dict.fromkeys([*SWITCHES, "data_events", "alarms"], False))
    assert [node.name for node in graph if node.custom and node.package == "aws"] == []


def test_the_key_of_the_logs_lets_the_trail_in_only_where_there_is_one() -> None:
    def services(writers: tuple[str, ...]) -> str:
        return json.dumps(key_policy(LOGS_KEY, "logs", REGION, writers))

    assert "cloudtrail.amazonaws.com" in services(("cloudtrail.amazonaws.com",))
    assert "cloudtrail.amazonaws.com" not in services(())


def test_trails_of_other_accounts_cannot_use_the_key_of_the_logs() -> None:
    rows = key_policy(LOGS_KEY, "logs", REGION, ("cloudtrail.amazonaws.com",))["Statement"]
    assert isinstance(rows, list)
    trail = next(row for row in rows if row["Principal"] == {"Service": "cloudtrail.amazonaws.com"})
    assert trail["Condition"] == {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}}


def test_an_audit_trail_is_kept_for_a_year_at_least() -> None:
    with pytest.raises(ValidationError, match="365"):
        AccountBaselineConfig(audit_days=30)


def test_names_say_what_they_are() -> None:
    assert names(baseline(), FEATURE) == [
        "account-ebs-malware-protection",
        "account-eks-audit-logs",
        "account-lambda-network-logs",
        "account-rds-login-events",
        "account-runtime-monitoring",
        "account-s3-data-events",
    ]
