"""The audit trail: who called what in the account, kept where nobody can change it, watched by alarms.

One bucket for it and for the record of configurations: auditors ask for both, and nobody else may write there.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from components.base.logs import log_group
from components.base.service_role import trusted_role
from components.base.trust import account_of
from components.storage.policies import tls_only
from mlops.core.audit_events import WATCHED, WatchedEvent

NAMESPACE = "AuditTrail"
"""Of the metrics that are made from the trail."""


@dataclass(frozen=True, kw_only=True)
class AuditBucket:
    """Where trail and configurations go; `writable` is the name, known once the services may write."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    writable: pulumi.Output[str]


def audit_bucket(
    name: str,
    *,
    trail_arn: pulumi.Output[str],
    log_bucket: pulumi.Output[str],
    key_arn: pulumi.Output[str],
    days: int,
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> AuditBucket:
    """A private, versioned, encrypted bucket with access logs that CloudTrail and Config may write to."""
    bucket = aws.s3.Bucket(
        name,
        # CloudTrail and Config write until they are gone themselves: nobody could empty it in time for a destroy.
        force_destroy=not protect,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
    )
    aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access-block",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=opts,
    )
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key_arn
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=default, bucket_key_enabled=True
            )
        ],
        opts=opts,
    )
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=opts,
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        # S3 refuses rules for non-current versions on a bucket whose versioning is not yet on.
        bucket=versioning.bucket,
        rules=[_expiry(days)],
        opts=opts,
    )
    aws.s3.BucketLogging(
        f"{name}-logging", bucket=bucket.bucket, target_bucket=log_bucket, target_prefix="s3/audit/", opts=opts
    )
    policy = aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.bucket,
        policy=pulumi.Output.all(bucket.arn, trail_arn).apply(lambda arns: json.dumps(bucket_policy(*arns))),
        opts=opts,
    )
    writable = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda values: str(values[0]))
    return AuditBucket(name=bucket.bucket, arn=bucket.arn, writable=writable)


def _expiry(days: int) -> "aws.s3.BucketLifecycleConfigurationRuleArgs":
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="expire",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=7
        ),
    )


def bucket_policy(bucket_arn: str, trail_arn: str) -> dict[str, object]:
    """TLS only; CloudTrail writes for this one trail. Source: CloudTrail user guide, "Amazon S3 bucket policy for
    CloudTrail". Config writes with its role."""
    trail = {"Service": "cloudtrail.amazonaws.com"}
    account = account_of(trail_arn)
    only = {"aws:SourceArn": trail_arn}
    return {
        "Version": "2012-10-17",
        "Statement": [
            tls_only(bucket_arn),
            {
                "Sid": "TrailLooksAtTheBucket",
                "Effect": "Allow",
                "Principal": trail,
                "Action": "s3:GetBucketAcl",
                "Resource": bucket_arn,
                "Condition": {"StringEquals": only},
            },
            {
                "Sid": "TrailWrites",
                "Effect": "Allow",
                "Principal": trail,
                "Action": "s3:PutObject",
                "Resource": f"{bucket_arn}/AWSLogs/{account}/*",
                "Condition": {"StringEquals": {**only, "s3:x-amz-acl": "bucket-owner-full-control"}},
            },
        ],
    }


def trail(
    name: str,
    *,
    trail_name: str,
    bucket: AuditBucket,
    key_arn: pulumi.Output[str],
    log_days: int,
    data_events: bool,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A trail of all regions, encrypted, that shows tampering. Returns the name of its log group."""
    group = log_group(f"{name}-logs", days=log_days, key_arn=key_arn, opts=opts)
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}
    write = Statement(
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resources=(pulumi.Output.concat(group.arn, ":log-stream:*"),),
    )
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    aws.cloudtrail.Trail(
        name,
        name=trail_name,
        s3_bucket_name=bucket.writable,
        kms_key_id=key_arn,
        is_multi_region_trail=True,
        include_global_service_events=True,
        enable_log_file_validation=True,
        cloud_watch_logs_group_arn=pulumi.Output.concat(group.arn, ":*"),
        cloud_watch_logs_role_arn=trusted_role(name, trust=document, statements=[write], opts=opts),
        advanced_event_selectors=_selectors(bucket.arn, data_events=data_events),
        opts=opts,
    )
    return group.name


def _selectors(
    bucket_arn: pulumi.Output[str], *, data_events: bool
) -> "list[aws.cloudtrail.TrailAdvancedEventSelectorArgs]":
    field = aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs
    management = aws.cloudtrail.TrailAdvancedEventSelectorArgs(
        name="management", field_selectors=[field(field="eventCategory", equals=["Management"])]
    )
    objects = aws.cloudtrail.TrailAdvancedEventSelectorArgs(
        name="objects",
        field_selectors=[
            field(field="eventCategory", equals=["Data"]),
            field(field="resources.type", equals=["AWS::S3::Object"]),
            # The trail's own writes would be recorded, and the record written, for ever.
            field(field="resources.ARN", not_starts_withs=[pulumi.Output.concat(bucket_arn, "/")]),
        ],
    )
    return [management, objects] if data_events else [management]


def alarms(
    name: str,
    *,
    prefix: str,
    group: pulumi.Output[str],
    topic: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """A metric filter and an alarm for each event of section 5 of the CIS benchmark."""
    for event in WATCHED:
        _alarm(f"{name}-{event.name}", f"{prefix}-{event.name}", event, group, topic, opts)


def _alarm(
    name: str,
    physical: str,
    event: WatchedEvent,
    group: pulumi.Output[str],
    topic: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> None:
    found = aws.cloudwatch.LogMetricFilter(
        f"{name}-filter",
        name=physical,
        log_group_name=group,
        pattern=event.pattern,
        metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
            name=physical, namespace=NAMESPACE, value="1"
        ),
        opts=opts,
    )
    aws.cloudwatch.MetricAlarm(
        f"{name}-alarm",
        name=physical,
        alarm_description=f"Audit trail: {event.what} (CIS {event.section}).",
        namespace=NAMESPACE,
        metric_name=found.metric_transformation.name,
        statistic="Sum",
        period=300,
        evaluation_periods=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        # Nothing happened, so nothing was counted.
        treat_missing_data="notBreaching",
        alarm_actions=[topic],
        opts=opts,
    )
