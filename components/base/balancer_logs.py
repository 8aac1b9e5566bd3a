"""Logs of load balancers, in the platform's bucket of logs."""

import pulumi

from mlops.core.fields.aws import arn_account, arn_region

BALANCER_LOGS = "workloads"
"""Folder of the bucket that they write to."""


def deliver_balancer_logs(
    bucket_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> pulumi.Output[dict[str, object]]:
    """Let load balancers of this account deliver theirs. Source: ELB user guide, "Enable access logs for your
    Application Load Balancer"."""
    return pulumi.Output.all(bucket_arn, key_arn).apply(lambda values: balancer_logs(str(values[0]), str(values[1])))


def balancer_logs(bucket_arn: str, key_arn: str) -> dict[str, object]:
    """The statement; a key of the account says which account and region that is."""
    region, account = arn_region(key_arn), arn_account(key_arn)
    return {
        "Sid": "BalancerLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn}/{BALANCER_LOGS}/AWSLogs/{account}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/*"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
