"""Machines of a compute environment on EC2: who they are and what they start from. They come with jobs and go with
them, and nobody reaches them."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.cluster.node_groups import NODE_TRUST

_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
_DISK, _DEVICE = 50, "/dev/xvda"
"""GB of the root disk, and its name in Amazon Linux 2023."""


def instance_profile(name: str, prefix: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """ARN of the machines' profile, known once its role may register them with ECS."""
    role = aws.iam.Role(
        f"{name}-machines-role",
        description=f"Machines of batch jobs, {prefix}",
        assume_role_policy=json.dumps(NODE_TRUST),
        opts=opts,
    )
    policy = aws.iam.RolePolicyAttachment(f"{name}-machines-policy", role=role.name, policy_arn=_POLICY, opts=opts)
    allowed = pulumi.Output.all(role.name, policy.id).apply(lambda values: str(values[0]))
    return aws.iam.InstanceProfile(f"{name}-machines", role=allowed, opts=opts).arn


def launch_template(
    name: str, *, label: str, key_arn: pulumi.Output[str], tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> "aws.ec2.LaunchTemplate":
    """Encrypted disks, and credentials that only the machine itself can ask for."""
    own = {**tags, "Name": label}
    return aws.ec2.LaunchTemplate(
        f"{name}-machines-template",
        update_default_version=True,
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3",
                    volume_size=_DISK,
                    encrypted="true",
                    kms_key_id=key_arn,
                    delete_on_termination="true",
                ),
            )
        ],
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=resource_type, tags=own)
            for resource_type in ("instance", "volume")
        ],
        opts=opts,
    )
