"""VPC flow logs into CloudWatch Logs: who talked to whom, for the day when somebody asks."""

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement
from components.base.logs import log_group
from components.base.service_role import trusted_role
from components.base.trust import service_trust


def flow_logs(
    name: str,
    vpc_id: pulumi.Output[str],
    key_arn: pulumi.Output[str],
    days: int,
    opts: pulumi.ResourceOptions,
) -> None:
    """Log all accepted and rejected traffic of a VPC, encrypted, kept for `days`."""
    group = log_group(f"{name}-flow-logs", days=days, key_arn=key_arn, opts=opts)
    write = Statement(
        actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
        resources=(pulumi.Output.concat(group.arn, ":*"),),
    )
    trust = service_trust("vpc-flow-logs.amazonaws.com", key_arn)
    aws.ec2.FlowLog(
        f"{name}-flow-log",
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=trusted_role(f"{name}-flow-logs", trust=trust, statements=[write], opts=opts),
        max_aggregation_interval=60,
        opts=opts,
    )
