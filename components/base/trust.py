"""Who may take a role: a service, and only on behalf of this account (the confused deputy)."""

import json
from collections.abc import Sequence

import pulumi


def account_of(arn: str) -> str:
    """The account in an ARN."""
    return arn.split(":")[4]


def service_trust(service: str | Sequence[str], key_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """The trust policy of a role that a service takes for this account's resources.

    Args:
        service: its principal, `vpc-flow-logs.amazonaws.com`, or all that it goes by.
        key_arn: ARN of a key of this account, which says which account that is without a look-up.
    """
    return key_arn.apply(lambda arn: json.dumps(trust_policy(service, account_of(arn))))


def trust_policy(service: str | Sequence[str], account: str) -> dict[str, object]:
    """Source of the condition: IAM user guide, "The confused deputy problem"."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service if isinstance(service, str) else list(service)},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }
