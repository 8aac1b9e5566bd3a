"""Buckets and file systems: closed to the public, encrypted, versioned, logged, and cleaned up."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import answer, any_of, elements
from policies.conditions import closed, denies_plain_http
from policies.model import ABSENT, Answer, Judgement, Verdict, judge, look, say
from policies.references import Attached, attached, names_of
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import at_least, demand, given, one_of, own_key, yes

BUCKET = "aws:s3/bucket:Bucket"
BUCKETS = (BUCKET,)
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
ACCESS_POINT = "aws:s3/accessPoint:AccessPoint"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
OBJECT_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
PUBLIC_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_ALGORITHM = "applyServerSideEncryptionByDefault.sseAlgorithm"
_KEY = "applyServerSideEncryptionByDefault.kmsMasterKeyId"
_KMS = one_of("aws:kms", "aws:kms:dsse")
_PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
_SOURCES = frozenset(
    ("aws:principalorgid", "aws:sourcevpce", "aws:sourcearn", "aws:sourceaccount", "aws:principalaccount")
)

demand(
    "s3-no-force-destroy",
    "forceDestroy",
    lambda value: value is False,
    "A destroy of the stack would delete every object and version in the bucket.",
    absent_is_met=True,
)


def _bucket_parts(graph: Graph, type_: str) -> Attached:
    return attached(graph, (type_,), "bucket", BUCKETS)


def _each_bucket(
    graph: Graph, type_: str, message: str, look_at: Callable[[Node, Node], Iterable[Judgement]]
) -> Iterator[Judgement]:
    """What `look_at` says of the part of each bucket; broken where a bucket has none."""
    parts = _bucket_parts(graph, type_)
    for bucket in graph.of_type(*BUCKETS):
        found = parts.of(bucket)
        if not found:
            yield parts.missing(bucket, message)
        for part in found:
            yield from look_at(bucket, part)


@stack_rule("s3-bucket-public-access-blocked")
def public_access_is_blocked(graph: Graph) -> Iterable[Judgement]:
    def flags(_: Node, block: Node) -> Iterable[Judgement]:
        return [
            judge(block, flag, yes, f"{flag} is off: the bucket can be opened to the public.") for flag in PUBLIC_FLAGS
        ]

    return _each_bucket(graph, PUBLIC_ACCESS_BLOCK, "The bucket has no BucketPublicAccessBlock.", flags)


def _rules(node: Node, holds: Callable[[int], Judgement], message: str) -> Iterator[Judgement]:
    """What `holds` says of each element of `rules`."""
    rules = look(node.inputs, "rules")
    if rules == UNKNOWN or not given(rules):
        yield say(node, "rules", None if rules == UNKNOWN else False, message)
        return
    yield from (holds(index) for index in range(len(elements(rules))))


@stack_rule("s3-default-encryption")
def buckets_are_encrypted(graph: Graph) -> Iterable[Judgement]:
    message = "The bucket has no default encryption of its own."
    known = one_of("AES256", "aws:kms", "aws:kms:dsse")

    def rules(_: Node, part: Node) -> Iterable[Judgement]:
        return _rules(part, lambda index: judge(part, f"rules[{index}].{_ALGORITHM}", known, message), message)

    return _each_bucket(graph, ENCRYPTION, message, rules)


@stack_rule("s3-kms-encryption")
def buckets_are_encrypted_with_a_key_of_ours(graph: Graph) -> Iterable[Judgement]:
    """A bucket that takes S3's access logs is left out: S3 delivers them to buckets with SSE-S3 only.

    Source: S3 user guide, "Enabling Amazon S3 server access logging".
    """
    logs = attached(graph, (LOGGING,), "targetBucket", BUCKETS)
    parts = _bucket_parts(graph, ENCRYPTION)
    excused = {part.urn for urn in logs.by_urn for part in parts.by_urn.get(urn, ())}
    for part in graph.of_type(ENCRYPTION):
        if part.urn not in excused:
            yield from _rules(part, partial(_has_own_key, part), "The bucket has no default encryption.")


def _has_own_key(part: Node, index: int) -> Judgement:
    algorithm = judge(
        part, f"rules[{index}].{_ALGORITHM}", _KMS, "Objects are encrypted with a key of S3's, not with KMS."
    )
    key = judge(part, f"rules[{index}].{_KEY}", own_key, "The KMS key is AWS's own: nobody can restrict or revoke it.")
    return key if algorithm.verdict is Verdict.MET else algorithm


@stack_rule("s3-versioning")
def buckets_are_versioned(graph: Graph) -> Iterable[Judgement]:
    message = "Versioning is off: what is overwritten or deleted is lost."

    def status(_: Node, part: Node) -> Iterable[Judgement]:
        return [judge(part, "versioningConfiguration.status", one_of("Enabled"), message)]

    return _each_bucket(graph, VERSIONING, message, status)


@stack_rule("s3-deny-insecure-transport")
def buckets_refuse_plain_http(graph: Graph) -> Iterable[Judgement]:
    message = "No statement of the bucket's policy denies requests without TLS."

    def policy(bucket: Node, part: Node) -> Iterable[Judgement]:
        names = frozenset(name for name in names_of(bucket) if ":" not in name)
        return [say(part, "policy", denies_plain_http(look(part.inputs, "policy"), names), message)]

    return _each_bucket(graph, POLICY, message, policy)


@resource_rule("s3-policy-no-public-principal")
def bucket_policy_names_principals(node: Node) -> Iterable[Judgement]:
    """An access point without a policy of its own leaves all to its bucket's."""
    message = "The policy allows everybody something, without a condition on who calls."
    return closed(node, message, _SOURCES, absent_is_met=node.type == ACCESS_POINT)


