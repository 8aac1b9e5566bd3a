"""Violations that somebody made by hand: each stands for its kind. Those in IAM documents have a file of their own."""

from typing import Any

import pytest

from mlops.plan.graph import Node
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, of
from tests.policies.support import verdict

BUCKET = "aws:s3/bucket:Bucket"
GROUP, ACL = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/networkAcl:NetworkAcl"
TRAIL = "aws:cloudtrail/trail:Trail"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
NETWORK = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:Role"
SSH = {"fromPort": "22", "toPort": "22"}
REFUSED = {
    "ruleNo": 10,
    "action": "deny",
    "protocol": "tcp",
    "cidrBlock": "0.0.0.0/0",
    "fromPort": 0,
    "toPort": 65535,
}
EVERYTHING = {"action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0, "toPort": 0}


def opened(**row: Any) -> Node:
    rule = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"], "description": "x", **row}
    return resource(GROUP, {"ingress": [rule], "description": "x"})


def trail(**inputs: Any) -> Node:
    return resource(TRAIL, {"isMultiRegionTrail": True, "s3BucketName": "audit", **inputs})


def fields(**equals: str) -> dict[str, Any]:
    names = {"category": "eventCategory", "kind": "resources.type", "reads": "readOnly", "name": "eventName"}
    return {"fieldSelectors": [{"field": names[key], "equals": [value]} for key, value in equals.items()]}


def objects(*values: str, **row: Any) -> dict[str, Any]:
    return {"dataResources": [{"type": "AWS::S3::Object", "values": list(values)}], **row}


ALL_CALLS = fields(category="Management")
SPACE = resource("kubernetes:core/v1:Namespace", {"metadata": {"name": "team"}}, name="team")


def network(name: str, **spec: Any) -> Node:
    whole = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], **spec}
    return resource(NETWORK, {"metadata": {"name": name, "namespace": "team"}, "spec": whole}, name=name)


CLOSED = network("closed")


def may(verbs: list[str], *resources: str) -> Node:
    return resource(RBAC, {"rules": [{"apiGroups": [""], "resources": list(resources), "verbs": verbs}]})


def balanced(*ranges: str) -> Node:
    spec = {"type": "LoadBalancer", "loadBalancerSourceRanges": list(ranges)}
    return resource("kubernetes:core/v1:Service", {"metadata": {"name": "way-in"}, "spec": spec})


