"""A security group that lets in who is named, on the ports that are named, and nobody else."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

MOST_CLIENTS = 15
"""Groups that the settings of one part may let in: with up to three port ranges each, and the cluster's own, they stay
below the 60 rules that a security group holds. Source: Amazon VPC quotas."""


def security_group(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    label: str,
    description: str,
    clients: Mapping[str, pulumi.Input[str]],
    ports: Sequence[tuple[int, int]],
    opts: pulumi.ResourceOptions,
) -> "aws.ec2.SecurityGroup":
    """A group with one rule a client and port range, and no way out.

    Args:
        label: its Name tag.
        clients: security group IDs by the word that names the client's rules, `cluster` for example.
        ports: first and last TCP port of each range.

    Without an egress rule AWS's default of all is dropped: what only answers needs none.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-security-group", vpc_id=vpc_id, description=description, tags={"Name": label}, opts=opts
    )
    for client, group_id in clients.items():
        for first, last in ports:
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-from-{client}-{first}",
                security_group_id=group.id,
                referenced_security_group_id=group_id,
                ip_protocol="tcp",
                from_port=first,
                to_port=last,
                description=description,
                opts=opts,
            )
    return group


def way_out(
    name: str,
    group: "aws.ec2.SecurityGroup",
    *,
    block: pulumi.Input[str] = "0.0.0.0/0",
    port: int = 443,
    description: str = "APIs of AWS",
    opts: pulumi.ResourceOptions,
) -> None:
    """Let members of a group out to addresses on one TCP port: to AWS, along the network's own routes, unless told
    otherwise."""
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        cidr_ipv4=block,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )


def clients_of(cluster: pulumi.Output[str] | None, further: Sequence[str]) -> dict[str, pulumi.Input[str]]:
    """The cluster's security group where there is one, and those that the settings name."""
    clients: dict[str, pulumi.Input[str]] = {group_id: group_id for group_id in further}
    if cluster is not None:
        clients["cluster"] = cluster
    return clients
