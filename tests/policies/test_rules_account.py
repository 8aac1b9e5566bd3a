"""What the rules say of the account: its trail, its alarms, its threat detection, its budget."""

import pytest

from mlops.core.audit_events import WATCHED
from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from policies.rules.storage import PUBLIC_FLAGS
from tests.nodes import resource
from tests.policies.aws_resources import Case, baseline, more, stacks, three
from tests.policies.support import judgements, verdict

TRAIL = "aws:cloudtrail/trail:Trail"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
HUB = "aws:securityhub/account:Account"
BUCKET = resource("aws:s3/bucket:Bucket", name="audit")
CLUSTER = resource("aws:eks/cluster:Cluster", name="cluster")
FROM_BUCKET = {"s3BucketName": [BUCKET]}
TO_LOGS = {"cloudWatchLogsGroupArn": "arn", "cloudWatchLogsRoleArn": "arn"}
AGENTS = {"additionalConfigurations": [{"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"}]}


def part(type_: str) -> Node:
    flags: dict[str, object] = dict.fromkeys(PUBLIC_FLAGS, True) if type_ == "bucketPublicAccessBlock" else {}
    return resource(f"aws:s3/{type_}:{type_[0].upper()}{type_[1:]}", flags, refers={"bucket": [BUCKET]})


def objects(*fields: dict[str, object]) -> dict[str, object]:
    types = {"field": "resources.type", "equals": ["AWS::S3::Object"]}
    return {"advancedEventSelectors": [{"fieldSelectors": [types, *fields]}]}


def watched(actions: object) -> list[Node]:
    """A filter and an alarm for every event of the benchmark."""
    made: list[Node] = []
    for event in WATCHED:
        inputs = {"pattern": event.pattern, "metricTransformation": {"name": event.name}}
        made.append(resource(FILTER, inputs, name=event.name))
        made.append(resource(ALARM, {"metricName": event.name, "alarmActions": actions}, name=event.name))
    return made


def feature(name: str, status: str = "ENABLED", *, agents: bool = False) -> Node:
    return resource(FEATURE, {"name": name, "status": status, **(AGENTS if agents else {})}, name=name)


def recording(enabled: object, **group: object) -> list[Node]:
    everything = {"allSupported": True, "includeGlobalResourceTypes": True, **group}
    return [
        resource("aws:cfg/recorder:Recorder", {"recordingGroup": everything}),
        resource("aws:cfg/recorderStatus:RecorderStatus", {"isEnabled": enabled}),
        resource("aws:cfg/deliveryChannel:DeliveryChannel", {"s3BucketName": "audit"}),
    ]


def standard(arn: str) -> Node:
    return resource("aws:securityhub/standardsSubscription:StandardsSubscription", {"standardsArn": arn})


BY_HAND = resource(HUB, {"enableDefaultStandards": False})
FSBP = "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0"
ANALYZER = "aws:accessanalyzer/analyzer:Analyzer"
INSPECTOR = "aws:inspector2/enabler:Enabler"
MACIE = "aws:macie2/account:Account"
BUDGET = "aws:budgets/budget:Budget"
ALL_TYPES = ["EC2", "ECR", "LAMBDA"]
RUNTIME = "RUNTIME_MONITORING"

