"""What services of other companies need of the platform: keys by reference, and a role that they take here."""

import json
from collections.abc import Sequence
from typing import Annotated

import pulumi
import pulumi_aws as aws

from components.base.identity import Grant, policy_document
from components.base.secret import SecretReference, SecretValue
from mlops.core.config import Config
from mlops.core.fields import Form
from mlops.core.fields.aws import AccountId
from mlops.core.module import StackFacts
from mlops.core.rotation import never

ExternalId = Annotated[
    str,
    Form(
        r"[A-Za-z0-9+=,.@:/_-]{2,}",
        "the external ID that the other company gives: at least 2 letters, digits and `+=,.@:/_-`",
        most=1224,
    ),
]
"""Source: IAM API reference, AssumeRole, ExternalId."""


class GuestConfig(Config):
    """A role that another company takes."""

    account_id: AccountId
    """AWS account of the company, from which it comes."""
    external_id: ExternalId
    """External ID that the company gives its customer: nobody else who works with it can take the role."""


def guest_role(
    name: str,
    config: GuestConfig,
    *,
    physical: str,
    description: str,
    grants: Sequence[Grant],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """ARN of the role, which has exactly these rights."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{config.account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": config.external_id}},
            }
        ],
    }
    role = aws.iam.Role(
        f"{name}-role", name=physical, description=description, assume_role_policy=json.dumps(trust), opts=opts
    )
    document = policy_document([row for grant in grants for row in grant.statements])
    aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document, opts=opts)
    return role.arn


def key_of(
    name: str,
    reference: SecretReference | None,
    *,
    physical: str,
    description: str,
    key_arn: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> SecretValue:
    """Where a key lies: where the settings say, or in an empty secret that waits for somebody to put the key there."""
    if reference is not None:
        return reference.value
    secret = aws.secretsmanager.Secret(
        name,
        name=physical,
        description=f"{description}; put it here: aws secretsmanager put-secret-value",
        kms_key_id=key_arn,
        # The name is fixed, and a deleted secret would keep it.
        recovery_window_in_days=0,
        tags=never("the key belongs to the other company: make a new one there and put it here"),
        opts=opts,
    )
    return SecretValue(arn=secret.arn, key_arn=key_arn)


def no_way_there(company: str, place: str, stack: StackFacts) -> tuple[str, ...]:
    """Why a service on the internet cannot be reached from that stack; nothing when it can."""
    sentence = (
        f"{company} is reached at {place}, and network.mode isolated has no way there. Set network.mode to private, or "
        "choose another kind"
    )
    return () if stack.way_out else (sentence,)
