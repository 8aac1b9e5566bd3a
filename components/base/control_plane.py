"""What the control plane alone gives, before anything runs on the cluster: enough to bind identities to it."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """The EKS control plane."""

    name: pulumi.Output[str]
    """Physical name; depends on the control plane itself, so that whoever names the cluster waits for it."""
    endpoint: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The security group that EKS gives to control plane and nodes: the source that databases and brokers let in."""
    oidc_issuer: pulumi.Output[str]
    """Issuer without `https://`, for trust conditions."""
    oidc_provider_arn: pulumi.Output[str] | None = None
    """IAM's side of that issuer; None where the cluster has no IRSA (`cluster.irsa`)."""
