"""What the rules say of buckets, file systems and keys."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import Verdict
from policies.rules.keys import KEY
from policies.rules.storage import (
    BUCKET,
    ENCRYPTION,
    LIFECYCLE,
    LOGGING,
    OBJECT_LOCK,
    OWNERSHIP,
    POLICY,
    PUBLIC_ACCESS_BLOCK,
    PUBLIC_FLAGS,
    VERSIONING,
)
from tests.nodes import resource
from tests.policies.resources import BROKEN, MET, NOT_KNOWN, at, by_rule, case, check, left_out, one_property
from tests.policies.support import judgements, verdict

LAKE = resource(BUCKET, {"forceDestroy": False}, name="lake", id="lake-1")
LOGS = resource(BUCKET, name="logs", id="logs-1")
TRAIL = "aws:cloudtrail/trail:Trail"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
FILES = "aws:efs/fileSystem:FileSystem"
ALGORITHM = "rules[].applyServerSideEncryptionByDefault.sseAlgorithm"


def part(type_: str, bucket: Node, inputs: dict[str, Any]) -> Node:
    """A part of a bucket before the deployment, when its name is unknown."""
    inputs = {"bucket": UNKNOWN, **inputs}
    return resource(type_, inputs, name=f"{bucket.name}-{type_.rpartition(':')[2]}", refers={"bucket": bucket})


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def tls_only(**changes: Any) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::lake-1", "arn:aws:s3:::lake-1/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return document({**statement, **changes})


def allow(principal: Any, condition: dict[str, Any] | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
    return document({**statement, **({"Condition": condition} if condition else {})})


def encrypted(bucket: Node, algorithm: str, **key: Any) -> Node:
    rule = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm, **key}}
    return part(ENCRYPTION, bucket, {"rules": [rule]})


def lifecycle(**rule: Any) -> Node:
    return part(LIFECYCLE, LAKE, {"rules": [rule]})


BLOCKED: dict[str, Any] = dict.fromkeys(PUBLIC_FLAGS, True)
VERSIONED = part(VERSIONING, LAKE, at("versioningConfiguration.status", "Enabled"))
LOGGED = resource(LOGGING, {"targetBucket": UNKNOWN}, name="logging", refers={"bucket": LAKE, "targetBucket": LOGS})
STRAY = resource(PUBLIC_ACCESS_BLOCK, {"bucket": UNKNOWN, **BLOCKED}, name="stray")
TO_AUDIT = resource(TRAIL, {"s3BucketName": UNKNOWN}, name="trail", refers={"s3BucketName": LAKE})
LOCKED = resource(BUCKET, {"objectLockEnabled": True}, name="lake")
RETENTION = "rule.defaultRetention"

BUCKETS = [
    case("s3-bucket-public-access-blocked", MET, "all four flags", LAKE, part(PUBLIC_ACCESS_BLOCK, LAKE, BLOCKED)),
    case("s3-bucket-public-access-blocked", BROKEN, "a bucket without a block", LAKE),
    case(
        "s3-bucket-public-access-blocked",
        BROKEN,
        "one flag is off",
        LAKE,
        part(PUBLIC_ACCESS_BLOCK, LAKE, {**BLOCKED, "ignorePublicAcls": False}),
    ),
    case(
        "s3-bucket-public-access-blocked",
        NOT_KNOWN,
        "one flag is known after the deployment",
        LAKE,
        part(PUBLIC_ACCESS_BLOCK, LAKE, {**BLOCKED, "blockPublicPolicy": UNKNOWN}),
    ),
    case("s3-bucket-public-access-blocked", NOT_KNOWN, "a block whose bucket nobody knows", LAKE, STRAY),
    case(
        "s3-bucket-public-access-blocked",
        MET,
        "a block that names its bucket by a literal",
        LAKE,
        resource(PUBLIC_ACCESS_BLOCK, {"bucket": "lake-1", **BLOCKED}),
    ),
    case("s3-bucket-public-access-blocked", None, "a stack without buckets"),
    case("s3-default-encryption", MET, "a key of S3's", LAKE, encrypted(LAKE, "AES256")),
    case("s3-default-encryption", BROKEN, "no encryption configuration", LAKE),
    case("s3-default-encryption", BROKEN, "a configuration without rules", LAKE, part(ENCRYPTION, LAKE, {"rules": []})),
    case("s3-default-encryption", NOT_KNOWN, "an unknown algorithm", LAKE, encrypted(LAKE, UNKNOWN)),
    case("s3-default-encryption", NOT_KNOWN, "unknown rules", LAKE, part(ENCRYPTION, LAKE, {"rules": UNKNOWN})),
    case("s3-kms-encryption", MET, "a key of ours", LAKE, encrypted(LAKE, "aws:kms", kmsMasterKeyId="arn:aws:kms:::k")),
    case("s3-kms-encryption", BROKEN, "a key of S3's", LAKE, encrypted(LAKE, "AES256")),
    case("s3-kms-encryption", BROKEN, "KMS with AWS's own key", LAKE, encrypted(LAKE, "aws:kms")),
    case("s3-kms-encryption", NOT_KNOWN, "an unknown key", LAKE, encrypted(LAKE, "aws:kms", kmsMasterKeyId=UNKNOWN)),
    case("s3-kms-encryption", None, "the bucket of access logs", LAKE, LOGS, LOGGED, encrypted(LOGS, "AES256")),
    case("s3-versioning", MET, "versioning is on", LAKE, VERSIONED),
    case("s3-versioning", BROKEN, "versioning is missing", LAKE),
    case(
        "s3-versioning",
        BROKEN,
        "versioning is suspended",
        LAKE,
        part(VERSIONING, LAKE, at("versioningConfiguration.status", "Suspended")),
    ),
    case(
        "s3-versioning",
        NOT_KNOWN,
        "versioning is unknown",
        LAKE,
        part(VERSIONING, LAKE, at("versioningConfiguration.status", UNKNOWN)),
    ),
    case("s3-deny-insecure-transport", MET, "plain HTTP is denied", LAKE, part(POLICY, LAKE, {"policy": tls_only()})),
    case("s3-deny-insecure-transport", BROKEN, "a bucket without a policy", LAKE),
    *(
        case("s3-deny-insecure-transport", BROKEN, sentence, LAKE, part(POLICY, LAKE, {"policy": tls_only(**changes)}))
        for sentence, changes in (
            ("the statement denies TLS instead", {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            ("the statement is for one role", {"Principal": {"AWS": "arn:aws:iam::1:role/a"}}),
            ("the statement is for reading only", {"Action": "s3:GetObject"}),
            ("the statement leaves the objects out", {"Resource": "arn:aws:s3:::lake-1"}),
            ("the statement allows", {"Effect": "Allow"}),
        )
    ),
    case("s3-deny-insecure-transport", NOT_KNOWN, "an unknown policy", LAKE, part(POLICY, LAKE, {"policy": UNKNOWN})),
    case("s3-deny-insecure-transport", NOT_KNOWN, "a text that is no JSON", LAKE, part(POLICY, LAKE, {"policy": "{"})),
    case("s3-access-logging", MET, "a bucket that logs into another", LAKE, LOGS, LOGGED),
    case("s3-access-logging", BROKEN, "a bucket without logs", LAKE),
    case(
        "s3-access-logging",
        NOT_KNOWN,
        "logging of a bucket that nobody knows",
        LAKE,
        resource(LOGGING, {"bucket": UNKNOWN, "targetBucket": UNKNOWN}),
    ),
    case("s3-lifecycle", MET, "an enabled rule", LAKE, lifecycle(status="Enabled", expiration={"days": 9})),
    case("s3-lifecycle", BROKEN, "no lifecycle", LAKE),
    case("s3-lifecycle", BROKEN, "a disabled rule", LAKE, lifecycle(status="Disabled")),
    case("s3-lifecycle", BROKEN, "old versions stay for ever", LAKE, VERSIONED, lifecycle(status="Enabled")),
    case("s3-lifecycle", NOT_KNOWN, "an unknown state", LAKE, lifecycle(status=UNKNOWN)),
    case(
        "s3-lifecycle",
        MET,
        "a lifecycle that waits for its bucket's versioning",
        LAKE,
        VERSIONED,
        resource(
            LIFECYCLE,
            {"rules": [{"status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 90}}]},
            refers={"bucket": VERSIONED},
        ),
    ),
    case(
        "s3-object-lock-audit-bucket",
        MET,
        "a locked trail",
        LOCKED,
        TO_AUDIT,
        part(OBJECT_LOCK, LAKE, at(RETENTION, {"mode": "COMPLIANCE", "days": 365})),
    ),
    case("s3-object-lock-audit-bucket", BROKEN, "a trail in an ordinary bucket", LAKE, TO_AUDIT),
    case("s3-object-lock-audit-bucket", BROKEN, "a lock without retention", LOCKED, TO_AUDIT),
    case(
        "s3-object-lock-audit-bucket",
        NOT_KNOWN,
        "an unknown retention",
        LOCKED,
        TO_AUDIT,
        part(OBJECT_LOCK, LAKE, at(RETENTION, UNKNOWN)),
    ),
    case("s3-object-lock-audit-bucket", None, "a bucket without audit logs", LAKE),
]

DOCUMENTS = [
    row
    for rule, type_, keyword in (
        ("s3-policy-no-public-principal", POLICY, "aws:SourceVpce"),
        ("kms-key-policy-not-public", KEY_POLICY, "kms:CallerAccount"),
    )
    for row in (
        case(rule, MET, "a named role", resource(type_, {"policy": allow({"AWS": "arn:aws:iam::1:role/a"})})),
        case(rule, MET, "a service", resource(type_, {"policy": allow({"Service": "logging.s3.amazonaws.com"})})),
        case(
            rule,
            MET,
            "all callers, of one kind",
            resource(type_, {"policy": allow("*", {"StringEquals": {keyword: "x"}})}),
        ),
        case(rule, MET, "everybody is denied", resource(type_, {"policy": tls_only()})),
        case(rule, BROKEN, "everybody", resource(type_, {"policy": allow("*")})),
        case(rule, BROKEN, "every AWS account, in a list", resource(type_, {"policy": allow({"AWS": ["a", "*"]})})),
        case(
            rule, BROKEN, "everybody but", resource(type_, {"policy": allow("*", {"StringNotEquals": {keyword: "x"}})})
        ),
        case(
            rule,
            BROKEN,
            "a condition of any value",
            resource(type_, {"policy": allow("*", {"StringLike": {keyword: "*"}})}),
        ),
        case(
            rule,
            BROKEN,
            "a condition on something else",
            resource(type_, {"policy": allow("*", {"Bool": {"a:b": "true"}})}),
        ),
        case(rule, BROKEN, "an open structure", resource(type_, {"policy": json.loads(allow("*"))})),
        case(rule, NOT_KNOWN, "an unknown document", resource(type_, {"policy": UNKNOWN})),
        case(rule, NOT_KNOWN, "a document hidden as a secret", resource(type_, {"policy": SECRET})),
    )
]

PROPERTIES = [
    *one_property("s3-no-force-destroy", BUCKET, "forceDestroy", right=False, wrong=True),
    left_out("s3-no-force-destroy", BUCKET, MET),
    *one_property(
        "s3-acl-disabled", OWNERSHIP, "rule.objectOwnership", right="BucketOwnerEnforced", wrong="ObjectWriter"
    ),
    *one_property("s3-acl-disabled", "aws:s3/bucketAcl:BucketAcl", "acl", right="private", wrong="public-read"),
    *one_property(
        "s3-acl-disabled",
        "aws:s3/bucketAcl:BucketAcl",
        "accessControlPolicy.grants[].grantee.uri",
        right="http://acs.amazonaws.com/groups/s3/LogDelivery",
        wrong="http://acs.amazonaws.com/groups/global/AllUsers",
    ),
    *one_property("kms-rotation", KEY, "enableKeyRotation", right=True, wrong=False),
    left_out("kms-rotation", KEY, BROKEN),
    case(
        "kms-rotation",
        None,
        "a key pair, which KMS cannot rotate",
        resource(KEY, {"customerMasterKeySpec": "RSA_2048"}),
    ),
    case("kms-rotation", NOT_KNOWN, "a key of an unknown kind", resource(KEY, {"customerMasterKeySpec": UNKNOWN})),
    left_out("kms-key-policy-not-public", KEY, MET),
    *one_property("kms-deletion-window", KEY, "deletionWindowInDays", right=30, wrong=7),
    left_out("kms-deletion-window", KEY, MET),
    *one_property("efs-encrypted", FILES, "encrypted", right=True, wrong=False, beside={"kmsKeyId": "k"}),
    *one_property("efs-encrypted", FILES, "kmsKeyId", right="k", wrong="", beside={"encrypted": True}),
]


@pytest.mark.parametrize(("rule", "expected", "nodes"), [*BUCKETS, *DOCUMENTS, *PROPERTIES])
def test_a_rule_says_what_a_bucket_or_key_shows(rule: str, expected: Verdict | None, nodes: tuple[Node, ...]) -> None:
    check(rule, expected, nodes)


@pytest.mark.parametrize("rule", sorted(by_rule(BUCKETS, DOCUMENTS, PROPERTIES)))
def test_every_rule_is_shown_met_broken_and_unknown(rule: str) -> None:
    assert by_rule(BUCKETS, DOCUMENTS, PROPERTIES)[rule] >= {MET, BROKEN, NOT_KNOWN}


def test_a_bucket_is_judged_by_its_own_parts_only() -> None:
    other = resource(BUCKET, name="other")
    found = judgements("s3-versioning", LAKE, other, VERSIONED)
    assert [(one.verdict, one.urn) for one in found] == [(MET, VERSIONED.urn), (BROKEN, other.urn)]
    assert found[0].path == "versioningConfiguration.status"
    assert found[0].value == "Enabled"


def test_the_bucket_that_takes_the_logs_need_not_log_itself() -> None:
    found = judgements("s3-access-logging", LAKE, LOGS, LOGGED)
    assert [one.urn for one in found] == [LOGGED.urn]
    assert verdict("s3-access-logging", LAKE, LOGS) is BROKEN
