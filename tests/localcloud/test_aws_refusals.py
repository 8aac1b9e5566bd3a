"""What the stand-in for AWS refuses, because AWS does."""

from typing import Any

import pytest

from localcloud.provider import RefusedError
from localcloud.rules.aws import refused_inputs
from localcloud.world import Thing
from tests.localcloud.clouds import Cloud


def test_a_subnet_of_a_vpc_that_does_not_exist(cloud: Cloud) -> None:
    with pytest.raises(RefusedError, match=r"InvalidVpcID.NotFound: The Vpc 'vpc-1' does not exist, which vpcId of"):
        cloud.aws("aws:ec2/subnet:Subnet", "a", vpcId="vpc-1", cidrBlock="10.0.0.0/24")


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:ec2/routeTableAssociation:RouteTableAssociation", {"routeTableId": "rtb-1"}),
        ("aws:ec2/natGateway:NatGateway", {"subnetId": "subnet-1"}),
        ("aws:ec2/natGateway:NatGateway", {"allocationId": "eipalloc-1"}),
        ("aws:ec2/route:Route", {"natGatewayId": "nat-1"}),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"securityGroupId": "sg-1"}),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"referencedSecurityGroupId": "sg-1"}),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": "nobody", "policyArn": "x"}),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "nowhere", "policy": "{}"}),
        ("aws:s3/bucketLogging:BucketLogging", {"bucket": "nowhere", "targetBucket": "logs"}),
        ("aws:kms/alias:Alias", {"name": "alias/data", "targetKeyId": "no-key"}),
        ("aws:rds/instance:Instance", {"identifier": "db", "dbSubnetGroupName": "none"}),
        ("aws:rds/instance:Instance", {"identifier": "db", "kmsKeyId": "arn:aws:kms:eu-west-1:000000000000:key/1"}),
        ("aws:msk/cluster:Cluster", {"clusterName": "k", "brokerNodeGroupInfo": {"clientSubnets": ["subnet-1"]}}),
        ("aws:eks/addon:Addon", {"clusterName": "none", "addonName": "vpc-cni"}),
        ("aws:eks/podIdentityAssociation:PodIdentityAssociation", {"clusterName": "none", "roleArn": "r"}),
        ("aws:eks/nodeGroup:NodeGroup", {"launchTemplate": {"id": "lt-1", "version": "1"}}),
        ("aws:secretsmanager/secretVersion:SecretVersion", {"secretId": "arn:of:nothing"}),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", {"repository": "none", "policy": "{}"}),
        ("aws:lambda/function:Function", {"name": "f", "role": "arn:aws:iam::000000000000:role/none"}),
        ("aws:sagemaker/endpoint:Endpoint", {"name": "e", "endpointConfigName": "none"}),
    ],
)
def test_a_reference_to_what_does_not_exist(cloud: Cloud, type_: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"does not exist, which .* names"):
        cloud.aws(type_, "one", **inputs)


