"""The types of settings, held against the patterns that AWS and Kubernetes publish: what we take, they take."""

import re
import unicodedata
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mlops.core import windows
from mlops.core.fields import Form, Unique, aws, kubernetes

BUDGET_PREFIX = f"{'x' * 24}-team-"
PUBLISHED: list[tuple[Any, str, int, int, str]] = [
    # Patterns and lengths of botocore 1.44.5's service models, but where another source is named.
    (aws.RepositoryName, r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*", 1, 231, "ecr"),
    (aws.TeamName, r"[^:\\]+", 1, 100 - len(BUDGET_PREFIX), "budgets BudgetName"),
    (aws.CertificateArn, r"arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*", 20, 2048, "acm Arn"),
    (aws.RoleArn, r"arn:aws:iam::\d{12}:role/([!-~]+/)?[\w+=,.@-]{1,64}", 20, 2048, "iam arnType, roleNameType"),
    (aws.KeyArn, r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+", 20, 2048, "kms ArnType"),
    (aws.TopicArn, r"arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", 1, 2048, "SNS API reference, CreateTopic"),
    (aws.SecretArn, r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}", 20, 2048, "secretsmanager"),
    (kubernetes.GivenLabelValue, "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", 1, 63, "eks labelValue; apimachinery"),
    (kubernetes.LabelValue, "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", 0, 63, "eks taintValue; apimachinery"),
    (
        kubernetes.LabelKey,
        r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
        1,
        63,
        "eks labelKey; apimachinery, qualified names",
    ),
    (kubernetes.ShortName, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", 1, 63, "apimachinery, DNS-1123 labels"),
    (kubernetes.ImageTag, r"[\w][\w.-]{0,127}", 1, 128, "distribution/reference"),
    (
        windows.WeeklyWindow,
        "((mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-?){2}",
        19,
        19,
        "RDS API reference, CreateDBInstance",
    ),
]


def form(type_: Any) -> Form:
    """The form of a type."""
    return next(mark for mark in get_args(type_) if isinstance(mark, Form))


def takes(type_: Any, value: object) -> bool:
    """Whether a type takes a value."""
    try:
        TypeAdapter(type_).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("type_", "pattern", "least", "most", "source"), PUBLISHED, ids=[row[4] + row[1][:20] for row in PUBLISHED]
)
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_a_type_takes_its_owner_takes(
    type_: Any, pattern: str, least: int, most: int, source: str, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(form(type_).pattern.replace(r"\p{L}\p{N}", r"\w"), fullmatch=True))
    if takes(type_, text):
        assert re.fullmatch(pattern, text), f"{source} refuses {text!r}"
        assert least <= len(text) <= most, source


@pytest.mark.parametrize("type_", [aws.TagKey, aws.TagValue, aws.GivenTagValue])
@settings(max_examples=40)
@given(data=st.data())
def test_tags_are_of_the_characters_that_iam_takes(type_: Any, data: st.DataObject) -> None:
    """`[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]`, which is all that every service takes (IAM API reference, Tag)."""
    text = data.draw(st.from_regex(form(type_).pattern.replace(r"\p{L}\p{N}", r"\w"), fullmatch=True))
    for character in text:
        assert unicodedata.category(character)[0] in "LN" or character in " _.:/+-@"
    assert not {"=", ","} & set(text)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (aws.AccountId, "123456789012"),
        (aws.InstanceTypeName, "m7i.metal-24xl"),
        (aws.InstanceTypeName, "u-6tb1.112xlarge"),
        (aws.InstanceTypeName, "p6e-gb200.36xlarge"),
        (aws.InstanceClassName, "db.x2g.16xlarge"),
        (aws.PrincipalArn, "arn:aws:iam::123456789012:user/people/ana.diaz@example.com"),
        (aws.PrincipalArn, "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b"),
        (aws.TagKey, "Cost Center"),
        (aws.TagKey, "acme:team"),
        (aws.TagValue, "Investigación 2026"),
        (aws.TagValue, ""),
        (aws.Email, "ml-team+alerts@example.co.uk"),
        (aws.PublicCidr, "203.0.113.0/24"),
        (aws.PublicCidr, "0.0.0.0/0"),
        (aws.ModelUri, "s3://models.example.com/fraud/dt=2026-01-01/3/"),
        (aws.ModelUri, "artifacts/mlflow/1/models/m-0a1b/artifacts"),
        (aws.RepositoryName, "team-a/fraud_v2"),
        (aws.ZoneName, "us-gov-west-1a"),
        (kubernetes.LabelKey, "example.com/team"),
        (kubernetes.NamespacePattern, "team-a-*"),
        (kubernetes.HostName, "mlflow.example.com"),
        (kubernetes.Image, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlflow:v3.17.0-full"),
        (kubernetes.Image, f"ghcr.io/mlflow/mlflow@sha256:{'0' * 64}"),
        (kubernetes.Cpu, "0.5"),
        (kubernetes.Memory, "1.5Gi"),
    ],
)
def test_what_is_right_is_taken(type_: Any, value: str) -> None:
    assert takes(type_, value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (aws.AccountId, "12345678901"),
        (aws.AccountId, "١٢٣٤٥٦٧٨٩٠١٢"),
        (aws.ZoneName, "euw1-az1"),
        (aws.ZoneName, "us-west-2-lax-1a"),
        (aws.ZoneName, "eu-west-1"),
        (aws.InstanceTypeName, "m7i.huge"),
        (aws.InstanceTypeName, "m7i.xxlarge"),
        (aws.PrincipalArn, "arn:aws:iam::123456789012:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForEKS"),
        (aws.PrincipalArn, "arn:aws:iam::123456789012:role/*"),
        (aws.PrincipalArn, "arn:aws:iam::123456789012:root"),
        (aws.PrincipalArn, "arn:aws:sts::123456789012:assumed-role/Admin/me"),
        (aws.PrincipalArn, "arn:aws-cn:iam::123456789012:role/Admin"),
        (aws.KeyArn, "*"),
        (aws.KeyArn, "arn:aws:kms:eu-west-1:123456789012:key/*"),
        (aws.KeyArn, "arn:aws:kms:eu-west-1:123456789012:alias/models"),
        (aws.SecretArn, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*"),
        (aws.SecretArn, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:oidc-??????"),
        (aws.TopicArn, "arn:aws:sns:eu-west-1:123456789012:costs.fifo"),
        (aws.TagKey, "aws:team"),
        (aws.TagKey, "AWS:team"),
        (aws.TagKey, "kubernetes.io/cluster/other"),
        (aws.TagKey, "a=b"),
        (aws.TagKey, ""),
        (aws.TagValue, "a,b"),
        (aws.TagValue, "x=y"),
        (aws.TagValue, "100 %"),
        (aws.Email, "nobody"),
        (aws.Email, "a@b"),
        (aws.Email, "a@b.c, d@e.f"),
        (aws.Email, "a b@example.com"),
        (aws.PublicCidr, "10.0.0.0/8"),
        (aws.PublicCidr, "172.20.0.0/16"),
        (aws.PublicCidr, "100.64.0.0/10"),
        (aws.PublicCidr, "8.0.0.0/5"),
        (aws.PublicCidr, "::/0"),
        (aws.PublicCidr, "2001:db8::/32"),
        (aws.PublicCidr, "203.0.113.7/24"),
        (aws.PublicCidr, "203.0.113.7"),
        (aws.ModelUri, "s3://lab/*"),
        (aws.ModelUri, "s3://lab/fraud/?"),
        (aws.ModelUri, "s3://lab/${aws:username}/x"),
        (aws.ModelUri, "s3://*/fraud"),
        (aws.ModelUri, "s3://Lab/fraud"),
        (aws.ModelUri, "s3://la/fraud"),
        (aws.ModelUri, "s3://10.0.0.1/fraud"),
        (aws.ModelUri, "s3://lab//fraud"),
        (aws.ModelUri, "s3://lab/../other"),
        (aws.ModelUri, "s3://lab/"),
        (aws.ModelUri, "artifacts//"),
        (aws.RepositoryName, "Team"),
        (aws.RepositoryName, "team__.x"),
        (aws.RepositoryName, "team/"),
        (aws.TeamName, "a:b"),
        (aws.TeamName, "a/action/b"),
        (kubernetes.LabelKey, "node-role.kubernetes.io/worker"),
        (kubernetes.LabelKey, "eks.amazonaws.com/nodegroup"),
        (kubernetes.LabelKey, "k8s.io/x"),
        (kubernetes.LabelKey, "mlops.platform/group"),
        (kubernetes.LabelKey, "a/b/c"),
        (kubernetes.LabelKey, "-x"),
        (kubernetes.LabelKey, f"example.com/{'x' * 60}"),
        (kubernetes.GivenLabelValue, ""),
        (kubernetes.GivenLabelValue, "a b"),
        (kubernetes.GivenLabelValue, "x" * 64),
        (kubernetes.TaintKey, "kubernetes.io/x"),
        (kubernetes.TaintKey, "a b"),
        (kubernetes.NamespacePattern, "*"),
        (kubernetes.NamespacePattern, "Team"),
        (kubernetes.HostName, "mlflow"),
        (kubernetes.HostName, "mlflow..example.com"),
        (kubernetes.HostName, "MLflow.example.com"),
        (kubernetes.HostName, f"{'x' * 64}.example.com"),
        (kubernetes.Image, "mlflow mlflow"),
        (kubernetes.Image, "https://ghcr.io/mlflow"),
        (kubernetes.Cpu, "0"),
        (kubernetes.Cpu, "0m"),
        (kubernetes.Cpu, "0.0001"),
        (kubernetes.Cpu, "1e3"),
        (kubernetes.Cpu, "-1"),
        (kubernetes.Cpu, "1.5m"),
        (kubernetes.Cpu, "99999"),
        (kubernetes.Memory, "0Gi"),
        (kubernetes.Memory, "1G"),
        (kubernetes.Memory, "1024"),
        (kubernetes.Memory, "99999Gi"),
    ],
)
def test_what_would_be_refused_later_is_refused_at_once(type_: Any, value: str) -> None:
    assert not takes(type_, value)


def test_a_list_holds_nothing_twice_and_no_more_than_it_may() -> None:
    list_ = Annotated[tuple[int, ...], Unique(most=3)]
    assert takes(list_, [1, 2, 3])
    assert not takes(list_, [1, 2, 1])
    assert not takes(list_, [1, 2, 3, 4])


def test_a_refusal_says_in_words_what_is_allowed() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(aws.AccountId).validate_python("12")
    assert error.value.errors()[0]["msg"].startswith("it must be the number of an AWS account, 12 digits")
