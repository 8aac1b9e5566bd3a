"""Identifiers, ARNs, tags, blocks of addresses and names as AWS takes them.

Sources: the patterns and lengths of botocore 1.44.5's service models and of CloudFormation's resource schemas (cfn-lint
1.58.0), which `tests/core/test_fields.py` holds the types against; the S3 user guide, "Bucket naming rules".
"""

import re
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from mlops.core.fields import Form

_ACCOUNT = "[0-9]{12}"
_REGION = "[a-z]{2,4}(?:-[a-z]+)+-[0-9]"
_PATH = "(?:[!-)+-/0-9:;<=>@A-Z\\[\\]^_`a-z{|}~]+/)*"
_PARTITION = "of the partition aws"

LONGEST_DAYS = 36_500
"""A hundred years: the longest that AWS Backup keeps anything."""
LOG_DAYS = 3_653
"""The longest retention of CloudWatch Logs short of for ever."""

LogDays = Annotated[int, Field(ge=1, le=LOG_DAYS)]
"""Days for which CloudWatch Logs keeps events, rounded up to what it offers."""
Days = Annotated[int, Field(ge=1, le=LONGEST_DAYS)]

AccountId = Annotated[str, Form(_ACCOUNT, "the number of an AWS account, 12 digits", most=12)]
Profile = Annotated[
    str,
    Form(r"[\p{L}\p{N}._@+:/-]+(?: [\p{L}\p{N}._@+:/-]+)*", "a profile's name from ~/.aws/config", most=128),
]
RegionName = Annotated[str, Form(_REGION, "the name of an AWS region, `us-east-1` or `eu-west-1`", most=32)]
ZoneName = Annotated[
    str,
    Form(
        rf"{_REGION}[a-z]",
        "the name of an availability zone, `eu-west-1a`; not its id (`euw1-az1`), nor a local zone",
        most=32,
    ),
]
VpcId = Annotated[str, Form("vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})", "the id of a VPC, `vpc-0123456789abcdef0`", most=21)]
SubnetId = Annotated[
    str, Form("subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})", "the id of a subnet, `subnet-0123456789abcdef0`", most=24)
]
SecurityGroupId = Annotated[
    str, Form("sg-(?:[0-9a-f]{8}|[0-9a-f]{17})", "the id of a security group, `sg-0123456789abcdef0`", most=20)
]
InstanceTypeName = Annotated[
    str,
    Form(
        r"[a-z][a-z0-9-]*\.(?:[0-9]*xlarge|nano|micro|small|medium|large|metal(?:-[a-z0-9]+)*)",
        "the name of an EC2 instance type, `m7i.large`",
        most=32,
    ),
]
InstanceClassName = Annotated[
    str,
    Form(
        r"db\.[a-z][a-z0-9-]*\.[a-z0-9]+(?:\.[a-z0-9.]+)?",
        "the name of an RDS instance class, `db.t4g.medium` or `db.m7g.large`",
        most=40,
    ),
]


