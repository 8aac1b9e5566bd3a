"""EKS: control plane, nodes, add-ons and the base of everything that runs on it.

pulumi-eks makes the control plane; all else is plain AWS and Kubernetes resources, which the graph shows one by one
and which can be ordered.
"""

import json
import shlex
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s

from components.base.component import INTERNAL, Component
from components.base.control_plane import ControlPlane
from components.base.logs import log_group
from components.cluster.addons import Addons
from components.cluster.base import ClusterBase, ClusterBaseArgs
from components.cluster.config import ClusterConfig, short_name
from components.cluster.node_config import node_places
from components.cluster.node_groups import NodeGroup, NodeGroupArgs
from components.keys import KeysOutputs
from components.kubernetes.placement import Controllers, NodePlaces
from components.network import NetworkOutputs

__all__ = ["Cluster", "ClusterArgs", "ClusterConfig", "ClusterOutputs"]

_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
_POLICIES = {"edit": "AmazonEKSEditPolicy", "view": "AmazonEKSViewPolicy"}


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Where the cluster lives and as whom it is reached."""

    name: str
    """Physical name, known beforehand: it pins the Kubernetes provider."""
    network: NetworkOutputs
    keys: KeysOutputs
    region: str
    tags: dict[str, str]
    """For instances and volumes, which the provider's default tags do not reach."""
    profile: str | None = None
    """Profile of the AWS CLI with which Pulumi talks to Kubernetes; None takes the environment's credentials."""
    role_arn: str | None = None
    """Role with which Pulumi talks to Kubernetes; the one that creates the cluster."""


@dataclass(frozen=True, kw_only=True)
class ClusterOutputs(ControlPlane):
    """The cluster as its tenants see it."""

    kubeconfig_command: pulumi.Output[str]
    """Shell command that writes a kubeconfig entry."""
    storage_class: str
    """Name of the default StorageClass (gp3, encrypted)."""
    secret_store: str
    """Name of the ClusterSecretStore through which External Secrets reads AWS Secrets Manager. It serves namespaces
    with the label `mlops.platform/secrets: allowed`."""
    external_secrets_role: pulumi.Output[str]
    """IAM role name of External Secrets. Whoever brings a secret attaches the right to read exactly that one."""
    kubernetes: pulumi.ProviderResource = field(metadata=INTERNAL)
    """Provider for what runs on the cluster; Platform hands it to modules, no module names it."""
    places: NodePlaces = field(metadata=INTERNAL)
    """The groups of nodes, for workloads that name one."""
    controllers: Controllers = field(metadata=INTERNAL)
    """How many there are of each controller, for charts of modules."""
    running: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)
    """What pods need to start: nodes and names. Enough for a controller."""
    certificates: pulumi.Resource = field(metadata=INTERNAL)
    """cert-manager, for charts whose webhooks take their certificates from it."""
    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)
    """All of it: nodes, add-ons, webhooks and CRDs of the base charts. A namespace for workloads waits for it, so
    that whoever cleans up after them (load balancers, volumes, secrets) is there until the last of them has gone."""


