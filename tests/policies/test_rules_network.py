"""What the network rules say of networks, security groups and machines."""

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, allow, document, more, stacks, three
from tests.policies.support import judgements, verdict

VPC = resource("aws:ec2/vpc:Vpc", name="vpc")
GROUP = "aws:ec2/securityGroup:SecurityGroup"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ACL = "aws:ec2/networkAcl:NetworkAcl"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


def opens(cidr: object, first: object, last: object, protocol: object = "tcp") -> dict[str, object]:
    return {"cidrIpv4": cidr, "fromPort": first, "toPort": last, "ipProtocol": protocol}


def within(vpc: Node, type_: str, name: str = "part", **inputs: object) -> Node:
    return resource(type_, {"vpcId": "vpc-id", **inputs}, name=name, refers={"vpcId": [vpc]})


def endpoints(*services: str) -> list[Node]:
    names = {service: f"com.amazonaws.us-east-1.{service}" for service in services}
    return [VPC, *(within(VPC, ENDPOINT, service, serviceName=name) for service, name in names.items())]


def subnet(name: str, zone: str = "us-east-1a", **inputs: object) -> Node:
    return within(VPC, "aws:ec2/subnet:Subnet", name, availabilityZone=zone, **inputs)


def routed(one: Node, *, out: str | None) -> list[Node]:
    """A subnet with its route table; `out` is the gateway that the internet is reached by."""
    table = within(VPC, "aws:ec2/routeTable:RouteTable", f"{one.name}-table")
    association = resource(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        name=f"{one.name}-association",
        refers={"subnetId": [one], "routeTableId": [table]},
    )
    target = {"gatewayId": out} if out else {"natGatewayId": "nat-1"}
    inputs = {"destinationCidrBlock": "0.0.0.0/0", **target}
    route = resource("aws:ec2/route:Route", inputs, name=f"{one.name}-route", refers={"routeTableId": [table]})
    return [one, table, association, route]


PUBLIC, PRIVATE = subnet("public"), subnet("private", "us-east-1b")
LOOSE = resource(
    "aws:ec2/routeTableAssociation:RouteTableAssociation", {"routeTableId": UNKNOWN}, refers={"subnetId": [PUBLIC]}
)


def nodes_in(one: Node) -> Node:
    return resource(NODE_GROUP, {"subnetIds": [one.id]}, name="workers", refers={"subnetIds": [one]})


def acl(cidr: object, action: str = "allow") -> dict[str, object]:
    return {"ingress": [{"cidrBlock": cidr, "fromPort": 0, "toPort": 1024, "protocol": "tcp", "action": action}]}


