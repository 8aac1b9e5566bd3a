"""The account: its audit trail, its threat detection, and the record of its configuration.

What must exist once an account is judged only where the stack owns the account's settings, or where it makes
such a thing all the same.
"""

from collections.abc import Callable, Iterator

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import (
    all_of,
    any_of,
    as_list,
    holds_unknown,
    is_false,
    is_one,
    is_own_key,
    is_set,
    is_true,
    is_unknown,
    missing,
    negated,
    rows,
)
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.references import referring, refers, unclear
from policies.registry import resource_rule, stack_rule
from policies.rules.ownership import owns_account_settings
from policies.rules.storage import PUBLIC_FLAGS
from policies.rules.trails import records_management, records_objects

TRAIL = "aws:cloudtrail/trail:Trail"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_LOGGING = "aws:s3/bucketLogging:BucketLogging"
BUCKET_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
STANDARD = "aws:securityhub/standardsSubscription:StandardsSubscription"
CLUSTER = "aws:eks/cluster:Cluster"
DATA_FEATURES = {
    "S3_DATA_EVENTS": ("aws:s3/bucket:Bucket",),
    "RDS_LOGIN_EVENTS": ("aws:rds/cluster:Cluster", "aws:rds/instance:Instance"),
    "LAMBDA_NETWORK_LOGS": ("aws:lambda/function:Function",),
    "EBS_MALWARE_PROTECTION": ("aws:eks/nodeGroup:NodeGroup", "aws:ec2/instance:Instance"),
}
"""Features of GuardDuty and the types whose use asks for them."""


def _judge_owned(
    graph: Graph, type_: str, path: str, right: Callable[[Node], Answer], absent: str, wrong: str
) -> Iterator[Judgement]:
    """Each resource of a type, and that there is one where the stack owns the account's settings."""
    found = graph.of_type(type_)
    if not found and owns_account_settings(graph):
        yield missing(absent)
    for node in found:
        yield say(node, path, right(node), wrong)


@stack_rule("cloudtrail-multi-region")
def everything_is_recorded(graph: Graph) -> Iterator[Judgement]:
    def complete(node: Node) -> Answer:
        return all_of(
            [
                is_true(look(node.inputs, "isMultiRegionTrail")),
                negated(is_false(look(node.inputs, "enableLogging"))),
                negated(is_false(look(node.inputs, "includeGlobalServiceEvents"))),
                records_management(node),
            ]
        )

    wrong = "the trail leaves out regions, global services, reads or writes"
    yield from _judge_owned(graph, TRAIL, "isMultiRegionTrail", complete, "nothing records who did what", wrong)


@resource_rule("cloudtrail-kms")
def trail_has_a_key(node: Node) -> Iterator[Judgement]:
    yield say(
        node, "kmsKeyId", is_own_key(look(node.inputs, "kmsKeyId")), "the trail is not encrypted with a key of yours"
    )


@resource_rule("cloudtrail-validation")
def trail_shows_tampering(node: Node) -> Iterator[Judgement]:
    path = "enableLogFileValidation"
    yield say(node, path, is_true(look(node.inputs, path)), "a changed or deleted log file is not noticed")


@resource_rule("cloudtrail-to-cloudwatch")
def trail_can_raise_alarms(node: Node) -> Iterator[Judgement]:
    path = "cloudWatchLogsGroupArn"
    answer = all_of([is_set(look(node.inputs, path)), is_set(look(node.inputs, "cloudWatchLogsRoleArn"))])
    yield say(node, path, answer, "no alarm can look at the trail")


@resource_rule("cloudtrail-s3-data-events")
def reads_of_data_are_recorded(node: Node) -> Iterator[Judgement]:
    path = "eventSelectors" if look(node.inputs, "advancedEventSelectors") is ABSENT else "advancedEventSelectors"
    yield say(node, path, records_objects(node), "nobody can tell who read or changed which object")


@stack_rule("cloudtrail-bucket-logged-private")
def trail_bucket_is_private_and_logged(graph: Graph) -> Iterator[Judgement]:
    for trail in graph.of_type(TRAIL):
        buckets = [bucket for bucket in graph.of_type(BUCKET) if refers(graph, trail, "s3BucketName", bucket)]
        if not buckets and is_unknown(look(trail.inputs, "s3BucketName")):
            yield say(trail, "s3BucketName", None, "")
        for bucket in buckets:
            for type_, lack in ((BUCKET_LOGGING, "access logs"), (BUCKET_BLOCK, "block of public access")):
                found = referring(graph, type_, "bucket", bucket)
                unsure = None if unclear(graph, type_, "bucket") else False
                answer = all_of(map(_is_whole, found)) if found else unsure
                yield say(trail, "s3BucketName", answer, f"the trail's bucket has no {lack}")


def _is_whole(part: Node) -> Answer:
    """Whether a block of public access blocks everything; logs need no more than to be there."""
    flags = PUBLIC_FLAGS if part.type == BUCKET_BLOCK else ()
    return all_of(is_true(look(part.inputs, flag)) for flag in flags)


@stack_rule("guardduty-enabled")
def threats_are_looked_for(graph: Graph) -> Iterator[Judgement]:
    message = "nobody looks for threats in this account"
    type_ = "aws:guardduty/detector:Detector"
    yield from _judge_owned(
        graph, type_, "enable", lambda node: negated(is_false(look(node.inputs, "enable"))), message, message
    )


@stack_rule("guardduty-eks")
def threats_in_the_cluster_are_looked_for(graph: Graph) -> Iterator[Judgement]:
    if graph.of_type(CLUSTER):
        yield from _features(graph, ("EKS_AUDIT_LOGS", "RUNTIME_MONITORING"))


