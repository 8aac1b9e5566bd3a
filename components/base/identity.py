"""Who may do what: grants, and the identity of a workload that is derived from them.

A workload lists the grants that it needs; the role, the policy, the association with its service account
and the network policy follow. Nobody writes an IAM document for a workload by hand, so none can be wider
than the contracts that it uses.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.control_plane import ControlPlane


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One Allow statement of an IAM policy. Resources are ARNs or ARN patterns; a bare star only where the
    actions take nothing narrower, as most Describe actions do."""

    actions: tuple[str, ...]
    resources: tuple[pulumi.Input[str], ...]
    conditions: Mapping[str, Mapping[str, str | Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Egress:
    """Where a workload opens connections to, beyond DNS and AWS APIs on 443. Ports are TCP."""

    cidrs: tuple[pulumi.Input[str], ...]
    ports: tuple[int, ...]
    group: pulumi.Input[str] | None = None
    """Security group of what answers there, where that lets clients in by their own: a client adds its group there."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A right on one resource, with all that the right needs: the key's grant, the network path.

    `resource` and `access` are plain words, `storage/curated` and `read`.
    """

    resource: str
    access: str
    statements: tuple[Statement, ...] = ()
    egress: tuple[Egress, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """One workload: where it runs and what it needs."""

    cluster: ControlPlane
    namespace: pulumi.Input[str]
    service_account: str
    """Name of the Kubernetes service account that the workload's pods use."""
    grants: Sequence[Grant]
    mechanism: Literal["pod-identity", "irsa"] = "pod-identity"
    """IRSA where Pod Identity is not to be had: charts that demand the annotation. It needs `cluster.irsa`."""


@dataclass(frozen=True, kw_only=True)
class IdentityOutputs:
    """The workload's role. Pods take `service_account` from here: it is known once the association stands,
    so that no pod starts without its rights."""

    role_arn: pulumi.Output[str]
    service_account: pulumi.Output[str]
    annotations: dict[str, pulumi.Output[str]]
    """For the service account; empty with Pod Identity."""


class Identity(Component[IdentityOutputs]):
    """An IAM role with exactly the granted rights, bound to one service account of one cluster."""

    token = "mlops:index:Identity"

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        irsa = args.mechanism == "irsa"
        role = aws.iam.Role(
            f"{name}-role",
            description=f"{args.service_account} of the MLOps platform",
            assume_role_policy=irsa_trust(args) if irsa else json.dumps(POD_IDENTITY_TRUST),
            opts=self.child,
        )
        statements = [statement for grant in args.grants for statement in grant.statements]
        policy = None
        if statements:
            policy = aws.iam.RolePolicy(
                f"{name}-policy", role=role.name, policy=policy_document(statements), opts=self.child
            )
        # The binding waits for the policy: a pod that starts in between would cache its denials.
        role_arn = pulumi.Output.all(role.arn, policy.id if policy else "").apply(lambda values: str(values[0]))
        if irsa:
            account = pulumi.Output.all(args.service_account, role_arn).apply(lambda values: str(values[0]))
        else:
            account = aws.eks.PodIdentityAssociation(
                f"{name}-association",
                cluster_name=args.cluster.name,
                namespace=args.namespace,
                service_account=args.service_account,
                role_arn=role_arn,
                opts=self.child,
            ).service_account
        self.publish(
            IdentityOutputs(
                role_arn=role_arn,
                service_account=account,
                annotations={"eks.amazonaws.com/role-arn": role_arn} if irsa else {},
            )
        )


POD_IDENTITY_TRUST: dict[str, object] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}


def irsa_trust(args: IdentityArgs) -> pulumi.Output[str]:
    """Trust of one service account through the cluster's OIDC provider.

    Raises:
        ValueError: the cluster has none.
    """
    provider = args.cluster.oidc_provider_arn
    if provider is None:
        raise ValueError(f"{args.service_account} is bound by IRSA and the cluster has none; set cluster.irsa to true")

    def document(values: Sequence[str]) -> str:
        provider_arn, issuer, namespace = values
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": provider_arn},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {
                                f"{issuer}:sub": f"system:serviceaccount:{namespace}:{args.service_account}",
                                f"{issuer}:aud": "sts.amazonaws.com",
                            }
                        },
                    }
                ],
            }
        )

    return pulumi.Output.all(provider, args.cluster.oidc_issuer, args.namespace).apply(document)