WRONG, RIGHT = Verdict.BROKEN, Verdict.MET
CASES: list[Case] = [
    *of(
        "sg-no-admin-ports-from-internet",
        WRONG,
        ("TCP in capitals", opened(protocol="TCP")),
        ("the number of a protocol", opened(protocol=6)),
        ("All with a capital", opened(protocol="All", fromPort=0, toPort=0)),
        ("ports as text", opened(fromPort="20", toPort="25")),
        ("one half of the internet", opened(cidrBlocks=["0.0.0.0/1"])),
        ("IPv6 written out", opened(cidrBlocks=[], ipv6CidrBlocks=["0:0::0/0"])),
    ),
    *of(
        "sg-no-all-ports-from-internet",
        WRONG,
        ("all ports but the first two", opened(fromPort=2, toPort=65535)),
        ("-1 for every port", opened(fromPort=-1, toPort=-1)),
        ("0 for every port", opened(fromPort=0, toPort=0)),
    ),
    *of(
        "nacl-no-admin-ports-from-internet",
        WRONG,
        (
            "an action in capitals",
            resource(ACL, {"ingress": [{"action": "ALLOW", "protocol": "TCP", "cidrBlock": "0.0.0.0/0"} | SSH]}),
        ),
        (
            "the default network ACL as AWS makes it",
            resource(
                "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
                {
                    "ingress": [
                        {"action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0, "toPort": 0}
                    ]
                },
            ),
        ),
    ),
    *of(
        "sg-no-all-ports-from-internet",
        WRONG,
        ("-1 for every port", opened(fromPort=-1, toPort=-1)),
        ("0 for every port", opened(fromPort=0, toPort=0)),
    ),
    *of(
        "nacl-no-admin-ports-from-internet",
        RIGHT,
        ("an earlier entry refuses", resource(ACL, {"ingress": [REFUSED, {**EVERYTHING, "ruleNo": 20}]})),
    ),
    *of(
        "nacl-no-admin-ports-from-internet",
        WRONG,
        ("a later entry refuses", resource(ACL, {"ingress": [REFUSED, {**EVERYTHING, "ruleNo": 5}]})),
        (
            "only IPv4 is refused before",
            resource(
                ACL,
                {"ingress": [REFUSED, {"action": "allow", "protocol": "-1", "ipv6CidrBlock": "::/0", "ruleNo": 20}]},
            ),
        ),
    ),
    *of(
        "k8s-no-privilege-escalation",
        WRONG,
        (
            "a pod in a template of its own",
            resource("kubernetes:core/v1:PodTemplate", {"template": {"spec": {"containers": [{"name": "main"}]}}}),
        ),
    ),
    *of(
        "cloudtrail-multi-region",
        WRONG,
        ("data events only", trail(eventSelectors=[objects("arn:aws:s3", includeManagementEvents=False)])),
        ("without the calls of KMS", trail(eventSelectors=[{"excludeManagementEventSources": ["kms.amazonaws.com"]}])),
        ("data events only, the new way", trail(advancedEventSelectors=[fields(category="Data")])),
        ("reads only", trail(advancedEventSelectors=[fields(category="Management", reads="true")])),
        ("one call", trail(advancedEventSelectors=[fields(category="Management", name="CreateUser")])),
    ),
    *of(
        "cloudtrail-multi-region", RIGHT, ("the new way", trail(advancedEventSelectors=[fields(category="Management")]))
    ),
    *of(
        "cloudtrail-s3-data-events",
        WRONG,
        ("one bucket", trail(eventSelectors=[objects("arn:aws:s3:::lake/")])),
        ("reads", trail(eventSelectors=[objects("arn:aws:s3", readWriteType="ReadOnly")])),
        (
            "all but a bucket that is not its own",
            trail(
                advancedEventSelectors=[
                    {
                        "fieldSelectors": [
                            *fields(category="Data", kind="AWS::S3::Object")["fieldSelectors"],
                            {"field": "resources.ARN", "notStartsWiths": ["arn:aws:s3:::lake/"]},
                        ]
                    }
                ]
            ),
        ),
    ),
    *of(
        "k8s-namespace-network-policy",
        WRONG,
        ("a second one that opens all", (SPACE, CLOSED, network("open", ingress=[{}], policyTypes=["Ingress"]))),
        ("from nobody in particular", (SPACE, CLOSED, network("open", ingress=[{"from": []}]))),
        ("to everywhere", (SPACE, CLOSED, network("open", egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]))),
        ("from all namespaces", (SPACE, CLOSED, network("open", ingress=[{"from": [{"namespaceSelector": {}}]}]))),
        (
            "every port by a range",
            (SPACE, CLOSED, network("open", ingress=[{"ports": [{"port": 1, "endPort": 65535}]}])),
        ),
    ),
    *of(
        "k8s-namespace-network-policy",
        RIGHT,
        ("one port for everybody", (SPACE, CLOSED, network("dns", egress=[{"ports": [{"port": 53}]}]))),
    ),
    *of(
        "k8s-rbac-dangerous-verbs",
        WRONG,
        ("reading through a kubelet", may(["get"], "nodes/proxy")),
        ("changing a webhook", may(["patch"], "mutatingwebhookconfigurations")),
        ("approving certificates", may(["update"], "certificatesigningrequests/approval")),
        ("running commands", may(["create"], "pods/exec")),
        ("starting jobs", may(["create"], "jobs")),
    ),
    *of(
        "k8s-service-exposure",
        WRONG,
        ("everybody over IPv6", balanced("10.0.0.0/8", "::/0")),
        ("two halves of everybody", balanced("0.0.0.0/1", "128.0.0.0/1")),
    ),
    *of(
        "s3-acl-disabled",
        WRONG,
        ("a list of access in the bucket", resource(BUCKET, {"acl": "public-read"})),
        (
            "grants in the bucket",
            resource(BUCKET, {"grants": [{"type": "Group", "uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]}),
        ),
        ("an object", resource("aws:s3/bucketObjectv2:BucketObjectv2", {"acl": "public-read"})),
    ),
    *of(
        "lambda-not-public",
        WRONG,
        (
            "any bucket",
            resource(
                "aws:lambda/permission:Permission", {"principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::*"}
            ),
        ),
    ),
    *of(
        "alb-multi-az",
        WRONG,
        ("one subnet twice", resource(BALANCER, {"subnets": ["a", "a"]})),
    ),
    *of(
        "alb-tls-policy",
        WRONG,
        (
            "a protocol in small letters",
            resource("aws:lb/listener:Listener", {"protocol": "https", "sslPolicy": "ELBSecurityPolicy-2016-08"}),
        ),
    ),
    *of(
        "ecr-immutable-tags",
        WRONG,
        (
            "every tag is an exception",
            resource(
                "aws:ecr/repository:Repository",
                {
                    "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                    "imageTagMutabilityExclusionFilters": [{"filter": "*", "filterType": "WILDCARD"}],
                },
            ),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) is case.expected
