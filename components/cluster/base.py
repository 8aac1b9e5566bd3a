"""The base of everything that runs on the cluster: certificates, secrets, load balancers, volumes, more nodes.

All of it acts on AWS from inside the cluster or answers the API server's webhooks, so the order matters twice: it
stands before the first workload, and outlives the last, which is how load balancers and volumes go with a destroy.
"""

from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import INTERNAL, Component
from components.base.control_plane import ControlPlane
from components.base.identity import Grant, Identity
from components.cluster import charts
from components.cluster.addons import bind, role_name
from components.cluster.config import ClusterConfig
from components.cluster.policies import manage_load_balancers, scale_node_groups
from components.kubernetes.objects import SECRETS_ALLOWED, name_of, namespace, release
from components.kubernetes.placement import Controllers
from mlops.core import versions

STORAGE_CLASS = "gp3"
SECRET_STORE = "aws-secrets-manager"
_SYSTEM = "kube-system"


@dataclass(frozen=True, kw_only=True)
class ClusterBaseArgs:
    """The cluster as it stands: control plane, nodes and names."""

    control_plane: ControlPlane
    cluster: str
    """Physical name of the cluster, known beforehand."""
    vpc_id: pulumi.Output[str]
    region: str
    key_arn: pulumi.Output[str]
    """Encrypts volumes."""
    tags: dict[str, str]
    controllers: Controllers
    running: tuple[pulumi.Resource, ...]
    """Nodes and names, which controllers run on, and which have to outlive them."""


@dataclass(frozen=True, kw_only=True)
class ClusterBaseOutputs:
    """What modules name."""

    storage_class: str
    secret_store: str
    external_secrets_role: pulumi.Output[str]
    """IAM role name."""
    certificates: pulumi.Resource = field(metadata=INTERNAL)
    """cert-manager."""
    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)


class ClusterBase(Component[ClusterBaseOutputs]):
    """Storage class, cert-manager, External Secrets with its store, load balancer controller, autoscaler."""

    token = "mlops:index:ClusterBase"

    def __init__(
        self, name: str, config: ClusterConfig, args: ClusterBaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self._place = charts.Place(
            cluster=args.control_plane.name,
            region=args.region,
            vpc_id=args.vpc_id,
            tags=args.tags,
            controllers=args.controllers,
        )
        self._running = self.child_with(depends_on=list(args.running))
        storage_class = self._storage_class()
        certificates = self._cert_manager()
        role, store = self._external_secrets()
        balancers = self._load_balancer_controller()
        # Nobody waits for these two: pods stay Pending until more nodes or their devices are there.
        self._autoscaler()
        self._device_plugin()
        self.publish(
            ClusterBaseOutputs(
                storage_class=STORAGE_CLASS,
                secret_store=SECRET_STORE,
                external_secrets_role=role,
                certificates=certificates,
                ready=(storage_class, certificates, store, balancers),
            )
        )

    def _storage_class(self) -> "k8s.storage.v1.StorageClass":
        return k8s.storage.v1.StorageClass(
            f"{self.name}-storage-class",
            metadata={
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": self._args.key_arn},
            # The zone of a volume is that of its pod: one made earlier may lie where no node is.
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            opts=self.child,
        )

    def _cert_manager(self) -> "k8s.helm.v3.Release":
        space = self._namespace("cert-manager")
        return self._release("cert-manager", versions.CERT_MANAGER, space, charts.cert_manager(self._place))

    def _external_secrets(self) -> "tuple[pulumi.Output[str], k8s.apiextensions.CustomResource]":
        space = self._namespace("external-secrets")
        # It may do nothing by itself: whoever brings a secret adds the right to read that one.
        identity = self._identity("external-secrets", namespace=space, grants=())
        values = charts.external_secrets(self._place, identity.outputs.service_account)
        operator = self._release("external-secrets", versions.EXTERNAL_SECRETS, space, values)
        store = k8s.apiextensions.CustomResource(
            f"{self.name}-secret-store",
            api_version="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata={"name": SECRET_STORE},
            spec=secret_store(self._args.region),
            opts=self.child_with(depends_on=[operator]),
        )
        return role_name(identity), store

    def _load_balancer_controller(self) -> "k8s.helm.v3.Release":
        grant = manage_load_balancers(self._args.cluster, self._args.region)
        identity = self._identity("aws-load-balancer-controller", namespace=_SYSTEM, grants=(grant,))
        values = charts.load_balancer_controller(self._place, identity.outputs.service_account)
        return self._release("load-balancer-controller", versions.AWS_LOAD_BALANCER_CONTROLLER, _SYSTEM, values)

    def _autoscaler(self) -> None:
        if not self._config.scales:
            return
        grant = scale_node_groups(self._args.cluster, self._args.region)
        identity = self._identity("cluster-autoscaler", namespace=_SYSTEM, grants=(grant,))
        values = charts.cluster_autoscaler(
            self._place, self._config.autoscaler, self._config.version, identity.outputs.service_account
        )
        self._release("cluster-autoscaler", versions.CLUSTER_AUTOSCALER, _SYSTEM, values)

    def _device_plugin(self) -> None:
        if any(group.gpu and group.os == "al2023" for group in self._config.groups.values()):
            self._release("nvidia-device-plugin", versions.NVIDIA_DEVICE_PLUGIN, _SYSTEM, charts.nvidia_device_plugin())

    def _identity(self, account: str, *, namespace: pulumi.Input[str], grants: tuple[Grant, ...]) -> Identity:
        return bind(f"{self.name}-{account}", self._args.control_plane, namespace, account, grants, opts=self.child)

    def _namespace(self, name: str) -> pulumi.Output[str]:
        made = namespace(f"{self.name}-{name}-namespace", name, security="restricted", labels={}, opts=self.child)
        return name_of(made)

    def _release(
        self, role: str, chart: versions.Chart, space: pulumi.Input[str], values: dict[str, object]
    ) -> "k8s.helm.v3.Release":
        return release(
            f"{self.name}-{role}", chart, namespace=space, release_name=chart.name, values=values, opts=self._running
        )


def secret_store(region: str) -> dict[str, object]:
    """Spec of the store: AWS Secrets Manager, with the operator's own identity, for labelled namespaces only."""
    return {
        "provider": {"aws": {"service": "SecretsManager", "region": region}},
        "conditions": [{"namespaceSelector": {"matchLabels": SECRETS_ALLOWED}}],
    }