class Cluster(Component[ClusterOutputs]):
    """A private, encrypted, logged EKS cluster with its nodes, ready for workloads."""

    token = "mlops:index:Cluster"

    def __init__(
        self, name: str, config: ClusterConfig, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        control = self._control()
        control_plane = ControlPlane(
            # From the control plane's own output: the plain name would lose the dependency on it.
            name=control.eks_cluster.apply(lambda cluster: cluster.name),
            endpoint=control.eks_cluster.apply(lambda cluster: cluster.endpoint),
            security_group_id=control.cluster_security_group_id,
            oidc_issuer=control.oidc_issuer,
            oidc_provider_arn=self._oidc_provider(control.oidc_provider_url) if config.irsa else None,
        )
        self._access(control_plane.name)
        addons = Addons(name=name, control_plane=control_plane, versions=config.addon_versions, opts=self.child)
        version: pulumi.Output[str] = control.eks_cluster.apply(lambda cluster: cluster.version)
        nodes = self._nodes(control_plane.name, version, after=addons.of_nodes())
        kubernetes = k8s.Provider(
            f"{name}-kubernetes",
            kubeconfig=control.kubeconfig_json.apply(lambda text: with_profile(text, args.profile)),
            # A plain string: with it a changed endpoint replaces nothing of what runs on the cluster.
            cluster_identifier=args.name,
            enable_server_side_apply=True,
            opts=self.child,
        )
        running = (*nodes, addons.of_pods(nodes))
        controllers = Controllers(replicas=2 if config.high_availability else 1)
        furnished = (*running, *addons.of_cluster(nodes, args.tags, args.keys.cluster))
        base_args = ClusterBaseArgs(
            control_plane=control_plane,
            cluster=args.name,
            vpc_id=args.network.vpc_id,
            region=args.region,
            key_arn=args.keys.cluster,
            tags=args.tags,
            controllers=controllers,
            running=running,
        )
        base = ClusterBase(f"{name}-base", config, base_args, self.child_with(providers=[kubernetes])).outputs
        self.publish(
            ClusterOutputs(
                name=control_plane.name,
                endpoint=control_plane.endpoint,
                security_group_id=control_plane.security_group_id,
                oidc_provider_arn=control_plane.oidc_provider_arn,
                oidc_issuer=control_plane.oidc_issuer,
                kubeconfig_command=control_plane.name.apply(
                    lambda cluster: kubeconfig_command(cluster, args.region, args.profile)
                ),
                storage_class=base.storage_class,
                secret_store=base.secret_store,
                external_secrets_role=base.external_secrets_role,
                kubernetes=kubernetes,
                places=node_places(config.groups),
                controllers=controllers,
                running=running,
                certificates=base.certificates,
                ready=(*furnished, *base.ready),
            )
        )

    def _control(self) -> "eks.Cluster":
        config, args = self._config, self._args
        logs = log_group(
            f"{self.name}-logs",
            physical_name=f"/aws/eks/{args.name}/cluster",
            days=config.log_retention_days,
            key_arn=args.keys.logs,
            opts=self.child,
        )
        public = config.endpoint.access == "public"
        credentials = args.profile or args.role_arn
        return eks.Cluster(
            f"{self.name}-control",
            # Through the log group: EKS would make one of its own, unencrypted and kept for ever.
            name=logs.name.apply(lambda _: args.name),
            version=config.version,
            vpc_id=args.network.vpc_id,
            subnet_ids=list(args.network.private_subnet_ids),
            authentication_mode=eks.AuthenticationMode.API,
            endpoint_private_access=True,
            endpoint_public_access=public,
            public_access_cidrs=list(config.endpoint.public_access_cidrs) if public else None,
            enabled_cluster_log_types=list(config.log_types),
            encryption_config_key_arn=args.keys.cluster,
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type=config.support.upper()),
            deletion_protection=config.deletion_protection,
            provider_credential_opts=eks.KubeconfigOptionsArgs(profile_name=args.profile, role_arn=args.role_arn)
            if credentials
            else None,
            # Nodes, their security groups and the add-ons are plain resources beside it.
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_instance_role=False,
            bootstrap_self_managed_addons=False,
            use_default_vpc_cni=True,
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False),
            kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(enabled=False),
            opts=self.child_with(providers=[eks.Provider(f"{self.name}-eks", opts=self.child)], protect=config.protect),
        )

    def _oidc_provider(self, issuer: pulumi.Output[str]) -> pulumi.Output[str]:
        """Makes IAM trust the cluster's service accounts; returns the provider's ARN.

        Not pulumi-eks's own: that one reads a certificate over the network in every preview, and IAM needs none.
        """
        provider = aws.iam.OpenIdConnectProvider(
            f"{self.name}-oidc-provider", url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self.child
        )
        return provider.arn

    def _access(self, cluster_name: pulumi.Output[str]) -> None:
        for principal in self._config.admins:
            scope = aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster")
            self._entry(f"admin-{short_name(principal)}", cluster_name, principal, _ADMIN_POLICY, scope)
        for key, access in self._config.access.items():
            scope = aws.eks.AccessPolicyAssociationAccessScopeArgs(type="namespace", namespaces=list(access.namespaces))
            self._entry(f"access-{key}", cluster_name, access.principal, _POLICIES[access.policy], scope)

    def _entry(
        self,
        role: str,
        cluster_name: pulumi.Output[str],
        principal: str,
        policy: str,
        scope: "aws.eks.AccessPolicyAssociationAccessScopeArgs",
    ) -> None:
        # Beside the control plane and not part of it, so that its protection does not keep people in who left.
        entry = aws.eks.AccessEntry(
            f"{self.name}-{role}", cluster_name=cluster_name, principal_arn=principal, opts=self.child
        )
        aws.eks.AccessPolicyAssociation(
            f"{self.name}-{role}-policy",
            cluster_name=cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{policy}",
            access_scope=scope,
            opts=self.child,
        )

    def _nodes(
        self, cluster_name: pulumi.Output[str], version: pulumi.Output[str], after: tuple[pulumi.Resource, ...]
    ) -> tuple[pulumi.Resource, ...]:
        groups = [
            NodeGroup(
                f"{self.name}-{group}",
                config,
                NodeGroupArgs(
                    group=group,
                    prefix=self._args.name,
                    cluster_name=cluster_name,
                    version=version,
                    subnet_ids=self._args.network.private_subnet_ids,
                    key_arn=self._args.keys.cluster,
                    tags=self._args.tags,
                    session_manager=self._config.session_manager,
                    auto_shutdown=self._config.auto_shutdown,
                    after=(*after, *self._args.network.ways_out),
                ),
                self.child,
            )
            for group, config in self._config.groups.items()
        ]
        return tuple(resource for group in groups for resource in group.outputs.resources)


def with_profile(kubeconfig: str, profile: str | None) -> str:
    """A kubeconfig, as JSON, whose user gets its token with a profile of the AWS CLI; pulumi-eks leaves it out."""
    if not profile:
        return kubeconfig
    config = json.loads(kubeconfig)
    for user in config["users"]:
        user["user"]["exec"]["args"] += ["--profile", profile]
    return json.dumps(config)


def kubeconfig_command(cluster: str, region: str, profile: str | None) -> str:
    """The command by which a person reaches the cluster, with the stack's profile and as who the person is."""
    command = f"aws eks update-kubeconfig --name {cluster} --region {region}"
    return f"{command} --profile {shlex.quote(profile)}" if profile else command
