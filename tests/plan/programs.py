"""Small Pulumi programs for tests of the engines: a flat stack with a cluster and something on it."""

import json
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s

PROJECT = "flat"
STACK = "test"


def trust(service: str) -> str:
    """A policy that lets an AWS service assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def aws_provider(tags: dict[str, str] | None = None) -> pulumi.ResourceOptions:
    """Options with an explicit AWS provider, made on the spot."""
    default_tags = aws.ProviderDefaultTagsArgs(tags=tags or {"Project": PROJECT})
    return pulumi.ResourceOptions(providers=[aws.Provider("aws", region="eu-west-1", default_tags=default_tags)])


class Shelf(pulumi.ComponentResource):
    """A component with a bucket and its versioning."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("test:index:Shelf", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(f"{name}-bucket", opts=child)
        aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=self.bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        self.register_outputs({"bucket": self.bucket.bucket})


def network(opts: pulumi.ResourceOptions, cidr: str = "10.0.0.0/16") -> tuple[aws.ec2.Vpc, list[aws.ec2.Subnet]]:
    """A VPC with two subnets."""
    vpc = aws.ec2.Vpc("network", cidr_block=cidr, opts=opts)
    prefix = cidr.removesuffix(".0.0/16")
    subnets = [
        aws.ec2.Subnet(f"network-{zone}", vpc_id=vpc.id, cidr_block=f"{prefix}.{index}.0/24", opts=opts)
        for index, zone in enumerate(("a", "b"))
    ]
    return vpc, subnets


def flat(shelf: str = "shelf", aliases: list[pulumi.Alias] | None = None) -> Callable[[], None]:
    """A program with 24 resources: network, cluster with a node group, a namespace with objects, a bucket."""

    def program() -> None:
        given = aws_provider()
        vpc, subnets = network(given)
        cluster = eks.Cluster(
            "cluster",
            name="flat",
            vpc_id=vpc.id,
            subnet_ids=[subnet.id for subnet in subnets],
            skip_default_node_group=True,
            skip_default_security_groups=True,
            authentication_mode=eks.AuthenticationMode.API,
            use_default_vpc_cni=True,
            create_oidc_provider=True,
            opts=pulumi.ResourceOptions.merge(given, pulumi.ResourceOptions(providers=[eks.Provider("eks")])),
        )
        name: pulumi.Output[str] = pulumi.Output.from_input(cluster.eks_cluster).apply(lambda made: made.name)
        role = aws.iam.Role("nodes", assume_role_policy=trust("ec2.amazonaws.com"), opts=given)
        nodes = aws.eks.NodeGroup(
            "nodes",
            cluster_name=name,
            node_role_arn=role.arn,
            subnet_ids=[subnet.id for subnet in subnets],
            scaling_config={"desired_size": 1, "min_size": 1, "max_size": 2},
            opts=given,
        )
        kubernetes = k8s.Provider("kubernetes", kubeconfig=cluster.kubeconfig_json, cluster_identifier="flat")
        on_cluster = pulumi.ResourceOptions(provider=kubernetes, depends_on=[nodes])
        namespace = k8s.core.v1.Namespace("apps", metadata={"name": "apps"}, opts=on_cluster)
        inside = pulumi.ResourceOptions(provider=kubernetes, depends_on=[namespace])
        k8s.core.v1.Secret(
            "password",
            metadata={"name": "password", "namespace": "apps"},
            string_data={"password": pulumi.Output.secret("hunter2")},
            opts=inside,
        )
        k8s.core.v1.ConfigMap("settings", metadata={"namespace": "apps"}, data={"level": "info"}, opts=inside)
        shelves = pulumi.ResourceOptions.merge(given, pulumi.ResourceOptions(aliases=aliases))
        made = Shelf(shelf, shelves)
        pulumi.export("bucket", made.bucket.bucket)
        pulumi.export("password", pulumi.Output.secret("hunter2"))

    return program
