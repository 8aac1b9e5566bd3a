"""The role of a workload that runs on no cluster: a service takes it, and it has exactly the granted rights."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement, policy_document
from components.base.trust import service_trust


def service_role(
    name: str,
    *,
    service: str,
    description: str,
    statements: Sequence[Statement],
    key_arn: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """ARN of the role, known once it has its rights, so that nothing starts without them.

    Args:
        service: principal that takes it, `ecs-tasks.amazonaws.com`, for this account alone.
        key_arn: a key of this account, which says which account that is.
    """
    role = aws.iam.Role(
        f"{name}-role", description=description, assume_role_policy=service_trust(service, key_arn), opts=opts
    )
    if not statements:
        return role.arn
    policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=policy_document(statements), opts=opts)
    return pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))
