"""The access matrix, from graphs small enough to see through."""

import json
from typing import Any

from mlops.plan.access import Principal, rights
from mlops.plan.graph import Graph, Node

BUCKET_ARN = "arn:aws:s3:::artifacts-1"
ROLE_ARN = "arn:aws:iam::000000000000:role/tracker-1"


def node(type_: str, name: str, id_: str = "", **inputs: Any) -> Node:
    outputs = inputs.pop("outputs", {})
    return Node(urn=f"urn:pulumi:t::p::{type_}::{name}", type=type_, name=name, id=id_, inputs=inputs, outputs=outputs)


def graph(*nodes: Node) -> Graph:
    return Graph(project="p", stack="t", nodes=nodes)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


BUCKET = node("aws:s3/bucket:Bucket", "storage-artifacts", "artifacts-1", outputs={"arn": BUCKET_ARN})


def role(trust: dict[str, Any]) -> Node:
    statement = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
    return node(
        "aws:iam/role:Role", "tracker-role", "tracker-1", assumeRolePolicy=policy(statement), outputs={"arn": ROLE_ARN}
    )


PODS = {"Service": "pods.eks.amazonaws.com"}
ASSOCIATION = node(
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "tracker-association",
    namespace="ml",
    serviceAccount="tracker",
    roleArn=ROLE_ARN,
)


def role_policy(*statements: dict[str, Any]) -> Node:
    return node("aws:iam/rolePolicy:RolePolicy", "tracker-policy", role="tracker-1", policy=policy(*statements))


def test_a_pod_identity_carries_the_rights_of_its_role_to_its_service_account() -> None:
    granted = role_policy(allow("s3:GetObject", on=f"{BUCKET_ARN}/*"), allow("s3:ListBucket", on=BUCKET_ARN))
    (right,) = rights(graph(BUCKET, role(PODS), ASSOCIATION, granted))
    assert right.principal == Principal(kind="service account", name="ml/tracker")
    assert (right.resource, right.resource_type) == ("storage-artifacts", "aws:s3/bucket:Bucket")
    assert right.actions == ("s3:GetObject", "s3:ListBucket")
    assert right.role == "tracker-role"
    assert not right.conditional


def test_a_role_for_irsa_belongs_to_the_service_account_in_its_trust() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::000000000000:oidc-provider/x"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"x:sub": "system:serviceaccount:ml:tracker", "x:aud": "sts.amazonaws.com"}},
    }
    irsa = node(
        "aws:iam/role:Role", "tracker-role", "tracker-1", assumeRolePolicy=policy(statement), outputs={"arn": ROLE_ARN}
    )
    (right,) = rights(graph(BUCKET, irsa, role_policy(allow("s3:GetObject", on=BUCKET_ARN))))
    assert right.principal == Principal(kind="service account", name="ml/tracker")


def test_a_role_of_a_service_belongs_to_the_service() -> None:
    trusted = role({"Service": ["ec2.amazonaws.com"]})
    (right,) = rights(graph(BUCKET, trusted, role_policy(allow("s3:GetObject", on=BUCKET_ARN))))
    assert right.principal == Principal(kind="AWS service", name="ec2.amazonaws.com")


def test_a_managed_policy_stands_for_all_that_aws_puts_into_it() -> None:
    arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    attached = node("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role="tracker-1", policyArn=arn)
    (right,) = rights(graph(role({"Service": "ec2.amazonaws.com"}), attached))
    assert right.actions == ("managed:AmazonEKSWorkerNodePolicy",)
    assert right.resource == "*"


def test_a_policy_of_our_own_that_is_attached_is_read_like_one_written_into_the_role() -> None:
    own = node(
        "aws:iam/policy:Policy", "own", policy=policy(allow("s3:GetObject", on=BUCKET_ARN)), outputs={"arn": "arn:own"}
    )
    attached = node("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role="tracker-1", policyArn="arn:own")
    (right,) = rights(graph(BUCKET, role(PODS), ASSOCIATION, own, attached))
    assert (right.resource, right.actions) == ("storage-artifacts", ("s3:GetObject",))


def test_an_add_on_binds_its_service_account_in_kube_system() -> None:
    addon = node(
        "aws:eks/addon:Addon", "csi", podIdentityAssociations=[{"roleArn": ROLE_ARN, "serviceAccount": "ebs-csi"}]
    )
    (right,) = rights(graph(BUCKET, role(PODS), addon, role_policy(allow("s3:GetObject", on=BUCKET_ARN))))
    assert right.principal.name == "kube-system/ebs-csi"


def test_a_resource_policy_lets_services_in_under_its_condition_and_denials_are_left_out() -> None:
    logs = allow("s3:PutObject", on=f"{BUCKET_ARN}/s3/*", Principal={"Service": "logging.s3.amazonaws.com"})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": BUCKET_ARN}
    attached = node(
        "aws:s3/bucketPolicy:BucketPolicy",
        "storage-artifacts-policy",
        bucket="artifacts-1",
        policy=policy({**logs, "Condition": {"StringEquals": {"aws:SourceAccount": "0"}}}, deny),
    )
    (right,) = rights(graph(BUCKET, attached))
    assert right.principal == Principal(kind="AWS service", name="logging.s3.amazonaws.com")
    assert right.conditional
    assert right.role == ""


def test_a_key_policy_speaks_of_its_own_key_and_of_services_on_whose_behalf_it_is_used() -> None:
    key = node("aws:kms/key:Key", "keys-data", "1234", outputs={"arn": "arn:aws:kms:us-east-1:0:key/1234"})
    through = allow(
        "kms:Decrypt",
        on="*",
        Principal={"AWS": "*"},
        Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
    )
    root = allow("kms:*", on="*", Principal={"AWS": "arn:aws:iam::0:root"})
    attached = node("aws:kms/keyPolicy:KeyPolicy", "p", keyId="1234", policy=policy(root, through))
    (right,) = rights(graph(key, attached))
    assert right.principal == Principal(kind="through a service", name="s3.us-east-1.amazonaws.com")
    assert right.resource == "keys-data"


def test_the_topics_of_a_kafka_cluster_count_as_the_cluster() -> None:
    arn = "arn:aws:kafka:us-east-1:0:cluster/events/abc"
    cluster = node("aws:msk/cluster:Cluster", "stream", arn, outputs={"arn": arn})
    topics = allow("kafka-cluster:WriteData", on="arn:aws:kafka:us-east-1:0:topic/events/abc/*")
    (right,) = rights(graph(cluster, role(PODS), ASSOCIATION, role_policy(topics)))
    assert right.resource == "stream"


def test_a_resource_outside_the_stack_is_named_by_its_arn() -> None:
    (right,) = rights(graph(role(PODS), ASSOCIATION, role_policy(allow("s3:GetObject", on="arn:aws:s3:::elsewhere/*"))))
    assert (right.resource, right.resource_type) == ("arn:aws:s3:::elsewhere/*", "")
