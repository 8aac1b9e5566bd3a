"""EKS: contract first."""

from dataclasses import dataclass, field

import pulumi

from components.component import INTERNAL


@dataclass(frozen=True, kw_only=True)
class ClusterOutputs:
    """The cluster as its tenants see it."""

    name: pulumi.Output[str]
    """Physical name; depends on the control plane itself, so that whoever names the cluster waits for it."""
    endpoint: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The security group that EKS gives to control plane and nodes: the source that databases and brokers let in."""
    oidc_provider_arn: pulumi.Output[str]
    oidc_issuer: pulumi.Output[str]
    """Issuer without `https://`, for trust conditions."""
    kubeconfig_command: pulumi.Output[str]
    """Shell command that writes a kubeconfig entry."""
    storage_class: str
    """Name of the default StorageClass (gp3, encrypted)."""
    secret_store: str
    """Name of the ClusterSecretStore through which External Secrets reads AWS Secrets Manager."""
    external_secrets_role: pulumi.Output[str]
    """IAM role name of External Secrets. Whoever brings a secret attaches the right to read exactly that one."""
    kubernetes: pulumi.ProviderResource = field(metadata=INTERNAL)
    """Provider for what runs on the cluster; Platform hands it to modules, no module names it."""
    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)
    """What must stand before a workload comes: nodes, add-ons, webhooks and CRDs of the base charts."""