def policy_document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """An IAM policy of Allow statements; what allows the same under the same conditions is one statement."""

    def document(values: list[dict[str, Any]]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": together(values)})

    return pulumi.Output.all(*map(_allow, statements)).apply(document)


def together(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Statements that differ by their resources alone, as one: IAM counts the characters of a role's policies."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = json.dumps([row["Action"], row.get("Condition")], sort_keys=True)
        merged = found.setdefault(key, {**row, "Resource": []})
        merged["Resource"] = sorted({*merged["Resource"], *row["Resource"]})
    return list(found.values())


def _allow(statement: Statement) -> pulumi.Output[dict[str, Any]]:
    return pulumi.Output.all(*statement.resources).apply(lambda resources: allow(statement, resources))


def allow(statement: Statement, resources: Sequence[str]) -> dict[str, Any]:
    """One row of a policy, once its resources are known."""
    return {
        "Effect": "Allow",
        "Action": sorted(statement.actions),
        "Resource": sorted(resources),
        **({"Condition": statement.conditions} if statement.conditions else {}),
    }


def network_policy(
    name: str,
    *,
    namespace: pulumi.Input[str],
    selector: dict[str, str],
    grants: Sequence[Grant],
    ingress_ports: Sequence[int],
    ingress_from: "Sequence[k8s.networking.v1.NetworkPolicyPeerArgs]" = (),
    opts: pulumi.ResourceOptions,
) -> "k8s.networking.v1.NetworkPolicy":
    """Close a workload's pods: in on their own ports, out to DNS, to AWS APIs on 443 and where a grant leads.

    `ingress_from` none means any pod of the cluster; `ingress_ports` none lets nobody in.
    """
    net = k8s.networking.v1
    anybody = [net.NetworkPolicyPeerArgs(namespace_selector=k8s.meta.v1.LabelSelectorArgs())]
    ingress = net.NetworkPolicyIngressRuleArgs(from_=list(ingress_from) or anybody, ports=_tcp(ingress_ports))
    egress = [
        net.NetworkPolicyEgressRuleArgs(ports=[net.NetworkPolicyPortArgs(protocol="UDP", port=53), *_tcp([53])]),
        net.NetworkPolicyEgressRuleArgs(to=_blocks([_POD_IDENTITY_AGENT]), ports=_tcp([80])),
        net.NetworkPolicyEgressRuleArgs(ports=_tcp([443])),
        *(
            net.NetworkPolicyEgressRuleArgs(to=_blocks(way.cidrs), ports=_tcp(way.ports))
            for grant in grants
            for way in grant.egress
        ),
    ]
    return net.NetworkPolicy(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace),
        spec=net.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
            policy_types=["Ingress", "Egress"],
            ingress=[ingress] if ingress_ports else [],
            egress=egress,
        ),
        opts=opts,
    )


_POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Link-local address of the EKS Pod Identity agent (EKS user guide)."""


def _tcp(ports: Sequence[int]) -> "list[k8s.networking.v1.NetworkPolicyPortArgs]":
    return [k8s.networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=port) for port in ports]


def _blocks(cidrs: Sequence[pulumi.Input[str]]) -> "list[k8s.networking.v1.NetworkPolicyPeerArgs]":
    net = k8s.networking.v1
    return [net.NetworkPolicyPeerArgs(ip_block=net.IPBlockArgs(cidr=cidr)) for cidr in cidrs]