@resource_rule("s3-acl-disabled")
def access_lists_are_off(node: Node) -> Iterable[Judgement]:
    if node.type == OWNERSHIP:
        message = "Access lists still count beside the bucket's policy."
        yield judge(node, "rule.objectOwnership", one_of("BucketOwnerEnforced"), message)
    elif look(node.inputs, "acl") is not ABSENT:
        message = "The access list opens the bucket to everybody, or to every AWS account."
        yield judge(node, "acl", lambda value: value not in _PUBLIC_ACLS, message)
    else:
        grants = elements(look(node.inputs, "accessControlPolicy.grants"))
        is_public = any_of(answer(look(grant, "grantee.uri"), _is_everybody) for grant in grants)
        message = "A grant opens the bucket to everybody, or to every AWS account."
        yield say(node, "accessControlPolicy.grants", None if is_public is None else not is_public, message)


def _is_everybody(uri: Any) -> bool:
    return str(uri).endswith(("/AllUsers", "/AuthenticatedUsers"))


@stack_rule("s3-access-logging")
def access_is_logged(graph: Graph) -> Iterable[Judgement]:
    """The bucket that takes the logs keeps none of its own: they would feed themselves."""
    message = "Nobody can tell who read the bucket: it has no BucketLogging."
    takes = attached(graph, (LOGGING,), "targetBucket", BUCKETS)
    placed = {node.urn for nodes in takes.by_urn.values() for node in nodes}
    parts = _bucket_parts(graph, LOGGING)
    for bucket in graph.of_type(*BUCKETS):
        if takes.of(bucket):
            continue
        for part in parts.of(bucket):
            target = answer(look(part.inputs, "targetBucket"), given)
            yield say(part, "targetBucket", True if part.urn in placed else target, message)
        if not parts.of(bucket):
            # A log whose target is unknown may turn this bucket into the one that takes the logs.
            yield say(bucket, "", None if parts.loose or takes.loose else False, message)


@stack_rule("s3-lifecycle")
def buckets_are_cleaned_up(graph: Graph) -> Iterable[Judgement]:
    versions = _bucket_parts(graph, VERSIONING)
    lifecycles = _bucket_parts(graph, LIFECYCLE)
    for bucket in graph.of_type(*BUCKETS):
        if not lifecycles.of(bucket):
            yield lifecycles.missing(bucket, "No rule ever removes or moves an object: the bucket only grows.")
        is_versioned = any_of(
            answer(look(part.inputs, "versioningConfiguration.status"), one_of("Enabled"))
            for part in versions.of(bucket)
        )
        for part in lifecycles.of(bucket):
            yield _cleans_up(part, is_versioned)


def _cleans_up(lifecycle: Node, is_versioned: Answer) -> Judgement:
    rules = elements(look(lifecycle.inputs, "rules"))
    states = [(rule, answer(look(rule, "status"), one_of("Enabled"))) for rule in rules]
    enabled = any_of(state for _, state in states)
    if enabled is not True or is_versioned is False:
        return say(lifecycle, "rules", enabled, "No rule of the lifecycle is enabled.")
    expires = any_of(state and _expires_versions(rule) for rule, state in states)
    if expires is False and is_versioned is None:
        expires = None
    return say(lifecycle, "rules", expires, "Versions that were overwritten are kept, and billed, for ever.")


def _expires_versions(rule: Any) -> Answer:
    return answer(look(rule, "noncurrentVersionExpiration.noncurrentDays"), at_least(1))


_DELIVERIES = ("aws:cloudtrail/trail:Trail", "aws:cfg/deliveryChannel:DeliveryChannel")


@stack_rule("s3-object-lock-audit-bucket")
def audit_logs_cannot_be_changed(graph: Graph) -> Iterable[Judgement]:
    """Buckets of CloudTrail and AWS Config. Not those of S3's access logs, which S3 does not deliver into a bucket
    with a default retention (S3 user guide, "Enabling Amazon S3 server access logging")."""
    deliveries = attached(graph, _DELIVERIES, "s3BucketName", BUCKETS)
    locks = _bucket_parts(graph, OBJECT_LOCK)
    for bucket in graph.of_type(*BUCKETS):
        if not deliveries.of(bucket):
            continue
        yield judge(bucket, "objectLockEnabled", yes, "Who administers the bucket can delete the audit log in it.")
        if not locks.of(bucket):
            yield locks.missing(bucket, "The bucket has no default retention: new log files are not locked.")
        for lock in locks.of(bucket):
            yield _retains(lock)


def _retains(lock: Node) -> Judgement:
    retention = "rule.defaultRetention"
    periods = [answer(look(lock.inputs, f"{retention}.{unit}"), at_least(1)) for unit in ("days", "years")]
    holds = any_of(periods) if look(lock.inputs, retention) != UNKNOWN else None
    return say(lock, retention, holds, "The lock has no default retention: new log files are not locked.")


@resource_rule("efs-encrypted")
def file_systems_are_encrypted(node: Node) -> Iterable[Judgement]:
    yield judge(node, "encrypted", yes, "The file system is not encrypted; only a new one can be.")
    yield judge(node, "kmsKeyId", own_key, "The file system has no KMS key of its own.")