SERVICES = ("s3", "ec2", "ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "kms")

CASES: list[Case] = [
    *stacks(
        "vpc-flow-logs",
        "a network whose traffic nobody logs",
        [VPC],
        [VPC, within(VPC, FLOW_LOG, trafficType="ALL")],
        [VPC, within(VPC, FLOW_LOG, trafficType=UNKNOWN)],
    ),
    more(
        "vpc-flow-logs",
        Verdict.BROKEN,
        "refuses logs of what was let through only",
        VPC,
        within(VPC, FLOW_LOG, trafficType="ACCEPT"),
    ),
    *stacks(
        "vpc-default-sg-closed",
        "a default group as AWS makes it",
        [VPC],
        [VPC, within(VPC, DEFAULT_GROUP, ingress=[], egress=[])],
        [VPC, resource(DEFAULT_GROUP, {"vpcId": UNKNOWN})],
    ),
    *three(
        "subnet-no-auto-public-ip",
        "public addresses for everything",
        "aws:ec2/subnet:Subnet",
        {"mapPublicIpOnLaunch": True},
        {"mapPublicIpOnLaunch": False},
        {"mapPublicIpOnLaunch": UNKNOWN},
    ),
    *stacks(
        "vpc-endpoints-for-aws-services",
        "a network that calls AWS over the internet",
        endpoints("s3"),
        endpoints(*SERVICES),
        [VPC, within(VPC, ENDPOINT, serviceName=UNKNOWN)],
    ),
    *three(
        "vpc-endpoint-policy-restricted",
        "an endpoint that takes every call",
        ENDPOINT,
        {},
        {"policy": document(allow("s3:GetObject", "*", Principal="*"))},
        {"policy": UNKNOWN},
    ),
    more(
        "vpc-endpoint-policy-restricted",
        Verdict.BROKEN,
        "refuses a policy that allows all",
        resource(ENDPOINT, {"policy": document(allow("*", Principal="*"))}),
    ),
    *stacks(
        "vpc-subnets-multi-az",
        "a network in one zone",
        [VPC, subnet("a"), subnet("b")],
        [VPC, subnet("a"), subnet("b", "us-east-1b")],
        [VPC, subnet("a", UNKNOWN)],
    ),
    *stacks(
        "vpc-private-subnets-present",
        "a network of public subnets",
        [VPC, *routed(PUBLIC, out="igw-1")],
        [VPC, *routed(PRIVATE, out=None)],
        [VPC, PUBLIC, LOOSE],
    ),
    *stacks(
        "eks-private-nodes",
        "nodes in a public subnet",
        [VPC, *routed(PUBLIC, out="igw-1"), nodes_in(PUBLIC)],
        [VPC, *routed(PRIVATE, out=None), nodes_in(PRIVATE)],
        [resource(NODE_GROUP, {"subnetIds": UNKNOWN})],
    ),
    more(
        "eks-private-nodes",
        None,
        "leaves subnets alone that the stack did not make",
        resource(NODE_GROUP, {"subnetIds": ["subnet-0"]}),
    ),
    *three(
        "sg-no-admin-ports-from-internet",
        "SSH open to the world",
        INGRESS,
        opens("0.0.0.0/0", 22, 22),
        opens("10.0.0.0/8", 22, 22),
        opens(UNKNOWN, 22, 22),
    ),
    *three(
        "sg-no-data-ports-from-internet",
        "PostgreSQL open to the world",
        INGRESS,
        opens("0.0.0.0/0", 5000, 6000),
        opens("0.0.0.0/0", 443, 443),
        opens("0.0.0.0/0", UNKNOWN, UNKNOWN),
    ),
    *three(
        "sg-no-all-ports-from-internet",
        "everything open to the world",
        INGRESS,
        opens("0.0.0.0/0", None, None, "-1"),
        opens("0.0.0.0/0", 443, 443),
        opens("0.0.0.0/0", 0, 65535, UNKNOWN),
    ),
    more(
        "sg-no-admin-ports-from-internet",
        Verdict.BROKEN,
        "refuses RDP over IPv6 in a group's own rules",
        resource(
            GROUP, {"ingress": [{"ipv6CidrBlocks": ["::/0"], "fromPort": 3389, "toPort": 3389, "protocol": "tcp"}]}
        ),
    ),
    more(
        "sg-no-admin-ports-from-internet",
        Verdict.MET,
        "accepts an old rule that lets out",
        resource(
            OLD_RULE, {"type": "egress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "toPort": 22, "protocol": "tcp"}
        ),
    ),
    more(
        "sg-no-admin-ports-from-internet",
        Verdict.BROKEN,
        "refuses an old rule that lets in",
        resource(
            OLD_RULE, {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 0, "toPort": 0, "protocol": "-1"}
        ),
    ),
    *three(
        "sg-egress-limited",
        "all traffic to anywhere",
        EGRESS,
        opens("0.0.0.0/0", None, None, "-1"),
        opens("10.0.0.0/16", None, None, "-1"),
        opens(UNKNOWN, None, None, "-1"),
    ),
    *three(
        "sg-rules-described",
        "a rule that nobody explains",
        INGRESS,
        {},
        {"description": "From the cluster"},
        {"description": UNKNOWN},
    ),
    *three(
        "nacl-no-admin-ports-from-internet",
        "SSH past the network ACL",
        ACL,
        acl("0.0.0.0/0"),
        acl("0.0.0.0/0", "deny"),
        acl(UNKNOWN),
    ),
    more(
        "nacl-no-admin-ports-from-internet",
        Verdict.BROKEN,
        "refuses a rule of its own",
        resource(
            "aws:ec2/networkAclRule:NetworkAclRule",
            {"cidrBlock": "0.0.0.0/0", "ruleAction": "allow", "protocol": "-1", "egress": False},
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected


def test_data_stores_belong_into_private_subnets() -> None:
    store = resource("aws:rds/subnetGroup:SubnetGroup", {"subnetIds": ["x"]}, name="db", refers={"subnetIds": [PUBLIC]})
    stack = [VPC, *routed(PUBLIC, out="igw-1"), *routed(PRIVATE, out=None), store]
    assert verdict("vpc-private-subnets-present", *stack) is Verdict.BROKEN


def test_what_is_missing_names_the_network_that_lacks_it() -> None:
    (finding,) = judgements("vpc-flow-logs", VPC)
    assert finding.urn == VPC.urn
    assert "logs the traffic" in finding.message
