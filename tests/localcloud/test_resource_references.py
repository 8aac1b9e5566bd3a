"""Resources handed over whole: the engine unwraps them for a provider, and a component gives them back."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pytest

from localcloud.comparison import differences
from localcloud.engine import LocalCloud
from mlops.plan.graph import Graph
from mlops.plan.recorder import record
from tests.plan.programs import PROJECT, STACK, aws_provider, network, trust
from tests.support import only


def program() -> None:
    """Inputs that name a resource get it whole; what follows comes from the one that a component gives back."""
    given = aws_provider()
    # The SDK's types ask for ids; its runtime takes resources.
    vpc: Any
    subnets: Any
    vpc, subnets = network(given)
    bucket: Any = aws.s3.Bucket("lake", opts=given)
    aws.s3.BucketVersioning("versions", bucket=bucket, versioning_configuration={"status": "Enabled"}, opts=given)
    group: Any = aws.ec2.SecurityGroup("database", vpc_id=vpc, opts=given)
    aws.ec2.VpcEndpoint(
        "endpoint",
        vpc_id=vpc,
        service_name="com.amazonaws.us-east-1.kms",
        vpc_endpoint_type="Interface",
        subnet_ids=subnets,
        security_group_ids=[group],
        opts=given,
    )
    control_plane = aws.iam.Role("control-plane", assume_role_policy=trust("eks.amazonaws.com"), opts=given)
    cluster = eks.Cluster(
        "cluster",
        vpc_id=vpc,
        subnet_ids=subnets,
        service_role=control_plane,
        skip_default_node_group=True,
        skip_default_security_groups=True,
        use_default_vpc_cni=True,
        opts=pulumi.ResourceOptions.merge(given, pulumi.ResourceOptions(providers=[eks.Provider("eks")])),
    )
    made: pulumi.Output[aws.eks.Cluster] = pulumi.Output.from_input(cluster.eks_cluster)
    aws.eks.Addon("names", cluster_name=made.name, addon_name="vpc-cni", opts=given)
    pulumi.export("endpoint", made.endpoint)
    pulumi.export("lake", bucket)
    pulumi.export("cluster", cluster.eks_cluster)


def recorded() -> Graph:
    return record(program, project=PROJECT, stack=STACK, config={})


def test_a_provider_gets_the_id_of_a_resource_that_is_handed_over_whole() -> None:
    graph = recorded()
    bucket = only(graph, "aws:s3/bucket:Bucket")
    subnets = [node.id for node in graph.of_type("aws:ec2/subnet:Subnet")]
    assert only(graph, "aws:s3/bucketVersioning:BucketVersioning").inputs["bucket"] == bucket.id
    endpoint = only(graph, "aws:ec2/vpcEndpoint:VpcEndpoint").inputs
    assert endpoint["subnetIds"] == subnets
    assert endpoint["vpcId"] == only(graph, "aws:ec2/vpc:Vpc").id
    assert endpoint["securityGroupIds"] == [only(graph, "aws:ec2/securityGroup:SecurityGroup").id]
    assert only(graph, "aws:eks/cluster:Cluster").inputs["vpcConfig"] == {"subnetIds": subnets}


def test_a_program_reads_on_from_the_resource_that_a_component_gives_back() -> None:
    graph = recorded()
    cluster = only(graph, "aws:eks/cluster:Cluster")
    assert only(graph, "aws:eks/addon:Addon", "names").inputs["clusterName"] == cluster.outputs["name"]
    assert graph.stack_outputs["endpoint"] == cluster.outputs["endpoint"]
    assert cluster.urn in only(graph, "aws:eks/addon:Addon", "names").dependencies


def test_who_gets_a_resource_whole_is_made_after_it_and_deleted_before() -> None:
    graph = recorded()
    subnets = {node.urn for node in graph.of_type("aws:ec2/subnet:Subnet")}
    assert subnets <= set(only(graph, "aws:ec2/vpcEndpoint:VpcEndpoint").dependencies)
    assert subnets <= set(only(graph, "aws:eks/cluster:Cluster").dependencies)


@pytest.mark.engine
def test_the_engine_makes_of_references_what_the_plan_says(rehearsal: Callable[..., LocalCloud]) -> None:
    mine = rehearsal().stack(program, project=PROJECT, stack=STACK, config={})
    assert mine.preview().ok
    up = mine.up()
    assert up.ok, up.failures
    assert set(mine.up().counts) == {"same"}
    assert differences(recorded(), mine.graph()) == []
    assert up.outputs["endpoint"] == recorded().stack_outputs["endpoint"]
    assert mine.destroy().ok
