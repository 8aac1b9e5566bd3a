"""CloudWatch log groups, always made beforehand: one that a service makes by itself is unencrypted, kept for
ever, and outlives the stack."""

import pulumi
import pulumi_aws as aws

_RETENTION = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def log_retention(days: int) -> int:
    """The shortest retention that CloudWatch Logs offers and that is not shorter than asked for. Days.

    Source: the allowed values of `retentionInDays` in the PutRetentionPolicy API.
    """
    return next((allowed for allowed in _RETENTION if allowed >= days), _RETENTION[-1])


def log_group(
    name: str,
    *,
    days: int,
    key_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    physical_name: pulumi.Input[str] | None = None,
) -> "aws.cloudwatch.LogGroup":
    """An encrypted log group that keeps events for `days`. `physical_name` where a service dictates it."""
    return aws.cloudwatch.LogGroup(
        name, name=physical_name, retention_in_days=log_retention(days), kms_key_id=key_arn, opts=opts
    )
