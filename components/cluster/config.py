"""What is decided about the cluster: version, who reaches it, who may do what, nodes, limits."""

import re
from datetime import date
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from components.cluster.auto_shutdown import AutoShutdownConfig
from components.cluster.node_config import NodeGroupConfig
from components.kubernetes.placement import SYSTEM_GROUP
from mlops.core import clock, versions
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import LogDays, PrincipalArn, PublicCidr
from mlops.core.fields.kubernetes import GroupName, NamespacePattern, ShortName

LogType = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]
AddonName = Literal[
    "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "aws-ebs-csi-driver", "metrics-server"
]
AddonVersion = Annotated[
    str,
    Form(r"v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+", "the version of an EKS add-on, `v1.20.4-eksbuild.1`", most=40),
]


class EndpointConfig(Config):
    """From where the Kubernetes API can be reached. From inside the VPC always."""

    access: Literal["private", "public"] = "private"
    """private: only from the VPC, so that deployments run there too. public: from `public_access_cidrs` as well."""
    public_access_cidrs: Annotated[tuple[PublicCidr, ...], Unique(most=40)] = ()
    """Blocks that may reach a public endpoint, for example those of the office and of the build machines."""

    @model_validator(mode="after")
    def _public_means_from_somewhere(self) -> "EndpointConfig":
        if self.access == "private" and self.public_access_cidrs:
            raise ValueError(
                'public_access_cidrs is given, but access is "private"; remove the list, or set access to "public"'
            )
        if self.access == "public" and not self.public_access_cidrs:
            raise ValueError(
                'access is "public" and public_access_cidrs is empty; list the blocks that may connect, '
                'for example ["203.0.113.0/24"], or set access to "private"'
            )
        return self

    @property
    def open_to_all(self) -> bool:
        """Whether the whole internet may connect."""
        return any(ip_network(block).prefixlen == 0 for block in self.public_access_cidrs)


class AccessConfig(Config):
    """What one IAM principal may do, in some namespaces."""

    principal: PrincipalArn
    """ARN of the IAM role or user."""
    policy: Literal["edit", "view"]
    """edit: change workloads and read secrets. view: read all but secrets."""
    namespaces: Annotated[tuple[NamespacePattern, ...], Unique(most=100)] = Field(min_length=1)
    """Where it holds; a trailing * stands for the rest of the name (`team-a-*`)."""


class AutoscalerConfig(Config):
    """The Cluster Autoscaler, which adds nodes for pods that find no place and removes idle ones."""

    max_nodes: int = Field(default=50, ge=1, le=1000)
    """Most nodes of all groups together: a runaway workload costs no more than this."""
    idle_minutes: int = Field(default=10, ge=1, le=1440)
    """Minutes for which a node must be of no use before it goes."""


def _null_too(schema: dict[str, Any]) -> None:
    """Null leaves out a group that the tier has."""
    schema["patternProperties"] = {
        key: {"anyOf": [group, {"type": "null"}]} for key, group in schema["patternProperties"].items()
    }


