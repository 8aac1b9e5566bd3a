"""What an environment of MWAA may do.

Source: Amazon MWAA user guide, "Amazon MWAA execution role", for an environment with a key of the account's own.
"""

import pulumi

from components.base.identity import Statement

_QUEUE = (
    *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
    *("sqs:ReceiveMessage", "sqs:SendMessage"),
)
_LOG = (
    *("logs:CreateLogStream", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:GetLogRecord"),
    *("logs:GetQueryResults", "logs:PutLogEvents"),
)


def own(
    name: str, region: str, account: pulumi.Output[str], bucket_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> list[Statement]:
    """Say how it is, write its logs, hand tasks to workers, and read where its DAGs lie.

    Args:
        name: physical name of the environment.
    """

    def here(service: str, resource: str) -> pulumi.Output[str]:
        return pulumi.Output.concat(f"arn:aws:{service}:{region}:", account, f":{resource}")

    return [
        Statement(actions=("airflow:PublishMetrics",), resources=(here("airflow", f"environment/{name}"),)),
        Statement(actions=_LOG, resources=(here("logs", f"log-group:airflow-{name}-*"),)),
        Statement(actions=("logs:DescribeLogGroups", "cloudwatch:PutMetricData"), resources=("*",)),
        # The queues are in an account of the service's own.
        Statement(actions=_QUEUE, resources=(f"arn:aws:sqs:{region}:*:airflow-celery-*",)),
        Statement(
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
            resources=(key_arn,),
            conditions={
                "StringLike": {"kms:ViaService": [f"sqs.{region}.amazonaws.com", f"s3.{region}.amazonaws.com"]}
            },
        ),
        Statement(
            actions=("s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetObjectVersion"),
            resources=(bucket_arn, pulumi.Output.concat(bucket_arn, "/mwaa/*")),
        ),
        Statement(actions=("s3:GetAccountPublicAccessBlock",), resources=("*",)),
    ]
