"""Violations by a second resource, or by one in another place than the rule's own example: each stands for its kind."""

import json
from typing import Any

import pytest

from mlops.core.audit_events import WATCHED
from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, allow, document, of
from tests.policies.support import judgements, verdict
from tests.policies.test_kubernetes_pods import workload

VPC = resource("aws:ec2/vpc:Vpc", name="network")
SUBNET = resource("aws:ec2/subnet:Subnet", name="inside", refers={"vpcId": VPC})
NODES = resource("aws:eks/nodeGroup:NodeGroup", {"subnetIds": ["inside-id"]}, refers={"subnetIds": SUBNET})
OUT = {"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}
FILES = resource(
    "aws:efs/fileSystem:FileSystem", {"tags": {"backup": "yes"}}, name="files", outputs={"arn": "arn:files"}
)
PLAN = resource(
    "aws:backup/plan:Plan",
    {"rules": [{"schedule": "cron(0 * * * ? *)", "lifecycle": {"deleteAfter": 35}}]},
    name="plan",
)
DEFAULT_GROUP = resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", refers={"vpcId": VPC})


def selected(**more: Any) -> tuple[Node, ...]:
    inputs = {"resources": ["*"], **more}
    return FILES, PLAN, resource("aws:backup/selection:Selection", inputs, refers={"planId": PLAN})


def budgets(*least: object) -> tuple[Node, ...]:
    """Two copies, and budgets that keep so many of them."""
    labels = {"app": "server"}
    pod = workload()
    template = {**pod.inputs["spec"]["template"], "metadata": {"labels": labels}}
    copies = resource(pod.type, {**pod.inputs, "spec": {"replicas": 2, "template": template}}, name="server")
    metadata = {"name": "server", "namespace": "team"}
    made = ({"metadata": metadata, "spec": {"selector": {"matchLabels": labels}, "minAvailable": one}} for one in least)
    kind = "kubernetes:policy/v1:PodDisruptionBudget"
    return copies, *(resource(kind, inputs, name=f"budget-{index}") for index, inputs in enumerate(made))


def variable(name: str, value: str) -> Node:
    return workload({"env": [{"name": name, "value": value}]})


WRONG, RIGHT = Verdict.BROKEN, Verdict.MET
CASES: list[Case] = [
    *of(
        "eks-private-nodes",
        WRONG,
        (
            "the network's main table leads out",
            (VPC, SUBNET, NODES, resource("aws:ec2/defaultRouteTable:DefaultRouteTable", {"routes": [OUT]})),
        ),
        (
            "a table of one half of the internet",
            (
                VPC,
                SUBNET,
                NODES,
                table := resource("aws:ec2/routeTable:RouteTable", {"routes": [{**OUT, "cidrBlock": "0.0.0.0/1"}]}),
                resource(
                    "aws:ec2/routeTableAssociation:RouteTableAssociation",
                    refers={"subnetId": SUBNET, "routeTableId": table},
                ),
            ),
        ),
    ),
    *of("eks-private-nodes", RIGHT, ("a main table as AWS makes it", (VPC, SUBNET, NODES))),
    *of(
        "vpc-default-sg-closed",
        WRONG,
        (
            "a rule of the default group beside it",
            (
                VPC,
                DEFAULT_GROUP,
                resource(
                    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
                    {"ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
                    refers={"securityGroupId": DEFAULT_GROUP},
                ),
            ),
        ),
    ),
    *of(
        "s3-policy-no-public-principal",
        WRONG,
        (
            "an access point's policy",
            resource("aws:s3/accessPoint:AccessPoint", {"policy": document(allow("s3:GetObject", Principal="*"))}),
        ),
    ),
    *of(
        "opensearch-in-vpc",
        WRONG,
        (
            "a policy beside the domain",
            resource(
                "aws:opensearch/domainPolicy:DomainPolicy",
                {"accessPolicies": json.loads(document(allow("es:*", Principal={"AWS": "*"})))},
            ),
        ),
    ),
    *of(
        "vpc-endpoint-policy-restricted",
        WRONG,
        (
            "a policy beside the endpoint",
            resource("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", {"policy": document(allow("*", Principal="*"))}),
        ),
    ),
    *of(
        "backup-plan-covers-data",
        WRONG,
        ("what a selection leaves out", selected(notResources=["arn:files"])),
    ),
    *of(
        "k8s-pdb",
        WRONG,
        ("a second budget for the same pods", budgets(1, 1)),
        ("nearly all of few copies", budgets("99%")),
        ("a number as text", budgets("2")),
    ),
    *of("k8s-pdb", RIGHT, ("half of the copies", budgets("50%"))),
    *of(
        "ec2-imdsv2",
        WRONG,
        ("a launch configuration", resource("aws:ec2/launchConfiguration:LaunchConfiguration", {})),
        ("a spot request", resource("aws:ec2/spotInstanceRequest:SpotInstanceRequest", {})),
    ),
    *of(
        "k8s-no-secrets-in-env",
        WRONG,
        ("a short name", variable("DB_PASS", "hunter2")),
        ("a token by its looks", variable("HUB", "hf_" + "a" * 34)),
    ),
    *of(
        "eks-node-role-ecr-read-only",
        WRONG,
        (
            "a policy that the role names itself",
            (
                role := resource(
                    "aws:iam/role:Role",
                    {"managedPolicyArns": ["arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess"]},
                    name="nodes",
                ),
                resource("aws:eks/nodeGroup:NodeGroup", {}, refers={"nodeRoleArn": role}),
            ),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) is case.expected


@pytest.mark.parametrize(
    ("pattern", "threshold"),
    [("{pattern}", 1000), ("{pattern} && ($.userIdentity.type != Root)", 1)],
)
def test_an_event_that_is_heard_of_only_sometimes_is_not_watched(pattern: str, threshold: int) -> None:
    event = WATCHED[0]
    filter_ = resource(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        {"pattern": pattern.format(pattern=event.pattern), "metricTransformation": {"name": event.name}},
    )
    alarm = resource(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"metricName": event.name, "alarmActions": ["arn"], "threshold": threshold},
    )
    (found, *_) = judgements("cis-monitoring-filters", filter_, alarm)
    assert found.verdict is Verdict.BROKEN


def test_a_finding_about_a_setting_in_the_bucket_names_the_bucket_and_its_property() -> None:
    bucket = resource("aws:s3/bucket:Bucket", {"acl": "public-read", "versioning": {"enabled": False}})
    (acl,) = judgements("s3-acl-disabled", bucket)
    (versions,) = judgements("s3-versioning", bucket)
    assert (acl.urn, acl.path) == (bucket.urn, "acl")
    assert (versions.urn, versions.path) == (bucket.urn, "versioning.enabled")


def test_a_finding_about_a_pod_names_the_resource_that_carries_it() -> None:
    spec = {"predictor": {"model": {"securityContext": {"privileged": True}}}}
    service = resource("kubernetes:serving.kserve.io/v1beta1:InferenceService", {"spec": spec})
    (found,) = [one for one in judgements("k8s-no-privileged", service) if one.verdict is Verdict.BROKEN]
    assert (found.urn, found.path) == (service.urn, "spec.predictor.model.securityContext.privileged")


@pytest.mark.parametrize("spec", [UNKNOWN, {"headGroupSpec": UNKNOWN}, {"headGroupSpec": {"template": UNKNOWN}}])
def test_pods_that_only_the_deployment_will_tell_are_unknown(spec: Any) -> None:
    cluster = resource("kubernetes:ray.io/v1:RayCluster", {"spec": spec})
    assert verdict("k8s-run-as-non-root", cluster) is Verdict.UNKNOWN