class ClusterConfig(Config):
    """The EKS cluster."""

    version: str = Field(default=versions.EKS_DEFAULT, json_schema_extra={"enum": list(versions.EKS)})
    """Kubernetes minor version. A running cluster goes up one minor version at a time and never down."""
    support: Literal["standard", "extended"] = "standard"
    """standard: AWS upgrades a cluster whose version leaves standard support. extended: it keeps the version for
    another year, at about six times the price of the control plane."""
    endpoint: EndpointConfig = EndpointConfig()
    """From where the Kubernetes API can be reached."""
    log_types: Annotated[tuple[LogType, ...], Unique(most=5)] = ("api", "audit", "authenticator")
    """Control plane logs that go to CloudWatch."""
    log_retention_days: LogDays = 90
    """Days for which they are kept, rounded up to what CloudWatch offers."""
    admins: Annotated[tuple[PrincipalArn, ...], Unique(most=100)] = ()
    """ARNs of IAM roles or users that may do everything. Whoever creates the cluster may already: leave it out."""
    access: dict[ShortName, AccessConfig] = Field(default_factory=dict, max_length=1000)
    """Further principals, by a name of your choice."""
    deletion_protection: bool = True
    """EKS refuses to delete the cluster, whoever asks."""
    protect: bool = True
    """Pulumi refuses to delete the cluster."""
    high_availability: bool = True
    """Two replicas of every controller, and disruption budgets. Needs two system nodes. KServe's controller and the
    Knative operator's two are the exception: their charts have no setting for it, so that each runs once and may be
    moved any time. Models answer meanwhile; none is made or changed."""
    system: NodeGroupConfig = NodeGroupConfig(instance_types=("m7i.large", "m6i.large"), min_size=2, max_size=4)
    """Nodes that run the controllers, and of the rest what asks for no group."""
    node_groups: dict[GroupName, NodeGroupConfig] = Field(
        default_factory=dict, max_length=99, json_schema_extra=_null_too
    )
    """Further groups by name. Models, MLflow and the recommender choose one with `node_group`, other pods with the
    node label `mlops.platform/group`. A tier's group is left out with null."""
    autoscaler: AutoscalerConfig = AutoscalerConfig()
    """Bounds of autoscaling."""
    auto_shutdown: AutoShutdownConfig | None = None
    """Working hours, outside of which there are no nodes; null lets them run day and night."""
    addon_versions: dict[AddonName, AddonVersion] = Field(default_factory=dict)
    """Pinned versions of EKS add-ons (`v1.20.4-eksbuild.1`); one that is not named gets the version that EKS
    recommends for `version` when it is installed, and keeps it."""
    irsa: bool = False
    """Let IAM trust the cluster's service accounts (IAM roles for service accounts), for charts of your own that demand
    the annotation. The platform's own pods have EKS Pod Identity."""
    session_manager: bool = False
    """Let AWS Systems Manager open shells on nodes."""

    @property
    def groups(self) -> dict[str, NodeGroupConfig]:
        """All node groups by name, the system group first."""
        return {SYSTEM_GROUP: self.system, **self.node_groups}

    @property
    def principals(self) -> tuple[str, ...]:
        """Everybody whom the settings give access."""
        return (*self.admins, *(access.principal for access in self.access.values()))

    @property
    def scales(self) -> bool:
        """Whether any group leaves the autoscaler something to do."""
        return any(group.scales for group in self.groups.values())

    @field_validator("version")
    @classmethod
    def _version_is_known(cls, version: str) -> str:
        if version not in versions.EKS:
            raise ValueError(
                f'version is "{version}"; allowed: {", ".join(supported(clock.today(), extended=True))} (catalogue of '
                f"{versions.CATALOGUE_DATE}). Use {versions.newest_in_standard_support(clock.today())}"
            )
        return version

    @field_validator("node_groups", mode="before")
    @classmethod
    def _null_leaves_a_group_out(cls, groups: Any) -> Any:
        if not isinstance(groups, dict):
            return groups
        return {name: group for name, group in groups.items() if group is not None}

    @field_validator("node_groups")
    @classmethod
    def _group_names(cls, groups: dict[str, NodeGroupConfig]) -> dict[str, NodeGroupConfig]:
        for name in groups:
            if name == SYSTEM_GROUP:
                raise ValueError(f'the group "{name}" has its own settings: cluster.{SYSTEM_GROUP}')
        return groups

    @model_validator(mode="after")
    def _version_is_supported(self) -> "ClusterConfig":
        today, release = clock.today(), versions.EKS[self.version]
        allowed = ", ".join(supported(today, extended=self.support == "extended")) or (
            f"none that this release of the platform knows (catalogue of {versions.CATALOGUE_DATE}): use a newer one"
        )
        if release.extended_until < today:
            raise ValueError(
                f"version {self.version} left extended support on {release.extended_until}; AWS creates no such "
                f"cluster and upgrades those that exist. Allowed: {allowed}. Go up one minor version at a time"
            )
        if self.support == "standard" and release.standard_until < today:
            raise ValueError(
                f"version {self.version} left standard support on {release.standard_until}. Allowed: {allowed}. "
                'Upgrade one minor version at a time, or set support to "extended" (until '
                f"{release.extended_until}, at about six times the price of the control plane)"
            )
        return self

    @model_validator(mode="after")
    def _protected_twice_or_not_at_all(self) -> "ClusterConfig":
        if self.deletion_protection and not self.protect:
            raise ValueError(
                "deletion_protection is true and protect is false: a destroy would delete all that runs on the cluster "
                "and only then be refused by EKS; set both or neither"
            )
        return self

    @model_validator(mode="after")
    def _one_entry_a_principal(self) -> "ClusterConfig":
        principals = self.principals
        if twice := [arn for index, arn in enumerate(principals) if arn in principals[:index]]:
            raise ValueError(
                f"{twice[0]} is named twice in admins and access; EKS keeps one entry for each principal. Keep one"
            )
        names = [short_name(arn) for arn in self.admins]
        if alike := [arn for arn in self.admins if names.count(short_name(arn)) > 1]:
            raise ValueError(
                f"{' and '.join(alike)} differ by punctuation alone, and their entries are named after them; "
                "move one of them to access, under a name of its own"
            )
        return self

    @model_validator(mode="after")
    def _open_only_for_play(self) -> "ClusterConfig":
        if self.endpoint.open_to_all and self.deletion_protection:
            raise ValueError(
                "endpoint.public_access_cidrs lets the whole internet connect to a cluster with deletion_protection; "
                "list the blocks that need it. Only a cluster that may be deleted any time can be open to all"
            )
        return self

    @model_validator(mode="after")
    def _system_group_carries_the_controllers(self) -> "ClusterConfig":
        if self.system.gpu or self.system.taints:
            raise ValueError(
                "system has taints or GPUs, and the controllers would find no node; "
                "put those into a group of node_groups"
            )
        fewest = 2 if self.high_availability else 1
        if sum(sizes.min for sizes in self.system.sizes.values()) < fewest:
            raise ValueError(
                f"system.min_size is {self.system.min_size}; the controllers need {fewest}"
                + (", one for each replica: raise it, or set high_availability to false" if fewest > 1 else "")
            )
        return self

    @model_validator(mode="after")
    def _groups_fit_the_limit(self) -> "ClusterConfig":
        fewest = sum(sizes.min for group in self.groups.values() for sizes in group.sizes.values())
        if fewest > self.autoscaler.max_nodes:
            raise ValueError(
                f"the groups' smallest sizes add up to {fewest} nodes and autoscaler.max_nodes is "
                f"{self.autoscaler.max_nodes}; raise it, or lower min_size"
            )
        return self


def short_name(principal: str) -> str:
    """A resource name for a principal, `123456789012-role-admin`."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", principal.partition("iam::")[2])


def supported(today: date, *, extended: bool) -> tuple[str, ...]:
    """Versions of the catalogue that EKS supports on a day, newest first."""
    return tuple(
        version
        for version, release in versions.EKS.items()
        if (release.extended_until if extended else release.standard_until) >= today
    )
