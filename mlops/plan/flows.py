"""Which connections a stack lets through: the rules of its network policies and security groups, as one table.

What no row names is closed: a security group lets in only what a rule says, and pods that a network policy selects are
open to what it says and no further. Pods that none selects are named as well, for they are open to everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Reading

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
IN, OUT = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
CLUSTER = ("aws:eks/cluster:Cluster", "eks:index:Cluster")
NAMESPACE = "kubernetes:core/v1:Namespace"

Direction = Literal["in", "out"]
ANY = "anything"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One rule: connections that are let through."""

    kind: Literal["pods", "security group"]
    where: str
    """Whose rule it is: `mlflow/app=mlflow` for pods, the logical name of a security group."""
    direction: Direction
    other: str
    """The other end: pods, namespaces by label, addresses, a security group."""
    ports: str
    """`TCP 5432`, `UDP 53, TCP 53`, or `every port`."""
    rule: str
    """Logical name of the resource that says so."""
    module: str


def flows(graph: Graph) -> tuple[Flow, ...]:
    """Every rule, pods first, by where it holds."""
    found = [*_of_pods(graph), *_of_groups(graph)]
    return tuple(sorted(found, key=lambda one: (one.kind, one.where, one.direction, one.other, one.ports)))


def unguarded(graph: Graph) -> tuple[str, ...]:
    """Namespaces that the stack makes and whose pods no network policy closes, all of them, in both directions."""
    closed: dict[str, set[str]] = {}
    for node in graph.of_type(POLICY):
        if not _labels(node.at("spec.podSelector")):
            closed.setdefault(_namespace(node), set()).update(one.text() for one in node.at("spec.policyTypes"))
    names = (node.at("metadata.name").text() or node.name for node in graph.of_type(NAMESPACE))
    return tuple(sorted(name for name in names if not {"Ingress", "Egress"} <= closed.get(name, set())))


def _of_pods(graph: Graph) -> Iterator[Flow]:
    for node in graph.of_type(POLICY):
        space = _namespace(node)
        where = f"{space}/{_labels(node.at('spec.podSelector')) or 'all pods'}"
        for direction, key, peers in (("in", "ingress", "from"), ("out", "egress", "to")):
            for rule in node.at(f"spec.{key}"):
                others = [_peer(peer, space) for peer in rule.at(peers)] or [ANY]
                for other in others:
                    yield Flow(
                        kind="pods",
                        where=where,
                        direction="in" if direction == "in" else "out",
                        other=other,
                        ports=_pod_ports(rule.at("ports")),
                        rule=node.name,
                        module=graph.module(node),
                    )


def _of_groups(graph: Graph) -> Iterator[Flow]:
    names = {node.id: node.name for node in graph.of_type(GROUP)}
    for node in graph.of_type(*CLUSTER):
        for path in ("vpcConfig.clusterSecurityGroupId", "clusterSecurityGroupId"):
            value = node.outputs.get(path.partition(".")[0])
            own = value.get("clusterSecurityGroupId") if isinstance(value, dict) else value
            if isinstance(own, str):
                names[own] = "nodes and pods of the cluster"

    def named(group: str) -> str:
        return names.get(group, group)

    for type_, direction in ((IN, "in"), (OUT, "out")):
        for node in graph.of_type(type_):
            yield Flow(
                kind="security group",
                where=named(node.at("securityGroupId").text()),
                direction="in" if direction == "in" else "out",
                other=_other_end(node, named(node.at("referencedSecurityGroupId").text())),
                ports=_group_ports(node),
                rule=node.name,
                module=graph.module(node),
            )


def _other_end(node: Node, group: str) -> str:
    block = node.at("cidrIpv4").text() or node.at("cidrIpv6").text() or node.at("prefixListId").text()
    return group or ("the internet" if block in ("0.0.0.0/0", "::/0") else block) or ANY


def _group_ports(node: Node) -> str:
    protocol = node.at("ipProtocol").text()
    first, last = node.at("fromPort").whole(), node.at("toPort").whole()
    if protocol == "-1":
        return "every port"
    return f"{protocol.upper()} {first}" + (f"-{last}" if last != first else "")


def _pod_ports(ports: Reading) -> str:
    found = [f"{one.at('protocol').text('TCP')} {one.at('port').text() or 'any'}" for one in ports]
    return ", ".join(dict.fromkeys(found)) or "every port"


def _peer(peer: Reading, space: str) -> str:
    block = peer.at("ipBlock.cidr").text()
    if block:
        return "the internet" if block == "0.0.0.0/0" else block
    pods = _labels(peer.at("podSelector"))
    spaces = peer.at("namespaceSelector")
    if not spaces and "namespaceSelector" not in peer.entries():
        return f"{space}/{pods or 'all pods'}"
    among = f"namespaces with {labels}" if (labels := _labels(spaces)) else "every namespace"
    return f"pods {pods} of {among}" if pods else f"pods of {among}"


def _labels(selector: Reading) -> str:
    """`app=mlflow`; empty for a selector that takes all."""
    matched = [f"{key}={value.text()}" for key, value in sorted(selector.at("matchLabels").entries().items())]
    asked = [
        f"{one.at('key').text()} {one.at('operator').text()} {'|'.join(value.text() for value in one.at('values'))}"
        for one in selector.at("matchExpressions")
    ]
    return ", ".join([*matched, *asked])


def _namespace(node: Node) -> str:
    return node.at("metadata.namespace").text("default")
