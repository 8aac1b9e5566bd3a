"""The topic that alarms are sent to: encrypted, and open to CloudWatch of this account only."""

import json

import pulumi
import pulumi_aws as aws

from components.base.trust import account_of


def alarm_topic(
    name: str, *, key_arn: pulumi.Output[str], emails: tuple[str, ...], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The encrypted topic of the alarms, known once CloudWatch may publish. Subscribers confirm by e-mail."""
    topic = aws.sns.Topic(name, kms_master_key_id=key_arn, opts=opts)
    policy = aws.sns.TopicPolicy(
        f"{name}-policy", arn=topic.arn, policy=topic.arn.apply(lambda arn: json.dumps(topic_policy(arn))), opts=opts
    )
    for number, email in enumerate(emails):
        aws.sns.TopicSubscription(
            f"{name}-email-{number}", topic=topic.arn, protocol="email", endpoint=email, opts=opts
        )
    return pulumi.Output.all(topic.arn, policy.id).apply(lambda values: str(values[0]))


def topic_policy(arn: str) -> dict[str, object]:
    """CloudWatch alarms of this account publish, over TLS."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AlarmsPublish",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_of(arn)}},
            },
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
