"""Violations in IAM documents that somebody made by hand: each stands for its kind."""

import json
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, allow, document, of, trusts
from tests.policies.support import verdict

BUCKET, POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
ROLE, KEY = "aws:iam/role:Role", "aws:kms/key:Key"
NOT_ACTION = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}
OIDC = {"Federated": "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"}
ACCOUNT = "000000000000"


def federated(subject: dict[str, Any], audience: str = "sts.amazonaws.com") -> Node:
    issuer = "token.actions.githubusercontent.com"
    condition = {"StringEquals": {f"{issuer}:aud": audience}}
    for operator, value in subject.items():
        condition[operator] = {**condition.get(operator, {}), f"{issuer}:sub": value}
    return resource(ROLE, trusts(OIDC, condition))


def permits(*actions: str, on: str = "*") -> Node:
    return resource("aws:iam/policy:Policy", {"policy": document(allow(list(actions), on))})


def tls_only(*resources: str, **more_: Any) -> tuple[Node, Node]:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **more_,
    }
    bucket = resource(BUCKET, {"bucket": "lake"}, name="lake", id="lake")
    return bucket, resource(POLICY, {"bucket": "lake", "policy": document(statement)}, refers={"bucket": bucket})


def key_for(condition: dict[str, Any]) -> Node:
    return resource(KEY, {"policy": document(allow("kms:*", Principal="*", Condition=condition))})


WRONG, RIGHT = Verdict.BROKEN, Verdict.MET
CASES: list[Case] = [
    *of(
        "iam-no-privilege-escalation",
        WRONG,
        ("a question mark", permits("iam:Pass?ole")),
        ("a star inside", permits("iam:*Role")),
        ("every role of the account", permits("iam:PassRole", on=f"arn:aws:iam::{ACCOUNT}:role/*")),
        ("every role by a part of its kind", permits("iam:PassRole", on=f"arn:aws:iam::{ACCOUNT}:r*")),
        ("every role in another partition", permits("iam:PassRole", on=f"arn:aws-cn:iam::{ACCOUNT}:role/*")),
        ("any ARN", permits("sts:AssumeRole", on="arn:aws:*")),
        *((action, permits(f"iam:{action}")) for action in ("AttachUserPolicy", "PutGroupPolicy", "CreateAccessKey")),
        *((action, permits(f"iam:{action}")) for action in ("UpdateAssumeRolePolicy", "SetDefaultPolicyVersion")),
        ("all but one action", resource("aws:iam/policy:Policy", {"policy": document(NOT_ACTION)})),
    ),
    *of(
        "iam-no-privilege-escalation",
        RIGHT,
        ("one role", permits("iam:PassRole", on=f"arn:aws:iam::{ACCOUNT}:role/own")),
        ("roles of a path", permits("iam:PassRole", on=f"arn:aws:iam::{ACCOUNT}:role/own-*")),
        ("names that only look alike", permits("iam:PassRoleNot", "iam:Get*")),
    ),
    *of(
        "iam-no-star-star",
        WRONG,
        ("two stars", permits("**")),
        ("any ARN", permits("*", on="arn:aws:*")),
        ("any ARN in parts", permits("*:*", on="arn:*:*:*:*:*")),
    ),
    *of("iam-no-service-wildcard", WRONG, ("a star after a star", permits("s3:**")), ("no colon", permits("iam*"))),
    *of(
        "iam-kms-decrypt-limited",
        WRONG,
        ("all keys of the account", permits("kms:Decrypt", on=f"arn:aws:kms:*:{ACCOUNT}:key/*")),
        ("a question mark", permits("kms:Decryp?")),
    ),
    *of(
        "iam-trust-policy-limited",
        WRONG,
        ("any subject", federated({"StringLike": "*"})),
        ("anybody's repository", federated({"StringLike": "repo:*"})),
        ("names that others may take", federated({"StringLike": "repo:acme*"})),
        ("all but one subject", federated({"StringNotEquals": "repo:acme/app"})),
        ("a subject that is there", federated({"Null": "false"})),
        ("a subject if there is one", federated({"StringEqualsIfExists": "repo:acme/app"})),
        ("one subject or any", federated({"StringLike": ["repo:acme/app", "*"]})),
        (
            "any external id",
            resource(ROLE, trusts({"AWS": "999999999999"}, {"StringLike": {"sts:ExternalId": "*"}})),
        ),
        (
            "all accounts by an ARN",
            resource(ROLE, trusts({"AWS": "arn:aws:iam::*:root"}, {"StringEquals": {"sts:ExternalId": "x"}})),
        ),
        (
            "a service for any account",
            resource(ROLE, trusts({"Service": "sns.amazonaws.com"}, {"StringLike": {"aws:SourceAccount": "*"}})),
        ),
    ),
    *of(
        "iam-trust-policy-limited",
        RIGHT,
        ("all of one owner", federated({"StringLike": "repo:acme/*"})),
        (
            "an account by its ARN",
            resource(
                ROLE,
                trusts({"Service": "sns.amazonaws.com"}, {"ArnLike": {"AWS:sourcearn": f"arn:aws:sns:*:{ACCOUNT}:*"}}),
            ),
        ),
    ),
    *of(
        "s3-deny-insecure-transport",
        WRONG,
        ("objects only", tls_only("arn:aws:s3:::lake/*")),
        ("the bucket only", tls_only("arn:aws:s3:::lake")),
        ("another bucket", tls_only("arn:aws:s3:::else", "arn:aws:s3:::else/*")),
        ("one folder", tls_only("arn:aws:s3:::lake", "arn:aws:s3:::lake/public/*")),
        (
            "a further condition",
            tls_only(
                "*",
                Condition={"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
            ),
        ),
        ("all but one", tls_only("*", NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Principal=None)),
        ("a string that says true", tls_only("*", Condition={"Bool": {"aws:SecureTransport": ["true", "false"]}})),
    ),
    *of("s3-deny-insecure-transport", RIGHT, ("a pattern for both", tls_only("arn:aws:s3:::lake*"))),
    *of(
        "kms-key-policy-not-public",
        WRONG,
        ("any service", key_for({"StringLike": {"kms:ViaService": "*"}})),
        ("one service of anybody", key_for({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})),
        ("any account", key_for({"StringLike": {"kms:CallerAccount": "*"}})),
        ("accounts but one", key_for({"StringNotEquals": {"kms:CallerAccount": ACCOUNT}})),
    ),
    *of("kms-key-policy-not-public", RIGHT, ("one account", key_for({"StringEquals": {"KMS:callerAccount": ACCOUNT}}))),
    *of(
        "s3-policy-no-public-principal",
        WRONG,
        (
            "a policy in the bucket",
            resource(BUCKET, {"policy": document(allow("s3:GetObject", Principal={"AWS": ["*"]}))}),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) is case.expected


@pytest.mark.parametrize("text", ["{", "no document", json.dumps([1]), UNKNOWN])
def test_a_document_that_cannot_be_read_is_never_right(text: str) -> None:
    assert verdict("s3-policy-no-public-principal", resource(POLICY, {"policy": text})) is Verdict.UNKNOWN
