"""Pods that do one job together: they reach one another and what their rights lead to, and one of them asks the API
server for the others."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.base.identity import Grant, network_policy
from components.kubernetes.objects import manifest, name_of


def asking_account(
    name: str,
    account: pulumi.Input[str],
    *,
    namespace: pulumi.Input[str],
    role: str,
    opts: pulumi.ResourceOptions,
    after: Sequence[pulumi.Resource],
) -> pulumi.Output[str]:
    """A service account with a role of its namespace that a chart brings; returns its name.

    Args:
        after: the chart's release, without which there is no such role.
    """
    made = name_of(
        k8s.core.v1.ServiceAccount(
            f"{name}-service-account", metadata={"name": account, "namespace": namespace}, opts=opts
        )
    )
    k8s.rbac.v1.RoleBinding(
        f"{name}-role-binding",
        metadata={"name": made, "namespace": namespace},
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        subjects=[{"kind": "ServiceAccount", "name": made, "namespace": namespace}],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(after))),
    )
    return made


def together(
    name: str,
    *,
    job: str,
    namespace: pulumi.Input[str],
    selector: Mapping[str, str],
    grants: Sequence[Grant],
    ingress_ports: Sequence[int] = (),
    ingress_from: "Sequence[k8s.networking.v1.NetworkPolicyPeerArgs]" = (),
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Resource, ...]:
    """The network policies of a job's pods: among themselves on whatever port, because workers listen where they find
    room; out to AWS and where grants lead; in from `ingress_from` on `ingress_ports`."""
    outside = network_policy(
        f"{name}-network-policy",
        namespace=namespace,
        selector=dict(selector),
        grants=grants,
        ingress_ports=ingress_ports,
        ingress_from=ingress_from,
        opts=opts,
    )
    own = [{"podSelector": {"matchLabels": dict(selector)}}]
    inside = k8s.networking.v1.NetworkPolicy(
        f"{name}-inside-network-policy",
        metadata=k8s.meta.v1.ObjectMetaArgs(name=f"{job}-inside", namespace=namespace),
        spec=manifest(
            {
                "podSelector": {"matchLabels": dict(selector)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": own}],
                "egress": [{"to": own}],
            }
        ),
        opts=opts,
    )
    return outside, inside