def _arn(service: str, resource: str, *, region: str = _REGION, account: str = _ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


RoleArn = Annotated[
    str,
    Form(
        _arn("iam", rf"role/{_PATH}[A-Za-z0-9_+=,.@-]{{1,64}}", region=""),
        f"the ARN of an IAM role {_PARTITION}, `arn:aws:iam::123456789012:role/deploy`",
        most=600,
    ),
]


def _not_service_linked(arn: str) -> str | None:
    if ":role/aws-service-role/" not in arn:
        return None
    return (
        f"{arn} is a service-linked role, which only its service can take: EKS refuses it. Name the role or user that "
        "people or pipelines use"
    )


PrincipalArn = Annotated[
    str,
    Form(
        _arn("iam", rf"(?:role|user)/{_PATH}[A-Za-z0-9_+=,.@-]{{1,64}}", region=""),
        f"the ARN of an IAM role or user {_PARTITION}, `arn:aws:iam::123456789012:role/admins`; a session "
        "(`arn:aws:sts::…:assumed-role/…`) is none: name its role",
        most=600,
        refuses=_not_service_linked,
    ),
]
TopicArn = Annotated[
    str,
    Form(
        _arn("sns", "[A-Za-z0-9_-]{1,256}"),
        f"the ARN of a standard SNS topic {_PARTITION}, `arn:aws:sns:eu-west-1:123456789012:costs`",
        most=320,
    ),
]
KeyArn = Annotated[
    str,
    Form(
        _arn(
            "kms",
            "key/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        ),
        f"the ARN of one KMS key {_PARTITION}, `arn:aws:kms:eu-west-1:123456789012:key/…` with the key's whole id; "
        "not an alias",
        most=120,
    ),
]
SecretArn = Annotated[
    str,
    Form(
        _arn("secretsmanager", "secret:[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}"),
        f"the whole ARN of a Secrets Manager secret {_PARTITION}, its six random characters included",
        most=600,
    ),
]
CertificateArn = Annotated[
    str,
    Form(
        _arn("acm", "certificate/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        f"the ARN of an ACM certificate {_PARTITION}, `arn:aws:acm:eu-west-1:123456789012:certificate/…`, with its "
        "whole id",
        most=120,
    ),
]


def arn_region(arn: str) -> str:
    """The region in an ARN; empty for services that have none."""
    return arn.split(":")[3]


def arn_account(arn: str) -> str:
    """The account in an ARN."""
    return arn.split(":")[4]


def _network(block: str) -> str | None:
    try:
        IPv4Network(block)
    except ValueError as error:
        return f"{block} is not an IPv4 network ({error}). Example: 10.0.0.0/16"
    return None


Cidr = Annotated[
    str,
    Form(
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}",
        "a block of IPv4 addresses, `10.0.0.0/16`",
        most=18,
        refuses=_network,
    ),
]
"""A network address with its prefix. IPv6 is refused: the platform's clusters have IPv4 addresses."""


def _reachable_from(block: str) -> str | None:
    if reason := _network(block):
        return reason
    network = IPv4Network(block)
    if network.prefixlen and any(network.overlaps(reserved) for reserved in _NOBODY_ON_THE_INTERNET):
        return (
            f"{block} holds private or reserved addresses, from which nobody comes over the internet, and EKS refuses "
            "them. Whoever is in the VPC, or connected to it, reaches the private endpoint"
        )
    return None


_NOBODY_ON_THE_INTERNET = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
"""Source: the IANA IPv4 special-purpose address registry. What documentation uses (203.0.113.0/24) is left out."""

PublicCidr = Annotated[
    str,
    Form(
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}",
        "a block of public IPv4 addresses, `203.0.113.0/24`; IPv6 needs a cluster that has it",
        most=18,
        refuses=_reachable_from,
    ),
]


def _bucket_problem(uri: str) -> str | None:
    bucket = uri.removeprefix("s3://").partition("/")[0] if uri.startswith("s3://") else ""
    if (
        ".." in bucket
        or re.fullmatch(r"[0-9.]+", bucket)
        or bucket.startswith(_NO_BUCKETS)
        or bucket.endswith(_ALIASES)
    ):
        return f'"{bucket}" is not the name of a bucket that S3 has (S3 user guide, "Bucket naming rules")'
    return None


_NO_BUCKETS = ("xn--", "sthree-", "amzn-s3-demo-")
_ALIASES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_FOLDER = "[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]*"

ModelUri = Annotated[
    str,
    Form(
        rf"(?:s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]|artifacts)(?:/{_FOLDER})+/?",
        "a folder, `s3://bucket/folder` or `artifacts/folder`, of letters, digits and `._=+@,-`; neither `*`, `?` nor "
        "`${…}`, which IAM takes for more than one folder",
        most=900,
        refuses=_bucket_problem,
    ),
]
"""Where a model lies. It becomes the resource of an IAM statement."""

_TAG_CHARACTER = r"[\p{L}\p{N}_.:/+@-]"
_TAG_TEXT = f"{_TAG_CHARACTER}+(?: +{_TAG_CHARACTER}+)*"
_TAG_SAYS = "letters, digits, `_.:/+@-` and spaces between them; `=` and `,` part tags where charts pass them on"


def _reserved_tag(key: str) -> str | None:
    lower = key.lower()
    if lower.startswith("aws:"):
        return f'the tag "{key}" begins with aws:, which is AWS\'s own. Choose another name'
    if reserved := next((start for start in _RESERVED_TAGS if lower.startswith(start)), None):
        return f'the tag "{key}" begins with {reserved}, by which EKS and its controllers find their own'
    return None


_RESERVED_TAGS = (
    "eks:",
    "kubernetes.io/",
    "k8s.io/",
    "ebs.csi.aws.com/",
    "elbv2.k8s.aws/",
    "service.k8s.aws/",
    "ingress.k8s.aws/",
    "kubernetescluster",
    "csivolumename",
)
"""Sources: aws-ebs-csi-driver, docs/tagging.md; aws-load-balancer-controller, docs/deploy/configurations.md; EKS user
guide, "Tag your Amazon EKS resources"."""

TagKey = Annotated[
    str,
    Form(
        _TAG_TEXT,
        f"a tag's key: {_TAG_SAYS}",
        most=128,
        refuses=_reserved_tag,
    ),
]
TagValue = Annotated[
    str,
    Form(
        f"(?:{_TAG_TEXT})?",
        f"a tag's value: {_TAG_SAYS}",
        most=256,
    ),
]
GivenTagValue = Annotated[
    str,
    Form(
        _TAG_TEXT,
        f"not empty; {_TAG_SAYS}",
        most=256,
    ),
]
TeamName = Annotated[
    str,
    Form(
        r"[\p{L}\p{N}](?:[\p{L}\p{N} _.+@-]*[\p{L}\p{N}])?",
        "letters, digits, spaces and `_.+@-`, with a letter or digit at both ends: it is a tag's value and part of "
        "a budget's name",
        most=60,
    ),
]
Email = Annotated[
    str,
    Form(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+",
        "one e-mail address, `ml-team@example.com`",
        most=254,
    ),
]
RepositoryName = Annotated[
    str,
    Form(
        r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*",
        "the name of an ECR repository: lower case letters and digits, joined by `.`, `_`, `-` or `/`",
        most=200,
    ),
]
