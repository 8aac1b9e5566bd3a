"""Who writes into which log group, bucket and topic, read from the graph."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from mlops.plan.graph import Node
from mlops.plan.reading import Reading

if TYPE_CHECKING:
    from mlops.cost.model import Context

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_LOGGING = "aws:s3/bucketLogging:BucketLogging"
CLUSTER = "aws:eks/cluster:Cluster"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
TOPIC = "aws:sns/topic:Topic"
TRAIL = "aws:cloudtrail/trail:Trail"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
_LOGGED_INTO = (
    (BUCKET_LOGGING, "targetBucket"),
    (TRAIL, "s3BucketName"),
    ("aws:cfg/deliveryChannel:DeliveryChannel", "s3BucketName"),
    (FLOW_LOG, "logDestination"),
)
"""Types that write logs into a bucket, and the input that names it."""
_NOTIFIERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("aws:cloudwatch/metricAlarm:MetricAlarm", ("alarmActions", "okActions", "insufficientDataActions")),
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", ("alarmActions", "okActions")),
    ("aws:cloudwatch/eventTarget:EventTarget", ("arn",)),
    ("aws:budgets/budget:Budget", ("notifications",)),
    ("aws:backup/vaultNotifications:VaultNotifications", ("snsTopicArn",)),
    ("aws:rds/eventSubscription:EventSubscription", ("snsTopic",)),
    (TRAIL, ("snsTopicName",)),
)
"""Services that only write when something happened, and the inputs that name the topic."""
_CONTROL_PLANE = re.compile(r"/aws/eks/.+/cluster")
_AGENTS = ("EKS_ADDON_MANAGEMENT", "EC2_AGENT_MANAGEMENT")

Writer = Literal["flow", "trail", "audit", "application"]
_LOGS_INTO: tuple[tuple[str, str, Writer], ...] = (
    (FLOW_LOG, "logDestination", "flow"),
    (TRAIL, "cloudWatchLogsGroupArn", "trail"),
)


def of_log_groups(context: "Context") -> Mapping[str, Writer]:
    """What writes into each log group, by URN."""
    into: dict[str, Writer] = {}
    for type_, prop, writer in _LOGS_INTO:
        behind = (context.behind(node, prop, LOG_GROUP) for node in context.of_type(type_))
        into |= {group.urn: writer for group in behind if group}
    audited = any("audit" in one.at("enabledClusterLogTypes").texts() for one in context.of_type(CLUSTER))
    for group in context.of_type(LOG_GROUP):
        is_audit = audited and _CONTROL_PLANE.fullmatch(group.at("name").text())
        into.setdefault(group.urn, "audit" if is_audit else "application")
    return into


def log_buckets(context: "Context") -> frozenset[str]:
    """URNs of the buckets that others log into."""
    found = (context.behind(node, prop, BUCKET) for type_, prop in _LOGGED_INTO for node in context.of_type(type_))
    return frozenset(bucket.urn for bucket in found if bucket)


def buckets_without_key(context: "Context") -> frozenset[str]:
    """URNs of the buckets with data whose objects are each encrypted by a call of their own to KMS."""
    found = (
        context.behind(one, "bucket", BUCKET)
        for one in context.of_type(_ENCRYPTION)
        for rule in one.at("rules")
        if rule.at("applyServerSideEncryptionByDefault.sseAlgorithm").text().startswith("aws:kms")
        and not rule.at("bucketKeyEnabled").flag()
    )
    return frozenset(bucket.urn for bucket in found if bucket) - context.log_buckets


def alarm_topics(context: "Context") -> frozenset[str]:
    """URNs of the topics that alarms, budgets and the like write into; the stack has no other writer for them."""
    found = (
        context.behind(node, prop, TOPIC)
        for type_, props in _NOTIFIERS
        for node in context.of_type(type_)
        for prop in props
    )
    return frozenset(topic.urn for topic in found if topic)


def recording_trails(context: "Context") -> list[Node]:
    """The trails that record requests for objects."""
    return context.once("recording trails", lambda: [one for one in context.of_type(TRAIL) if records_objects(one)])


def records_management(trail: Node) -> bool:
    """Whether a trail records management events, as one without selectors does."""
    advanced, basic = [*trail.at("advancedEventSelectors")], [*trail.at("eventSelectors")]
    if advanced:
        return any("Management" in _fields(selector).get("eventCategory", ()) for selector in advanced)
    return not basic or any(one.at("includeManagementEvents").flag(default=True) for one in basic)


def records_objects(trail: Node) -> bool:
    """Whether a trail records requests for objects in S3."""
    return any(map(_selects_objects, trail.at("advancedEventSelectors"))) or any(
        resource.at("type").text() == "AWS::S3::Object"
        for selector in trail.at("eventSelectors")
        for resource in selector.at("dataResources")
    )


def has_agents(context: "Context") -> bool:
    """Whether GuardDuty keeps its runtime agent on the stack's nodes."""
    return any(
        feature.at("name").text() in ("RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING")
        and feature.at("status").text() == "ENABLED"
        and any(
            row.at("name").text() in _AGENTS and row.at("status").text() == "ENABLED"
            for row in feature.at("additionalConfigurations")
        )
        for feature in context.of_type(_FEATURE)
    )


def _selects_objects(selector: Reading) -> bool:
    fields = _fields(selector)
    return "Data" in fields.get("eventCategory", ()) and "AWS::S3::Object" in fields.get("resources.type", ())


def _fields(selector: Reading) -> dict[str, tuple[str, ...]]:
    return {row.at("field").text(): row.at("equals").texts() for row in selector.at("fieldSelectors")}
