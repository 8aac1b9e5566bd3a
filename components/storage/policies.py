"""What the policies of the platform's buckets say: who may come, how, and who delivers logs into them."""

import pulumi
import pulumi_aws as aws

from mlops.core.fields.aws import arn_account, arn_region

BALANCER_LOGS = "workloads"
"""Folder of the bucket of logs that load balancers write to."""


def tls_only(arn: str) -> dict[str, object]:
    """Deny every request that does not come over TLS 1.2 or later."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def deliver_logs(bucket: "aws.s3.Bucket") -> pulumi.Output[dict[str, object]]:
    """Let S3 deliver access logs."""
    return bucket.arn.apply(
        lambda arn: {
            "Sid": "AccessLogs",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/s3/*",
        }
    )


def deliver_balancer_logs(bucket: "aws.s3.Bucket", key_arn: pulumi.Output[str]) -> pulumi.Output[dict[str, object]]:
    """Let load balancers of this account deliver theirs. Source: ELB user guide, "Enable access logs for your
    Application Load Balancer"."""
    return pulumi.Output.all(bucket.arn, key_arn).apply(lambda values: balancer_logs(str(values[0]), str(values[1])))


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
