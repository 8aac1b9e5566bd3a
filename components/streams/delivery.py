"""Delivery: every raw event beside the lake, written by Amazon Data Firehose as it came.

The delivery belongs to the stream because the stream forgets. What is delivered is not masked, and nobody was asked
for consent. So it is no part of the lake: it waits under a prefix of its own for the loop, which takes it in as it does
everything else and removes it, and the bucket's lifecycle removes it where no loop does.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.identity import Statement
from components.base.logs import log_group
from components.base.service_role import trusted_role
from components.base.trust import account_of
from components.base.watched import Watched
from components.foundation import Foundation
from components.storage import DELIVERED, UNDELIVERED
from mlops.core.config import Config
from mlops.core.fields.aws import LogDays


class DeliveryConfig(Config):
    """How raw events reach the lake."""

    buffer_seconds: int = Field(default=300, ge=0, le=900)
    """Longest wait until an object is written; short waits make many small objects."""
    buffer_mb: int = Field(default=64, ge=1, le=128)
    """Size at which an object is written, MB before compression."""
    compression: Literal["GZIP", "UNCOMPRESSED"] = "GZIP"
    """Compression of the objects: what the loop reads."""
    log_retention_days: LogDays = 30
    """Days for which delivery errors are kept in CloudWatch Logs."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The stream that Firehose reads."""

    arn: pulumi.Output[str]
    statements: Sequence[Statement]
    """What Firehose needs to read it."""
    arguments: Callable[[pulumi.Output[str]], dict[str, object]]
    """Arguments of the delivery stream, from the ARN of its role."""


def delivery(
    name: str, config: DeliveryConfig, foundation: Foundation, source: Source, opts: pulumi.ResourceOptions
) -> Watched:
    """Deliver every event of a stream, with a role that is known once it has its rights: Firehose tries them. Returns
    what there is to watch of it."""
    logs = log_group(f"{name}-delivery-logs", days=config.log_retention_days, key_arn=foundation.keys.logs, opts=opts)
    errors = aws.cloudwatch.LogStream(f"{name}-delivery-errors", log_group_name=logs.name, name="errors", opts=opts)
    role_arn = _role(name, foundation, source, errors, opts)
    made = aws.kinesis.FirehoseDeliveryStream(
        f"{name}-delivery",
        destination="extended_s3",
        extended_s3_configuration=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationArgs(
            bucket_arn=foundation.storage.bucket_arns["raw"],
            role_arn=role_arn,
            kms_key_arn=foundation.storage.key_arn,
            prefix=f"{DELIVERED}dt=!{{timestamp:yyyy-MM-dd}}/",
            error_output_prefix=f"{UNDELIVERED}!{{firehose:error-output-type}}/dt=!{{timestamp:yyyy-MM-dd}}/",
            buffering_interval=config.buffer_seconds,
            buffering_size=config.buffer_mb,
            compression_format=config.compression,
            processing_configuration=one_record_a_line(),
            cloudwatch_logging_options=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptionsArgs(
                enabled=True, log_group_name=logs.name, log_stream_name=errors.name
            ),
        ),
        opts=opts,
        **source.arguments(role_arn),  # type: ignore[arg-type]
    )
    return Watched(what="delivery", namespace="AWS/Firehose", dimensions={"DeliveryStreamName": made.name})


def _role(
    name: str,
    foundation: Foundation,
    source: Source,
    errors: "aws.cloudwatch.LogStream",
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    storage = foundation.storage
    grants = (storage.write("raw", DELIVERED), storage.write("raw", UNDELIVERED))
    return trusted_role(
        f"{name}-delivery",
        description="Delivery of raw events to the lake of the MLOps platform",
        trust=source.arn.apply(lambda arn: json.dumps(firehose_trust(account_of(arn)))),
        statements=[
            *(statement for grant in grants for statement in grant.statements),
            *source.statements,
            Statement(actions=("s3:ListBucketMultipartUploads",), resources=(storage.bucket_arns["raw"],)),
            Statement(actions=("logs:PutLogEvents",), resources=(errors.arn,)),
        ],
        opts=opts,
    )


def firehose_trust(account: str) -> dict[str, object]:
    """Let Firehose take the role for this account's delivery streams only.

    Source: Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "firehose.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": account}},
            }
        ],
    }


def one_record_a_line() -> "aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationArgs":
    """End each record with a line break: Firehose puts records behind one another without any, and a file of
    JSON documents in one line is one that no reader splits."""
    return aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationArgs(
        enabled=True,
        processors=[
            aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationProcessorArgs(
                type="AppendDelimiterToRecord",
                parameters=[
                    aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationProcessorParameterArgs(
                        parameter_name="Delimiter", parameter_value="\\n"
                    )
                ],
            )
        ],
    )
