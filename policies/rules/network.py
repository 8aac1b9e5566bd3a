"""The VPC: its logs, its subnets, and the ways that lead out of it."""

from collections.abc import Iterator, Mapping

from mlops.plan.graph import Graph, Node
from policies.addresses import is_internet
from policies.answers import all_of, any_of, is_one, is_unknown, missing, negated, rows
from policies.conditions import CALLERS, narrowed
from policies.documents import Statement, statements
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.patterns import every_action
from policies.references import referring, refers, sources, unclear
from policies.registry import resource_rule, stack_rule
from policies.rules.security_groups import EGRESS, INGRESS, OLD_RULE

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
DEFAULT_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
MAIN_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NODE_GROUPS = ("aws:eks/nodeGroup:NodeGroup", "aws:eks/fargateProfile:FargateProfile")

ENDPOINT_SERVICES = ("s3", "ec2", "ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "kms")
GROUP_RULES = (OLD_RULE, INGRESS, EGRESS)
DATA_STORES = {
    "aws:rds/subnetGroup:SubnetGroup": "subnetIds",
    "aws:elasticache/subnetGroup:SubnetGroup": "subnetIds",
    "aws:msk/cluster:Cluster": "brokerNodeGroupInfo",
    "aws:efs/mountTarget:MountTarget": "subnetId",
}
"""What holds data, and the property that says in which subnets."""
_OWN = frozenset((*CALLERS, "aws:resourceaccount", "aws:resourceorgid"))
"""Condition keys that bind calls through an endpoint to accounts of ours."""
_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock")


@stack_rule("vpc-flow-logs")
def traffic_is_logged(graph: Graph) -> Iterator[Judgement]:
    for vpc in graph.of_type(VPC):
        found = referring(graph, FLOW_LOG, "vpcId", vpc)
        if not found:
            yield _absence(graph, vpc, FLOW_LOG, "vpcId", "nothing logs the traffic of this network")
        for node in found:
            answer = is_one(look(node.inputs, "trafficType"), "ALL", "REJECT")
            yield say(node, "trafficType", answer, "refused connections are not logged")


@stack_rule("vpc-default-sg-closed")
def default_group_is_closed(graph: Graph) -> Iterator[Judgement]:
    for vpc in graph.of_type(VPC):
        found = referring(graph, DEFAULT_GROUP, "vpcId", vpc)
        if not found:
            message = (
                "the network's default security group is as AWS makes it: open among its members and to the outside"
            )
            yield _absence(graph, vpc, DEFAULT_GROUP, "vpcId", message)
        for node in found:
            for path in ("ingress", "egress"):
                message = f"the default group has {path} rules"
                yield say(node, path, is_one(look(node.inputs, path), [], ABSENT), message)
        for owner in (vpc, *found):
            yield from _rules_beside(graph, owner)


def _rules_beside(graph: Graph, owner: Node) -> Iterator[Judgement]:
    """Rules of a default group that are resources of their own; they name it by its network's output as well."""
    for type_ in GROUP_RULES:
        for rule in graph.of_type(type_):
            group = look(rule.inputs, "securityGroupId")
            named = owner.type == DEFAULT_GROUP and refers(graph, rule, "securityGroupId", owner)
            if named or (isinstance(group, str) and group == owner.outputs.get("defaultSecurityGroupId", ABSENT)):
                yield say(rule, "securityGroupId", False, "the default group has a rule")


def _absence(graph: Graph, node: Node, type_: str, name: str, message: str) -> Judgement:
    """Broken, or unknown where something of the type may belong to the node after all."""
    if unclear(graph, type_, name):
        return say(node, "", None, message)
    return missing(message, node.urn)


@resource_rule("subnet-no-auto-public-ip")
def no_public_address_by_itself(node: Node) -> Iterator[Judgement]:
    answer = negated(is_one(look(node.inputs, "mapPublicIpOnLaunch"), True))
    yield say(node, "mapPublicIpOnLaunch", answer, "whatever starts here gets a public address")


@stack_rule("vpc-endpoints-for-aws-services")
def aws_is_reached_privately(graph: Graph) -> Iterator[Judgement]:
    for vpc in graph.of_type(VPC):
        names = [look(node.inputs, "serviceName") for node in referring(graph, ENDPOINT, "vpcId", vpc)]
        ends = {str(name).split(".", 3)[-1] for name in names if not is_unknown(name)}
        absent = [service for service in ENDPOINT_SERVICES if service not in ends]
        if absent and (any(map(is_unknown, names)) or unclear(graph, ENDPOINT, "vpcId")):
            yield say(vpc, "", None, "")
        elif absent:
            yield missing(f"calls of these services leave the network: {', '.join(absent)}", vpc.urn)
        else:
            yield say(vpc, "", True, "")


@resource_rule("vpc-endpoint-policy-restricted")
def endpoint_has_a_policy(node: Node) -> Iterator[Judgement]:
    message = "the endpoint takes every call of everybody to every account"
    found = statements(look(node.inputs, "policy"))
    if look(node.inputs, "policy") is ABSENT:
        yield say(node, "policy", False, message)
    elif found is None:
        yield say(node, "policy", None, message)
    else:
        yield say(node, "policy", all_of([bool(found), negated(any_of(map(_takes_everything, found)))]), message)


def _takes_everything(statement: Statement) -> Answer:
    actions = bool(statement.all_but) or any_of(
        None if is_unknown(action) else every_action(action) for action in statement.actions
    )
    narrow = narrowed(statement, _OWN)
    return all_of([statement.allows, actions, statement.everywhere, statement.for_anybody, negated(narrow)])


@stack_rule("vpc-subnets-multi-az")
def spans_zones(graph: Graph) -> Iterator[Judgement]:
    for vpc in graph.of_type(VPC):
        subnets = referring(graph, SUBNET, "vpcId", vpc)
        if not subnets:
            continue
        zones = [look(node.inputs, "availabilityZone") for node in subnets]
        known = {str(zone) for zone in zones if zone is not ABSENT and not is_unknown(zone)}
        vague = any(map(is_unknown, zones)) or unclear(graph, SUBNET, "vpcId")
        answer = True if len(known) > 1 else None if vague else False
        yield say(
            vpc, "", answer, f"all subnets are in {', '.join(known) or 'no zone of their own'}; one zone can fail"
        )


def public_subnets(graph: Graph) -> dict[str, Answer]:
    """URN of each subnet -> whether its route table leads to an internet gateway."""
    tables = {table.urn: _leads_out(graph, table) for table in graph.of_type(ROUTE_TABLE, DEFAULT_TABLE)}
    main = _main_tables(graph, tables)
    return {subnet.urn: _is_public(graph, tables, subnet, main) for subnet in graph.of_type(SUBNET)}


def _is_public(graph: Graph, tables: Mapping[str, Answer], subnet: Node, main: Answer) -> Answer:
    """A subnet that is associated with no table follows its network's main one; as AWS makes that, it leads nowhere."""
    associations = referring(graph, ASSOCIATION, "subnetId", subnet)
    if not associations and not unclear(graph, ASSOCIATION, "subnetId"):
        return main
    return any_of(
        tables[table.urn] if table else None
        for association in associations
        for table in sources(graph, association, "routeTableId", ROUTE_TABLE, DEFAULT_TABLE) or (None,)
    )


def _main_tables(graph: Graph, tables: Mapping[str, Answer]) -> Answer:
    """Whether some network's main table leads to the internet: one that a stack takes over, or puts in its place."""
    taken = [tables[table.urn] for table in graph.of_type(DEFAULT_TABLE)]
    placed = [
        tables[table.urn]
        for association in graph.of_type(MAIN_ASSOCIATION)
        for table in sources(graph, association, "routeTableId", ROUTE_TABLE)
    ]
    return any_of([*taken, *placed])


def _leads_out(graph: Graph, table: Node) -> Answer:
    routes = [node.inputs for node in graph.of_type(ROUTE) if refers(graph, node, "routeTableId", table)]
    inline = [row for _, row in rows(table, "routes")]
    return any_of(_to_internet(row) for row in [*routes, *inline])


def _to_internet(route: object) -> Answer:
    if is_unknown(route):
        return None
    gateway = look(route, "gatewayId")
    if gateway is ABSENT:
        return False
    cidrs = [value for key in _DESTINATIONS if (value := look(route, key)) is not ABSENT]
    # An unknown gateway is one that is made here: routes name other targets by other properties.
    return all_of([any_of(map(is_internet, cidrs)), is_unknown(gateway) or not str(gateway).startswith("vgw-")])


@stack_rule("vpc-private-subnets-present")
def data_is_in_private_subnets(graph: Graph) -> Iterator[Judgement]:
    public = public_subnets(graph)
    for vpc in graph.of_type(VPC):
        subnets = referring(graph, SUBNET, "vpcId", vpc)
        answer = any_of(negated(public[subnet.urn]) for subnet in subnets)
        if subnets:
            yield say(vpc, "", answer, "every subnet leads straight to the internet")
    for type_, name in DATA_STORES.items():
        for node in graph.of_type(type_):
            message = "holds data in a subnet that leads straight to the internet"
            yield from _only_private(graph, public, node, name, message)


@stack_rule("eks-private-nodes")
def nodes_are_in_private_subnets(graph: Graph) -> Iterator[Judgement]:
    public = public_subnets(graph)
    for node in graph.of_type(*NODE_GROUPS):
        message = "nodes run in a subnet that leads straight to the internet"
        yield from _only_private(graph, public, node, "subnetIds", message)


def _only_private(
    graph: Graph, public: Mapping[str, Answer], node: Node, name: str, message: str
) -> Iterator[Judgement]:
    """Nothing where the subnets are not the stack's: whoever made them answers for them."""
    subnets = sources(graph, node, name, SUBNET)
    if not subnets:
        if is_unknown(look(node.inputs, name)):
            yield say(node, name, None, message)
        return
    open_ = any_of(public[subnet.urn] for subnet in subnets)
    addressed = any_of(is_one(look(subnet.inputs, "mapPublicIpOnLaunch"), True) for subnet in subnets)
    yield say(node, name, negated(any_of([open_, addressed])), message)
