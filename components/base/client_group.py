"""The security group of a workload outside the cluster: out to AWS and where its grants lead, in from who asks it."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base.identity import Grant
from components.base.security_group import way_out


def client_group(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    label: str,
    grants: Sequence[Grant],
    opts: pulumi.ResourceOptions,
) -> "aws.ec2.SecurityGroup":
    """A group that reaches AWS APIs and what the grants lead to, and is let in there where that goes by groups.

    Args:
        label: its Name tag.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-security-group",
        vpc_id=vpc_id,
        description=f"{label} of the MLOps platform",
        tags={"Name": label},
        opts=opts,
    )
    way_out(f"{name}-to-aws", group, description="AWS APIs", opts=opts)
    seen: set[tuple[str, int]] = set()
    for grant in grants:
        for way in grant.egress:
            word = grant.resource.replace("_", "-").replace("/", "-")
            for port in way.ports:
                if (word, port) in seen:
                    continue
                seen.add((word, port))
                for index, block in enumerate(way.cidrs):
                    rule = f"{name}-to-{word}-{port}-{index}"
                    way_out(rule, group, block=block, port=port, description=grant.resource, opts=opts)
                if way.group is not None:
                    aws.vpc.SecurityGroupIngressRule(
                        f"{name}-into-{word}-{port}",
                        security_group_id=way.group,
                        referenced_security_group_id=group.id,
                        ip_protocol="tcp",
                        from_port=port,
                        to_port=port,
                        description=label,
                        opts=opts,
                    )
    return group


def open_within(name: str, group: "aws.ec2.SecurityGroup", *, protocol: str, opts: pulumi.ResourceOptions) -> None:
    """Members of a group reach one another.

    Args:
        protocol: `tcp` for all ports above the privileged ones, or `-1` for whatever there is, as EFA wants it.
    """
    everything = protocol == "-1"
    for word, rule in (("from", aws.vpc.SecurityGroupIngressRule), ("to", aws.vpc.SecurityGroupEgressRule)):
        rule(
            f"{name}-{word}-members",
            security_group_id=group.id,
            referenced_security_group_id=group.id,
            ip_protocol=protocol,
            from_port=None if everything else 1024,
            to_port=None if everything else 65_535,
            description="Members among themselves",
            opts=opts,
        )