def test_a_change_to_a_reference_that_does_not_exist(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    nodes = cloud.nodes(cluster)
    with pytest.raises(RefusedError, match=r"InvalidSubnetID.NotFound"):
        cloud.change(nodes, subnetIds=["subnet-of-nobody"])


def test_what_aws_itself_or_another_account_owns_needs_not_exist_here(cloud: Cloud) -> None:
    role = cloud.role("nodes", "ec2.amazonaws.com")
    cloud.aws(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "worker",
        role=role.outputs["name"],
        policyArn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    )
    cloud.aws("aws:sns/topic:Topic", "alarms", kmsMasterKeyId="alias/aws/sns")
    cloud.aws("aws:sns/topic:Topic", "far", kmsMasterKeyId="arn:aws:kms:eu-west-1:111111111111:key/1")


def test_what_is_known_to_exist_without_pulumi_may_be_referred_to(tmp_path: Any) -> None:
    adopting = Cloud(tmp_path, existing=("vpc-adopted",))
    assert adopting.aws("aws:ec2/subnet:Subnet", "a", vpcId="vpc-adopted", cidrBlock="10.0.0.0/24").id


def test_what_aws_makes_along_with_something_may_be_referred_to(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    group = cluster.outputs["vpcConfig"]["clusterSecurityGroupId"]
    cloud.aws("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "in", securityGroupId=group)
    key = cloud.aws("aws:kms/key:Key", "data")
    database = cloud.aws(
        "aws:rds/instance:Instance",
        "db",
        identifier="db",
        engine="postgres",
        instanceClass="db.t4g.micro",
        kmsKeyId=key.outputs["arn"],
        manageMasterUserPassword=True,
    )
    secret = database.outputs["masterUserSecrets"][0]["secretArn"]
    cloud.aws("aws:secretsmanager/secretPolicy:SecretPolicy", "master", secretArn=secret)


def test_a_subnet_outside_its_vpc(cloud: Cloud) -> None:
    with pytest.raises(
        RefusedError, match=r"InvalidSubnet.Range: The CIDR '10.1.0.0/24' .* outside its VPC's 10.0.0.0/16"
    ):
        cloud.subnet(cloud.vpc(), cidr="10.1.0.0/24")


def test_a_subnet_over_its_sibling_but_not_over_one_of_another_vpc(cloud: Cloud) -> None:
    vpc = cloud.vpc()
    cloud.subnet(vpc, "a", "10.0.0.0/20")
    cloud.subnet(cloud.vpc("other"), "far", "10.0.0.0/20")
    with pytest.raises(RefusedError, match=r'InvalidSubnet.Conflict: .* Subnet "b" conflicts with Subnet "a"'):
        cloud.subnet(vpc, "b", "10.0.1.0/24")


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:s3/bucket:Bucket", {"bucket": "lake"}),
        ("aws:iam/role:Role", {"name": "lake"}),
        ("aws:ecr/repository:Repository", {"name": "lake"}),
        ("aws:cloudwatch/logGroup:LogGroup", {"name": "/aws/lake"}),
        ("aws:kms/alias:Alias", {"name": "alias/lake"}),
        ("aws:kinesis/stream:Stream", {"name": "lake"}),
        ("aws:rds/instance:Instance", {"identifier": "lake", "engine": "postgres"}),
        ("aws:msk/cluster:Cluster", {"clusterName": "lake"}),
        ("aws:secretsmanager/secret:Secret", {"name": "lake"}),
        ("aws:s3/bucketVersioning:BucketVersioning", {}),
    ],
)
def test_a_physical_name_that_is_taken(cloud: Cloud, type_: str, inputs: dict[str, Any]) -> None:
    if "bucketVersioning" in type_:
        inputs = {"bucket": cloud.aws("aws:s3/bucket:Bucket", "lake").id}
    cloud.aws(type_, "first", **inputs)
    with pytest.raises(RefusedError, match="AlreadyExistsException"):
        cloud.aws(type_, "second", **inputs)


def test_a_second_pod_identity_of_one_service_account(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    role = cloud.role("reader", "pods.eks.amazonaws.com")
    identity = {"clusterName": cluster.id, "namespace": "apps", "serviceAccount": "web", "roleArn": role.outputs["arn"]}
    cloud.aws("aws:eks/podIdentityAssociation:PodIdentityAssociation", "first", **identity)
    with pytest.raises(RefusedError, match='already exists: PodIdentityAssociation "first"'):
        cloud.aws("aws:eks/podIdentityAssociation:PodIdentityAssociation", "second", **identity)


def test_a_generated_name_is_free_for_the_one_that_replaces_the_old(cloud: Cloud) -> None:
    old = cloud.aws("aws:s3/bucket:Bucket", "lake")
    new = cloud.aws("aws:s3/bucket:Bucket", "lake")
    assert new.id != old.id
    cloud.delete(old)
    assert cloud.world.get(new.type, new.id, new.provider) == new


@pytest.mark.parametrize(
    ("type_", "property_", "name"),
    [
        ("aws:s3/bucket:Bucket", "bucket", "a" * 64),
        ("aws:s3/bucket:Bucket", "bucket", "Lake"),
        ("aws:s3/bucket:Bucket", "bucket", "la"),
        ("aws:iam/role:Role", "name", "a" * 65),
        ("aws:eks/cluster:Cluster", "name", "a" * 101),
        ("aws:rds/instance:Instance", "identifier", "1-digit-first"),
        ("aws:rds/instance:Instance", "identifier", "a" * 64),
        ("aws:msk/cluster:Cluster", "clusterName", "a" * 65),
        ("aws:msk/cluster:Cluster", "clusterName", "under_score"),
        ("aws:ecr/repository:Repository", "name", "Upper/case"),
        ("aws:kms/alias:Alias", "name", "no-prefix"),
        ("aws:kms/alias:Alias", "name", "alias/aws/mine"),
        ("aws:lb/targetGroup:TargetGroup", "name", "a" * 33),
        ("aws:kinesis/stream:Stream", "name", "with space"),
    ],
)
def test_a_name_that_the_service_does_not_take(type_: str, property_: str, name: str) -> None:
    refused = refused_inputs(Thing(type=type_, id="", urn="", name="x", inputs={property_: name}))
    assert name in refused[property_]


def test_a_name_that_is_only_known_later_is_not_judged_early() -> None:
    for name in ("[unknown]", "[secret]"):
        assert not refused_inputs(Thing(type="aws:s3/bucket:Bucket", id="", urn="", name="x", inputs={"bucket": name}))


def test_a_role_that_does_not_trust_the_service_that_gets_it(cloud: Cloud) -> None:
    subnet = cloud.subnet(cloud.vpc())
    role = cloud.role("wrong", "ec2.amazonaws.com")
    with pytest.raises(RefusedError, match=r"trust policy of role 'wrong' does not let eks.amazonaws.com assume it"):
        cloud.aws(
            "aws:eks/cluster:Cluster",
            "cluster",
            name="cluster",
            roleArn=role.outputs["arn"],
            vpcConfig={"subnetIds": [subnet.id]},
        )


def test_an_add_on_with_pods_on_a_cluster_without_nodes(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    cloud.aws("aws:eks/addon:Addon", "cni", clusterName=cluster.id, addonName="vpc-cni")
    with pytest.raises(RefusedError, match="add-on coredns of cluster cluster: InsufficientNumberOfReplicas"):
        cloud.aws("aws:eks/addon:Addon", "dns", clusterName=cluster.id, addonName="coredns")
    cloud.nodes(cluster)
    cloud.aws("aws:eks/addon:Addon", "dns", clusterName=cluster.id, addonName="coredns")


def test_deleting_a_vpc_with_a_subnet_in_it(cloud: Cloud) -> None:
    vpc = cloud.vpc()
    subnet = cloud.subnet(vpc)
    with pytest.raises(RefusedError, match=r'DependencyViolation: Vpc "network" .* still in use by Subnet "a"'):
        cloud.delete(vpc)
    cloud.delete(subnet)
    cloud.delete(vpc)
    assert len(cloud.world) == 0


def test_deleting_a_subnet_with_a_node_group_in_it(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    nodes = cloud.nodes(cluster)
    (subnet,) = cloud.world.of_type("aws:ec2/subnet:Subnet")
    with pytest.raises(RefusedError, match=r'still in use by (Cluster "cluster"|NodeGroup "nodes")'):
        cloud.delete(subnet)
    cloud.delete(nodes)
    cloud.delete(cluster)
    cloud.delete(subnet)


def test_deleting_a_security_group_that_a_rule_of_another_names(cloud: Cloud) -> None:
    vpc = cloud.vpc()
    brokers = cloud.aws("aws:ec2/securityGroup:SecurityGroup", "brokers", vpcId=vpc.id)
    apps = cloud.aws("aws:ec2/securityGroup:SecurityGroup", "apps", vpcId=vpc.id)
    cloud.aws(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "from-apps",
        securityGroupId=brokers.id,
        referencedSecurityGroupId=apps.id,
    )
    with pytest.raises(RefusedError, match="still in use by SecurityGroupIngressRule"):
        cloud.delete(apps)


def test_deleting_a_role_with_an_attached_policy_but_not_one_that_a_cluster_uses(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    (role,) = cloud.world.of_type("aws:iam/role:Role")
    attachment = cloud.aws(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "policy",
        role=role.id,
        policyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
    )
    with pytest.raises(RefusedError, match="still in use by RolePolicyAttachment"):
        cloud.delete(role)
    cloud.delete(attachment)
    cloud.delete(role)
    assert cluster in cloud.world


def test_deleting_a_cluster_with_a_node_group(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    nodes = cloud.nodes(cluster)
    with pytest.raises(RefusedError, match=r'Cluster "cluster" .* still in use by NodeGroup "nodes"'):
        cloud.delete(cluster)
    cloud.delete(nodes)
    cloud.delete(cluster)


def test_deleting_a_cluster_would_leave_the_load_balancer_of_a_service(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    service = cloud.object("core/v1:Service", "web", metadata={"name": "web"}, spec={"type": "LoadBalancer"})
    with pytest.raises(RefusedError, match=r'Service "web" still runs .* owns a load balancer or volume'):
        cloud.delete(cluster)
    cloud.delete(service)
    cloud.delete(cluster)


def test_deleting_a_protected_cluster_or_database(cloud: Cloud) -> None:
    cluster = cloud.cluster(deletionProtection=True)
    database = cloud.aws("aws:rds/instance:Instance", "db", engine="postgres", deletionProtection=True)
    for thing in (cluster, database):
        with pytest.raises(RefusedError, match="Cannot delete"):
            cloud.delete(thing)
    cloud.delete(cloud.change(cluster, deletionProtection=False))


def test_deleting_a_database_needs_a_word_about_the_last_snapshot(cloud: Cloud) -> None:
    database = cloud.aws("aws:rds/instance:Instance", "db", engine="postgres")
    with pytest.raises(RefusedError, match='finalSnapshotIdentifier is required to delete Instance "db"'):
        cloud.delete(database)
    cloud.delete(cloud.change(database, finalSnapshotIdentifier="db-last"))
    other = cloud.aws("aws:rds/instance:Instance", "throwaway", engine="postgres", skipFinalSnapshot=True)
    cloud.delete(other)


def test_deleting_what_is_gone_already_is_fine(cloud: Cloud) -> None:
    vpc = cloud.vpc()
    cloud.delete(vpc)
    cloud.delete(vpc)


def test_changing_what_is_gone_is_refused(cloud: Cloud) -> None:
    vpc = cloud.vpc()
    cloud.delete(vpc)
    with pytest.raises(RefusedError, match="does not exist any more"):
        cloud.change(vpc, tags={"Name": "network"})


def test_the_same_names_in_two_regions_do_not_meet(cloud: Cloud) -> None:
    here = cloud.aws("aws:ecr/repository:Repository", "images", name="images")
    far = cloud._aws.make(
        "urn:pulumi:test::test::aws:ecr/repository:Repository::far", {"name": "images"}, {"region": "us-east-1"}
    )
    assert here.id == far.id
    assert here.outputs["arn"] != far.outputs["arn"]