@stack_rule("guardduty-data-features")
def threats_to_data_are_looked_for(graph: Graph) -> Iterator[Judgement]:
    yield from _features(graph, tuple(name for name, types in DATA_FEATURES.items() if graph.of_type(*types)))


def _features(graph: Graph, names: tuple[str, ...]) -> Iterator[Judgement]:
    found = graph.of_type(FEATURE)
    if not (found or owns_account_settings(graph)):
        return
    for name in names:
        named = [node for node in found if look(node.inputs, "name") == name]
        message = f"GuardDuty does not look at {name}"
        for node in named:
            yield say(node, "status", is_one(look(node.inputs, "status"), "ENABLED"), message)
            if name == "RUNTIME_MONITORING":
                yield say(node, "additionalConfigurations", _agent_managed(node), "nobody installs GuardDuty's agent")
        if named:
            continue
        if unsure := next((node for node in found if is_unknown(look(node.inputs, "name"))), None):
            yield say(unsure, "name", None, message)
        else:
            yield missing(message)


def _agent_managed(node: Node) -> Answer:
    return any_of(
        None
        if row == UNKNOWN
        else all_of([is_one(look(row, "name"), "EKS_ADDON_MANAGEMENT"), is_one(look(row, "status"), "ENABLED")])
        for _, row in rows(node, "additionalConfigurations")
    )


@stack_rule("config-recorder")
def configurations_are_recorded(graph: Graph) -> Iterator[Judgement]:
    message = "nobody can tell what was configured when"

    def everything(node: Node) -> Answer:
        path = "recordingGroup.includeGlobalResourceTypes"
        # Everything is what AWS takes when nothing is said.
        all_types = negated(is_false(look(node.inputs, "recordingGroup.allSupported")))
        return all_of([all_types, is_true(look(node.inputs, path))])

    def running(node: Node) -> Answer:
        return is_true(look(node.inputs, "isEnabled"))

    def delivered(node: Node) -> Answer:
        return is_set(look(node.inputs, "s3BucketName"))

    parts = (
        ("aws:cfg/recorder:Recorder", "recordingGroup", everything, "some types of resources are not recorded"),
        ("aws:cfg/recorderStatus:RecorderStatus", "isEnabled", running, "the recorder is made and does not run"),
        ("aws:cfg/deliveryChannel:DeliveryChannel", "s3BucketName", delivered, "what is recorded goes nowhere"),
    )
    if owns_account_settings(graph) or any(graph.of_type(type_) for type_, *_ in parts):
        for type_, path, right, wrong in parts:
            found = graph.of_type(type_)
            if not found:
                yield missing(f"{message}: {wrong}")
            for node in found:
                yield say(node, path, right(node), wrong)


@stack_rule("securityhub-enabled")
def best_practices_are_checked(graph: Graph) -> Iterator[Judgement]:
    type_ = "aws:securityhub/account:Account"
    message = "nothing checks the account against AWS's best practices"
    accounts = graph.of_type(type_)
    if not accounts and not owns_account_settings(graph):
        return
    if not accounts:
        yield missing(message)
    for node in accounts:
        # Left out, AWS subscribes to its best practices and to CIS by itself.
        by_default = is_one(look(node.inputs, "enableDefaultStandards"), True, ABSENT)
        arns = [look(one.inputs, "standardsArn") for one in graph.of_type(STANDARD)]
        own = any_of(
            None if is_unknown(arn) else "aws-foundational-security-best-practices" in str(arn) for arn in arns
        )
        yield say(node, "enableDefaultStandards", any_of([by_default, own]), message)


@stack_rule("access-analyzer")
def access_from_outside_is_found(graph: Graph) -> Iterator[Judgement]:
    def external(node: Node) -> Answer:
        return is_one(look(node.inputs, "type"), "ACCOUNT", "ORGANIZATION", ABSENT)

    type_ = "aws:accessanalyzer/analyzer:Analyzer"
    message = "nobody notices what other accounts may reach"
    yield from _judge_owned(graph, type_, "type", external, message, message)


@stack_rule("inspector-enabled")
def weaknesses_are_looked_for(graph: Graph) -> Iterator[Judgement]:
    def complete(node: Node) -> Answer:
        types = look(node.inputs, "resourceTypes")
        return None if holds_unknown(types) else {"EC2", "ECR", "LAMBDA"} <= set(as_list(types))

    type_ = "aws:inspector2/enabler:Enabler"
    message = "known weaknesses of machines, images or functions are not looked for"
    yield from _judge_owned(graph, type_, "resourceTypes", complete, message, message)


@stack_rule("macie-enabled")
def personal_data_is_looked_for(graph: Graph) -> Iterator[Judgement]:
    def running(node: Node) -> Answer:
        return negated(is_one(look(node.inputs, "status"), "PAUSED"))

    type_ = "aws:macie2/account:Account"
    message = "nobody notices personal data where it should not be"
    yield from _judge_owned(graph, type_, "status", running, message, message)


@stack_rule("budget-exists")
def spending_is_watched(graph: Graph) -> Iterator[Judgement]:
    found = graph.of_type("aws:budgets/budget:Budget")
    if not found:
        yield missing("nobody hears of it when the stack costs more than it may")
    for node in found:
        told = any_of(None if row == UNKNOWN else _tells_somebody(row) for _, row in rows(node, "notifications"))
        yield say(node, "notifications", told, "the budget tells nobody")


def _tells_somebody(notification: object) -> Answer:
    return any_of(is_set(look(notification, f"subscriber{kind}")) for kind in ("EmailAddresses", "SnsTopicArns"))
