"""A role that a service of AWS takes, with exactly the granted rights."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement, policy_document
from components.base.trust import service_trust


def service_role(
    name: str,
    *,
    service: str | Sequence[str],
    description: str,
    statements: Sequence[Statement],
    key_arn: pulumi.Output[str],
    managed: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """ARN of the role, known once it has its rights, so that nothing starts without them.

    Args:
        service: principal that takes it, `ecs-tasks.amazonaws.com`, or all that it goes by; for this account alone.
        key_arn: a key of this account, which says which account that is.
        managed: ARNs of AWS's own policies that it has as well, by the word that names the attachment.
    """
    trust = service_trust(service, key_arn)
    return trusted_role(name, trust=trust, description=description, statements=statements, managed=managed, opts=opts)


def trusted_role(
    name: str,
    *,
    trust: pulumi.Input[str],
    description: str | None = None,
    statements: Sequence[Statement] = (),
    managed: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """The same for a service that says in another way for whom it takes a role.

    Args:
        trust: the trust policy.
    """
    role = aws.iam.Role(f"{name}-role", description=description, assume_role_policy=trust, opts=opts)
    rights: list[pulumi.CustomResource] = [
        aws.iam.RolePolicyAttachment(f"{name}-{word}", role=role.name, policy_arn=arn, opts=opts)
        for word, arn in (managed or {}).items()
    ]
    if statements:
        document = policy_document(statements)
        rights.append(aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document, opts=opts))
    return pulumi.Output.all(role.arn, *(right.id for right in rights)).apply(lambda values: str(values[0]))