CASES: list[Case] = [
    *stacks(
        "cloudtrail-multi-region",
        "a trail of one region",
        [resource(TRAIL)],
        [resource(TRAIL, {"isMultiRegionTrail": True})],
        [resource(TRAIL, {"isMultiRegionTrail": UNKNOWN})],
    ),
    more("cloudtrail-multi-region", Verdict.BROKEN, "misses a trail where the stack owns the account", baseline()),
    more("cloudtrail-multi-region", None, "asks none of a stack that does not"),
    more(
        "cloudtrail-multi-region",
        Verdict.BROKEN,
        "refuses a trail of writes only",
        resource(TRAIL, {"isMultiRegionTrail": True, "eventSelectors": [{"readWriteType": "WriteOnly"}]}),
    ),
    *three("cloudtrail-kms", "a trail without a key", TRAIL, {}, {"kmsKeyId": "key"}, {"kmsKeyId": UNKNOWN}),
    *three(
        "cloudtrail-validation",
        "a trail that hides tampering",
        TRAIL,
        {},
        {"enableLogFileValidation": True},
        {"enableLogFileValidation": UNKNOWN},
    ),
    *three(
        "cloudtrail-to-cloudwatch",
        "a trail that raises no alarm",
        TRAIL,
        {},
        TO_LOGS,
        {**TO_LOGS, "cloudWatchLogsRoleArn": UNKNOWN},
    ),
    *three(
        "cloudtrail-s3-data-events",
        "reads that nobody records",
        TRAIL,
        {},
        objects(),
        {"advancedEventSelectors": UNKNOWN},
    ),
    more(
        "cloudtrail-s3-data-events",
        Verdict.BROKEN,
        "refuses writes only",
        resource(TRAIL, objects({"field": "readOnly", "equals": ["false"]})),
    ),
    more(
        "cloudtrail-s3-data-events",
        Verdict.MET,
        "reads basic selectors",
        resource(
            TRAIL, {"eventSelectors": [{"dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}]}
        ),
    ),
    *stacks(
        "cloudtrail-bucket-logged-private",
        "a trail in any bucket",
        [BUCKET, resource(TRAIL, refers=FROM_BUCKET)],
        [BUCKET, resource(TRAIL, refers=FROM_BUCKET), part("bucketLogging"), part("bucketPublicAccessBlock")],
        [resource(TRAIL, {"s3BucketName": UNKNOWN})],
    ),
    *three(
        "log-group-retention",
        "logs for a month",
        GROUP,
        {"retentionInDays": 30},
        {"retentionInDays": 365},
        {"retentionInDays": UNKNOWN},
    ),
    more("log-group-retention", Verdict.BROKEN, "refuses logs that nobody ever removes", resource(GROUP)),
    *three("log-group-kms", "logs without a key", GROUP, {}, {"kmsKeyId": "key"}, {"kmsKeyId": UNKNOWN}),
    *three(
        "alarms-have-actions",
        "an alarm that tells nobody",
        ALARM,
        {},
        {"alarmActions": ["arn"]},
        {"alarmActions": UNKNOWN},
    ),
    more(
        "alarms-have-actions",
        Verdict.BROKEN,
        "refuses an alarm that is muted",
        resource(ALARM, {"alarmActions": ["arn"], "actionsEnabled": False}),
    ),
    *stacks(
        "cis-monitoring-filters", "a trail that nobody watches", [resource(TRAIL)], watched(["arn"]), watched(UNKNOWN)
    ),
    more("cis-monitoring-filters", Verdict.BROKEN, "refuses alarms that tell nobody", *watched([])),
    *stacks(
        "guardduty-enabled",
        "a detector that is off",
        [resource(DETECTOR, {"enable": False})],
        [resource(DETECTOR)],
        [resource(DETECTOR, {"enable": UNKNOWN})],
    ),
    *stacks(
        "guardduty-eks",
        "a cluster that nobody looks at",
        [CLUSTER, baseline()],
        [CLUSTER, feature("EKS_AUDIT_LOGS"), feature(RUNTIME, agents=True)],
        [CLUSTER, feature("EKS_AUDIT_LOGS"), feature(RUNTIME, UNKNOWN, agents=True)],
    ),
    more(
        "guardduty-eks",
        Verdict.BROKEN,
        "refuses agents that nobody installs",
        CLUSTER,
        feature("EKS_AUDIT_LOGS"),
        feature(RUNTIME),
    ),
    *stacks(
        "guardduty-data-features",
        "buckets that nobody looks at",
        [BUCKET, baseline()],
        [BUCKET, feature("S3_DATA_EVENTS")],
        [BUCKET, feature(UNKNOWN)],
    ),
    *stacks("config-recorder", "a recorder that does not run", recording(False), recording(True), recording(UNKNOWN)),
    more(
        "config-recorder",
        Verdict.BROKEN,
        "refuses a record without global types",
        *recording(True, includeGlobalResourceTypes=False),
    ),
    more("config-recorder", Verdict.BROKEN, "misses a channel", *recording(True)[:2]),
    *stacks(
        "securityhub-enabled", "no best practices", [BY_HAND], [BY_HAND, standard(FSBP)], [BY_HAND, standard(UNKNOWN)]
    ),
    *stacks(
        "access-analyzer",
        "an analyzer of something else",
        [resource(ANALYZER, {"type": "ACCOUNT_UNUSED_ACCESS"})],
        [resource(ANALYZER, {"type": "ACCOUNT"})],
        [resource(ANALYZER, {"type": UNKNOWN})],
    ),
    *stacks(
        "inspector-enabled",
        "functions that are left out",
        [resource(INSPECTOR, {"resourceTypes": ["EC2"]})],
        [resource(INSPECTOR, {"resourceTypes": ALL_TYPES})],
        [resource(INSPECTOR, {"resourceTypes": UNKNOWN})],
    ),
    *stacks(
        "macie-enabled",
        "a search that is paused",
        [resource(MACIE, {"status": "PAUSED"})],
        [resource(MACIE)],
        [resource(MACIE, {"status": UNKNOWN})],
    ),
    *stacks(
        "budget-exists",
        "a budget that tells nobody",
        [resource(BUDGET)],
        [resource(BUDGET, {"notifications": [{"threshold": 80, "subscriberEmailAddresses": ["a@b.example"]}]})],
        [resource(BUDGET, {"notifications": UNKNOWN})],
    ),
    more("budget-exists", Verdict.BROKEN, "misses a budget"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected


@pytest.mark.parametrize("rule", ["guardduty-enabled", "config-recorder", "securityhub-enabled", "access-analyzer"])
def test_what_an_account_needs_is_asked_of_the_stack_that_owns_it(rule: str) -> None:
    assert verdict(rule, baseline()) is Verdict.BROKEN
    assert verdict(rule) is None


def test_every_event_that_nobody_watches_is_named_with_its_recommendation() -> None:
    findings = judgements("cis-monitoring-filters", resource(TRAIL))
    assert [finding.message.rpartition("CIS ")[2].rstrip(")") for finding in findings] == [
        f"5.{number}" for number in range(1, 16)
    ]
