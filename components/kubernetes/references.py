"""A Secret of the cluster that follows secrets of AWS Secrets Manager which the settings name."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.base.identity import policy_document
from components.cluster import ClusterOutputs
from components.kubernetes.objects import stored_secret
from components.watch.routes import SecretConfig, secret_rights


def referred_secret(
    name: str,
    physical: str,
    secrets: Mapping[str, SecretConfig],
    *,
    cluster: ClusterOutputs,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A Secret with a key for each of the secrets; returns its name. External Secrets gets the right to read exactly
    these."""
    right = aws.iam.RolePolicy(
        f"{name}-policy",
        role=cluster.external_secrets_role,
        policy=policy_document(secret_rights(tuple(secrets.values()))),
        opts=opts,
    )
    return stored_secret(
        name,
        physical,
        {key: {"key": secret.secret_arn} for key, secret in secrets.items()},
        store=cluster.secret_store,
        namespace=namespace,
        # External Secrets asks at once, and would be refused.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[right])),
    )
