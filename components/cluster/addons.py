"""EKS add-ons: what has to run on every node before it is of use, and what serves the whole cluster.

They are plain `aws.eks.Addon`s instead of what pulumi-eks would make by itself, so that they are seen in the graph,
wait for the right things, and go in the right order.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.control_plane import ControlPlane
from components.base.identity import Grant, Identity, IdentityArgs
from components.cluster.config import AddonName
from components.cluster.policies import encrypt_volumes
from components.kubernetes.placement import SYSTEM_NODES, requested

_NAMESPACE = "kube-system"
MANAGED_POLICIES = {"vpc-cni": "AmazonEKS_CNI_Policy", "ebs-csi": "service-role/AmazonEBSCSIDriverPolicy"}
"""AWS managed policies of add-ons, by the role that has them."""


@dataclass(frozen=True, kw_only=True)
class Addons:
    """Makes the add-ons of one cluster. `versions` holds pinned versions by add-on; EKS chooses the others."""

    name: str
    control_plane: ControlPlane
    versions: Mapping[AddonName, str]
    opts: pulumi.ResourceOptions

    def of_nodes(self) -> tuple[pulumi.Resource, ...]:
        """Pod network with network policies, service proxy, and the agent that gives pods their credentials.

        They are there before the first node, which without them never becomes ready, and after the last.
        """
        network = self._role("vpc-cni", "aws-node")
        return (
            self._addon("vpc-cni", vpc_cni(), after=network),
            self._addon("kube-proxy"),
            self._addon("eks-pod-identity-agent", {"resources": requested("eks-pod-identity-agent")}),
        )

    def of_pods(self, nodes: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """Names, without which a pod finds nothing. It runs as pods itself, so that it needs nodes."""
        return self._addon("coredns", coredns(), after=nodes)

    def of_cluster(
        self, nodes: Sequence[pulumi.Resource], tags: Mapping[str, str], key_arn: pulumi.Output[str]
    ) -> tuple[pulumi.Resource, ...]:
        """Metrics and volumes, on nodes like names are; few pods need them to start."""
        volumes = self._role(
            "ebs-csi",
            "ebs-csi-controller-sa",
            grants=[encrypt_volumes(key_arn)],
        )
        return (
            self._addon("metrics-server", {"nodeSelector": SYSTEM_NODES}, after=nodes),
            self._addon("aws-ebs-csi-driver", ebs_csi(tags), after=[*nodes, *volumes]),
        )

    def _addon(
        self,
        addon: AddonName,
        configuration: Mapping[str, object] | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> "aws.eks.Addon":
        return aws.eks.Addon(
            f"{self.name}-{addon}",
            cluster_name=self.control_plane.name,
            addon_name=addon,
            addon_version=self.versions.get(addon),
            configuration_values=json.dumps(configuration, sort_keys=True) if configuration else None,
            # The program is the truth: what somebody changed by hand goes with the next update.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions.merge(self.opts, pulumi.ResourceOptions(depends_on=list(after))),
        )

    def _role(self, role: str, service_account: str, grants: Sequence[Grant] = ()) -> tuple[pulumi.Resource, ...]:
        """An identity with an AWS managed policy. What is returned has to stand before the pods start."""
        identity = bind(f"{self.name}-{role}", self.control_plane, _NAMESPACE, service_account, grants, opts=self.opts)
        attachment = aws.iam.RolePolicyAttachment(
            f"{self.name}-{role}-managed-policy",
            role=role_name(identity),
            policy_arn=f"arn:aws:iam::aws:policy/{MANAGED_POLICIES[role]}",
            opts=self.opts,
        )
        return identity, attachment


def bind(
    name: str,
    control_plane: ControlPlane,
    namespace: pulumi.Input[str],
    service_account: str,
    grants: Sequence[Grant],
    opts: pulumi.ResourceOptions,
) -> Identity:
    """An identity for a controller of the cluster's own, made while the cluster is still being furnished."""
    args = IdentityArgs(cluster=control_plane, namespace=namespace, service_account=service_account, grants=grants)
    return Identity(name, args, opts)


def role_name(identity: Identity) -> pulumi.Output[str]:
    """Name of an identity's role, to attach more to."""
    return identity.outputs.role_arn.apply(lambda arn: arn.rsplit("/", 1)[-1])


def vpc_cni() -> dict[str, object]:
    """Network policies are enforced, and a node holds /28 blocks instead of single addresses, which lets small
    instances run many pods. Source: EKS user guide, "Assign more IP addresses to nodes with prefixes"."""
    return {
        "enableNetworkPolicy": "true",
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
    }


def coredns() -> dict[str, object]:
    """EKS adapts the number of replicas to nodes and cores. Source: EKS user guide, "Scale CoreDNS Pods"."""
    return {"autoScaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 10}, "nodeSelector": SYSTEM_NODES}


def ebs_csi(tags: Mapping[str, str]) -> dict[str, object]:
    """Volumes made from inside the cluster carry the stack's tags, which no provider gives them."""
    return {"controller": {"extraVolumeTags": dict(tags), "nodeSelector": SYSTEM_NODES}}
