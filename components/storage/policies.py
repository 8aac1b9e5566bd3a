"""What the policies of the platform's buckets say: who may come, how, and who delivers logs into them."""

import pulumi
import pulumi_aws as aws


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
