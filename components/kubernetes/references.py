"""A Secret of the cluster that follows secrets of AWS Secrets Manager which the settings name."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement, policy_document
from components.base.secret import SecretValue
from components.cluster import ClusterOutputs
from components.kubernetes.objects import stored_secret


def referred_secret(
    name: str,
    physical: str,
    secrets: Mapping[str, SecretValue],
    *,
    cluster: ClusterOutputs,
    namespace: pulumi.Input[str],
    awaited: bool = True,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A Secret with a key for each of the secrets; returns its name. External Secrets gets the right to read exactly
    these. What is not `awaited` counts as made before anybody put a value there."""
    right = aws.iam.RolePolicy(
        f"{name}-policy",
        role=cluster.external_secrets_role,
        policy=policy_document([statement for secret in secrets.values() for statement in secret.read()]),
        opts=opts,
    )
    return stored_secret(
        name,
        physical,
        {key: secret.remote for key, secret in secrets.items()},
        store=cluster.secret_store,
        namespace=namespace,
        awaited=awaited,
        # External Secrets asks at once, and would be refused.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[right])),
    )


def write_rights(secret_arn: pulumi.Output[str], key_arn: pulumi.Output[str]) -> list[Statement]:
    """What External Secrets needs to write into a secret, and no more (see `components.database.login`)."""
    read = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    write = ("secretsmanager:DeleteResourcePolicy", "secretsmanager:PutSecretValue")
    return [
        Statement(actions=(*read, *write), resources=(secret_arn,)),
        Statement(
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(key_arn,),
            conditions={"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
        ),
    ]


def secret_of_job(
    name: str,
    physical: str,
    secrets: Mapping[str, SecretValue],
    *,
    cluster: ClusterOutputs,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str] | None:
    """The Secret with what a job is told in confidence, not awaited, for its first run may be hours away; returns its
    name, and None where the job is told nothing."""
    if not secrets:
        return None
    return referred_secret(name, physical, secrets, cluster=cluster, namespace=namespace, awaited=False, opts=opts)
