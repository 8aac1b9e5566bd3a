"""The role with which RDS samples the operating system under a database."""

import pulumi

from components.base.service_role import service_role


def monitoring_role(name: str, key_arn: pulumi.Output[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """ARN of the role, known once it may write. Samples go to the account's log group RDSOSMetrics, which
    every instance of the account shares and which therefore belongs to no stack."""
    return service_role(
        f"{name}-monitoring",
        service="monitoring.rds.amazonaws.com",
        description="RDS enhanced monitoring of the MLOps platform",
        statements=(),
        managed={"policy": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"},
        key_arn=key_arn,
        opts=opts,
    )
