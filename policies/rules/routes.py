"""Which subnets the internet can reach: those whose route table leads to an internet gateway."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import any_of, elements
from policies.model import Answer, look
from policies.references import attached, targets

SUBNET = "aws:ec2/subnet:Subnet"
TABLES = ("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable")
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"


class Routes:
    """The subnets of a graph and where their route tables lead."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @cached_property
    def _tables(self) -> dict[str, set[str]]:
        """Subnet -> the route tables that it is associated with."""
        subnets = attached(self._graph, (ASSOCIATION,), "subnetId", (SUBNET,))
        tables = attached(self._graph, (ASSOCIATION,), "routeTableId", TABLES)
        by_association = {node.urn: urn for urn, nodes in tables.by_urn.items() for node in nodes}
        return {
            subnet: {by_association[node.urn] for node in nodes if node.urn in by_association}
            for subnet, nodes in subnets.by_urn.items()
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        return {node.id: node.urn for node in self._graph.of_type(SUBNET) if node.id}

    @cached_property
    def _open_tables(self) -> dict[str, Answer]:
        """Route table -> whether it leads to an internet gateway."""
        routes = attached(self._graph, (ROUTE,), "routeTableId", TABLES)
        return {
            table.urn: any_of([*(self._leads_out(route) for route in routes.of(table)), *self._inline(table)])
            for table in self._graph.of_type(*TABLES)
        }

    def named(self, ids: Iterable[Any]) -> set[str]:
        """URNs of the subnets with these ids, of those that the graph has."""
        return {self._names[one] for one in ids if isinstance(one, str) and one in self._names}

    def is_public(self, subnet: str) -> Answer:
        """Whether machines in a subnet can be reached from the internet, given its URN.

        A subnet without an association follows the network's main table, which the stack may not have.
        """
        if look(self._graph[subnet].inputs, "mapPublicIpOnLaunch") is True:
            return True
        tables = self._tables.get(subnet, ())
        return any_of(self._open_tables.get(urn) for urn in tables) if tables else None

    def _leads_out(self, route: Node) -> Answer:
        if targets(self._graph, route, "gatewayId", (GATEWAY,)):
            return True
        return _is_gateway(look(route.inputs, "gatewayId"))

    def _inline(self, table: Node) -> Iterator[Answer]:
        for route in elements(look(table.inputs, "routes")):
            yield None if route == UNKNOWN else _is_gateway(look(route, "gatewayId"))


def _is_gateway(value: Any) -> Answer:
    """AWS gives internet gateways ids that start with `igw-`."""
    return None if value == UNKNOWN else str(value).startswith("igw-")
