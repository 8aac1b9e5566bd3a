"""What is known to hold up or stop a teardown, held against a graph: is it ordered, does it wait, does it stop?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from mlops.plan.graph import Graph, Node
from mlops.timeline.durations import Ordering, orderings
from mlops.timeline.needed import RELEASE, chart

Verdict = Literal["ordered", "waits", "stops"]
"""ordered: the graph's edges take care of it. waits: it takes time that nothing shortens. stops: the destroy ends
there, unless somebody acts first."""


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """One thing that deletions run into."""

    what: str
    verdict: Verdict
    resources: tuple[str, ...]
    """Logical names of those concerned."""
    advice: str
    """What the graph does about it, or what to do beforehand."""
    known: Ordering | None = None
    """Where it is known from, with how long it takes."""


Check = Callable[[Graph], Iterator[Obstacle]]


def obstacles(graph: Graph) -> tuple[Obstacle, ...]:
    """Everything that is known to hold up the teardown of a graph; what stops it comes first."""
    found = [obstacle for check in _CHECKS for obstacle in check(graph)]
    rank = {"stops": 0, "waits": 1, "ordered": 2}
    return tuple(sorted(found, key=lambda obstacle: rank[obstacle.verdict]))


def before_everything(graph: Graph, node: Node) -> frozenset[str]:
    """URNs of all that a resource depends on, directly or not: what is deleted after it."""
    seen: set[str] = set()
    waiting = [node.urn]
    while waiting:
        current = graph[waiting.pop()]
        for urn in (*current.dependencies, current.provider):
            if urn in graph and urn not in seen:
                seen.add(urn)
                waiting.append(urn)
                waiting += [child.urn for child in graph.children(urn) if not graph[urn].custom]
    return frozenset(seen)


def _protected(graph: Graph) -> Iterator[Obstacle]:
    nodes = [node for node in graph if node.custom and node.protect]
    if nodes:
        yield Obstacle(
            what="Protected resources",
            verdict="stops",
            resources=_names(nodes),
            advice="`mlops destroy` refuses beforehand. Set `protect` to false where they may go; deploy that first.",
        )


def _own_protection(graph: Graph) -> Iterator[Obstacle]:
    nodes = [
        node for node in graph if node.at("deletionProtection").flag() or node.at("enableDeletionProtection").flag()
    ]
    if nodes:
        yield Obstacle(
            what="Deletion protection of AWS",
            verdict="stops",
            resources=_names(nodes),
            advice="AWS refuses to delete them. Set `deletion_protection` to false, and deploy that first.",
        )


def _contents(graph: Graph) -> Iterator[Obstacle]:
    buckets = [node for node in graph.of_type("aws:s3/bucket:Bucket") if not node.at("forceDestroy").flag()]
    images = [node for node in graph.of_type("aws:ecr/repository:Repository") if not node.at("forceDelete").flag()]
    if buckets or images:
        yield Obstacle(
            what="Buckets and repositories that are not empty",
            verdict="stops",
            resources=_names([*buckets, *images]),
            advice="Empty them, or set `force_destroy` and `force_delete` where their contents may go.",
            known=orderings()["contents"],
        )


def _nodes_before_cluster(graph: Graph) -> Iterator[Obstacle]:
    yield from _ordered(
        graph,
        holders=graph.of_type("aws:eks/nodeGroup:NodeGroup", "aws:eks/fargateProfile:FargateProfile"),
        held="aws:eks/cluster:Cluster",
        key="nodes_before_cluster",
        what="Node groups hold the cluster",
    )


def _network_before_nodes(graph: Graph) -> Iterator[Obstacle]:
    """The VPC CNI has to outlive the nodes, or their network interfaces stay and hold security groups and subnets."""
    addons = [node for node in graph.of_type("aws:eks/addon:Addon") if node.at("addonName").text() == "vpc-cni"]
    groups = graph.of_type("aws:eks/nodeGroup:NodeGroup")
    if addons and groups:
        loose = [node for node in groups if addons[0].urn not in before_everything(graph, node)]
        what = "Network interfaces of nodes hold security groups and subnets"
        yield _obstacle(loose, groups, "node_interfaces", what)


def _balancers_before_controller(graph: Graph) -> Iterator[Obstacle]:
    balanced = [
        *graph.of_type("kubernetes:networking.k8s.io/v1:Ingress"),
        *(
            node
            for node in graph.of_type("kubernetes:core/v1:Service")
            if node.at("spec.type").text() == "LoadBalancer"
        ),
    ]
    controllers = {node.urn for node in graph.of_type(RELEASE) if chart(node) == "aws-load-balancer-controller"}
    if balanced:
        loose = [node for node in balanced if not controllers & before_everything(graph, node)]
        what = "Load balancers that Kubernetes made hold subnets and the internet gateway"
        yield _obstacle(loose, balanced, "kubernetes_load_balancers", what)


def _working_hours(graph: Graph) -> Iterator[Obstacle]:
    """What lies on the cluster is cleaned up by controllers, and those have no node at night."""
    groups = graph.of_type("aws:eks/nodeGroup:NodeGroup")
    actions = [node for node in graph.of_type("aws:autoscaling/schedule:Schedule") if node.at("maxSize").whole(1) == 0]
    if groups and actions:
        yield Obstacle(
            what="Outside working hours no node runs the controllers that clean up",
            verdict="waits",
            resources=_names(actions),
            advice="Destroy within the hours of `cluster.auto_shutdown`, or remove it and deploy first.",
        )


def _functions_in_network(graph: Graph) -> Iterator[Obstacle]:
    functions = [node for node in graph.of_type("aws:lambda/function:Function") if node.at("vpcConfig")]
    if functions:
        yield Obstacle(
            what="Network interfaces of functions hold subnets and security groups",
            verdict="waits",
            resources=_names(functions),
            advice="AWS removes them 20 to 45 minutes after the functions; subnets are retried until then.",
            known=orderings()["lambda_interfaces"],
        )


def _sagemaker_home(graph: Graph) -> Iterator[Obstacle]:
    domains = graph.of_type("aws:sagemaker/domain:Domain")
    if domains:
        kept = [node for node in domains if node.at("retentionPolicy.homeEfsFileSystem").text() != "Delete"]
        yield Obstacle(
            what="The home file system of a SageMaker domain holds its subnets for ever",
            verdict="stops" if kept else "ordered",
            resources=_names(kept or domains),
            advice="Set the retention policy of the domain to delete it." if kept else "It goes with the domain.",
            known=orderings()["sagemaker_home"],
        )
        yield Obstacle(
            what="Studio's applications and spaces that people opened hold the SageMaker domain",
            verdict="waits",
            resources=_names(domains),
            advice="SageMaker deletes no domain, profile or space that something runs in. Look with `aws sagemaker "
            "list-apps --domain-id-equals ID` and `list-spaces`, and remove what is not the stack's with `delete-app` "
            "and `delete-space`; idle applications shut down by themselves.",
        )


def _database(graph: Graph) -> Iterator[Obstacle]:
    yield from _ordered(
        graph,
        holders=graph.of_type("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"),
        held="aws:rds/subnetGroup:SubnetGroup",
        key="database",
        what="Databases hold their subnet group and security groups",
    )


def _kafka(graph: Graph) -> Iterator[Obstacle]:
    yield from _ordered(
        graph,
        holders=graph.of_type("aws:msk/cluster:Cluster"),
        held="aws:ec2/securityGroup:SecurityGroup",
        key="kafka",
        what="Kafka brokers hold their security group and subnets",
    )


def _nat(graph: Graph) -> Iterator[Obstacle]:
    yield from _ordered(
        graph,
        holders=graph.of_type("aws:ec2/natGateway:NatGateway"),
        held="aws:ec2/internetGateway:InternetGateway",
        key="nat",
        what="NAT gateways hold their address, subnet and the internet gateway",
    )


def _endpoints(graph: Graph) -> Iterator[Obstacle]:
    interfaces = [
        node
        for node in graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        if node.at("vpcEndpointType").text() == "Interface"
    ]
    yield from _ordered(
        graph,
        holders=tuple(interfaces),
        held="aws:ec2/securityGroup:SecurityGroup",
        key="endpoints",
        what="Interface endpoints hold their security group and subnets",
    )


def _target_groups(graph: Graph) -> Iterator[Obstacle]:
    services = graph.of_type("aws:ecs/service:Service")
    if services:
        yield Obstacle(
            what="Services behind a load balancer drain before they go",
            verdict="waits",
            resources=_names(services),
            advice="As long as the deregistration delay of their target groups, 300 seconds unless it is set lower.",
            known=orderings()["target_groups"],
        )


def _ordered(graph: Graph, *, holders: tuple[Node, ...], held: str, key: str, what: str) -> Iterator[Obstacle]:
    """Holders that have to go before what they hold: there must be an edge from each."""
    targets = {node.urn for node in graph.of_type(held)}
    if holders and targets:
        loose = [node for node in holders if not targets & before_everything(graph, node)]
        yield _obstacle(loose, holders, key, what)


def _obstacle(loose: list[Node], all_: "tuple[Node, ...] | list[Node]", key: str, what: str) -> Obstacle:
    ordering = orderings()[key]
    if loose:
        advice = "No edge orders them: the destroy runs into it. Make them depend on what they hold."
        return Obstacle(what=what, verdict="stops", resources=_names(loose), advice=advice, known=ordering)
    advice = "Edges of the graph delete them first."
    return Obstacle(what=what, verdict="ordered", resources=_names(all_), advice=advice, known=ordering)


def _names(nodes: "tuple[Node, ...] | list[Node]") -> tuple[str, ...]:
    return tuple(node.name for node in nodes)


_CHECKS: tuple[Check, ...] = (
    _protected,
    _own_protection,
    _contents,
    _nodes_before_cluster,
    _network_before_nodes,
    _balancers_before_controller,
    _working_hours,
    _functions_in_network,
    _sagemaker_home,
    _database,
    _kafka,
    _nat,
    _endpoints,
    _target_groups,
)
