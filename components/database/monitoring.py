"""The role with which RDS samples the operating system under a database."""

import pulumi
import pulumi_aws as aws

from components.base.trust import service_trust


def monitoring_role(name: str, key_arn: pulumi.Output[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """ARN of the role, known once it may write. Samples go to the account's log group RDSOSMetrics, which
    every instance of the account shares and which therefore belongs to no stack."""
    role = aws.iam.Role(
        f"{name}-monitoring-role",
        description="RDS enhanced monitoring of the MLOps platform",
        assume_role_policy=service_trust("monitoring.rds.amazonaws.com", key_arn),
        opts=opts,
    )
    attachment = aws.iam.RolePolicyAttachment(
        f"{name}-monitoring-policy",
        role=role.name,
        policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
        opts=opts,
    )
    return pulumi.Output.all(role.arn, attachment.id).apply(lambda values: str(values[0]))
