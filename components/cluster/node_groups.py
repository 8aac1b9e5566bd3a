"""Node groups: machines of one kind for the cluster, hardened the same way whatever they are for.

A managed node group has one capacity type, so that a group that mixes on-demand and spot becomes two.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base.component import INTERNAL, Component
from components.base.service_role import trusted_role
from components.cluster.auto_shutdown import AutoShutdownConfig, auto_shutdown
from components.cluster.node_config import (
    Capacity,
    NodeGroupConfig,
    Sizes,
    disks,
    labels,
    node_template_tags,
    tag_name,
    taints,
)

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
_SESSION_MANAGER_POLICY = "AmazonSSMManagedInstanceCore"


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """The cluster that the nodes join."""

    group: str
    """Name of the group in the settings."""
    prefix: str
    """Start of the instances' Name tags: the cluster's physical name."""
    cluster_name: pulumi.Output[str]
    version: pulumi.Output[str]
    """Kubernetes version of the control plane; nodes follow it."""
    subnet_ids: tuple[pulumi.Output[str], ...]
    key_arn: pulumi.Output[str]
    """Encrypts the disks."""
    tags: dict[str, str]
    """For instances, disks and network interfaces, which the provider's default tags do not reach."""
    session_manager: bool
    auto_shutdown: AutoShutdownConfig | None
    after: tuple[pulumi.Resource, ...]
    """What has to run on a node for it to become ready: network, proxy, credentials."""


@dataclass(frozen=True, kw_only=True)
class NodeGroupOutputs:
    """The group's managed node groups by capacity type."""

    names: Mapping[Capacity, pulumi.Output[str]]
    role_arn: pulumi.Output[str]
    resources: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)
    """The node groups themselves, to wait for."""


class NodeGroup(Component[NodeGroupOutputs]):
    """Machines of one kind: their role, their launch template, and a managed node group a capacity type."""

    token = "mlops:index:NodeGroup"

    def __init__(
        self,
        name: str,
        config: NodeGroupConfig,
        args: NodeGroupArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self._role_arn = self._role()
        self._template = self._launch_template()
        groups: dict[Capacity, aws.eks.NodeGroup] = {
            capacity: self._group(capacity, sizes) for capacity, sizes in config.sizes.items()
        }
        self.publish(
            NodeGroupOutputs(
                names={capacity: group.node_group_name for capacity, group in groups.items()},
                role_arn=self._role_arn,
                resources=tuple(groups.values()),
            )
        )

    def _role(self) -> pulumi.Output[str]:
        # A node that comes up before its rights cannot register, and the group fails after twenty minutes.
        policies = node_policies(session_manager=self._args.session_manager)
        return trusted_role(
            self.name,
            description=f"Nodes of {self._args.prefix}, group {self._args.group}",
            trust=json.dumps(NODE_TRUST),
            managed={policy: f"arn:aws:iam::aws:policy/{policy}" for policy in policies},
            opts=self.child,
        )

    def _launch_template(self) -> "aws.ec2.LaunchTemplate":
        tags = {**self._args.tags, "Name": f"{self._args.prefix}-{self._args.group}"}
        return aws.ec2.LaunchTemplate(
            f"{self.name}-template",
            update_default_version=True,
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=device,
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=gigabytes,
                        encrypted="true",
                        kms_key_id=self._args.key_arn,
                        delete_on_termination="true",
                    ),
                )
                for device, gigabytes in disks(self._config).items()
            ],
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                # One hop ends at the node: a pod reaches neither the metadata service nor the node's role.
                http_put_response_hop_limit=1,
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=resource_type, tags=tags)
                for resource_type in ("instance", "volume", "network-interface")
            ],
            opts=self.child,
        )

    def _group(self, capacity: Capacity, sizes: Sizes) -> "aws.eks.NodeGroup":
        config, args = self._config, self._args
        # No name: a replacement is made before the old group goes, and two groups cannot share one.
        group = aws.eks.NodeGroup(
            f"{self.name}-{capacity}",
            cluster_name=args.cluster_name,
            version=args.version,
            node_role_arn=self._role_arn,
            subnet_ids=list(args.subnet_ids),
            ami_type=config.ami_type,
            instance_types=list(config.instance_types),
            capacity_type=capacity.upper().replace("-", "_"),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=sizes.min, desired_size=sizes.desired, max_size=sizes.max
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable_percentage=33),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=self._template.id,
                version=self._template.latest_version.apply(lambda version: str(int(version))),
            ),
            labels=labels(config, args.group),
            taints=[
                aws.eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=_EFFECTS[taint.effect])
                for taint in taints(config)
            ],
            opts=self.child_with(
                depends_on=list(args.after),
                # The autoscaler moves it all day; resetting it would take nodes from under their pods.
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )
        if sizes.min == 0:
            self._announce(capacity, group)
        if args.auto_shutdown:
            auto_shutdown(f"{self.name}-{capacity}", args.auto_shutdown, group, sizes, self.child)
        return group

    def _announce(self, capacity: Capacity, group: "aws.eks.NodeGroup") -> None:
        """Tell the autoscaler what a node of an empty group would be like; it has none to look at."""
        for key, value in node_template_tags(self._config, self._args.group).items():
            aws.autoscaling.Tag(
                f"{self.name}-{capacity}-{tag_name(key)}",
                autoscaling_group_name=group.resources.apply(
                    lambda resources: str(resources[0].autoscaling_groups[0].name)  # type: ignore[index]
                ),
                tag=aws.autoscaling.TagTagArgs(key=key, value=value, propagate_at_launch=False),
                opts=self.child,
            )


def node_policies(*, session_manager: bool) -> tuple[str, ...]:
    """AWS managed policies of a node's role."""
    return (*_NODE_POLICIES, _SESSION_MANAGER_POLICY) if session_manager else _NODE_POLICIES


NODE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
