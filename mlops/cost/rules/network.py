"""VPC, load balancers and DNS. Source of what is charged: the pricing pages of Amazon VPC, ELB and Route 53."""

from collections.abc import Iterator

from mlops.cost.amounts import Amount
from mlops.cost.model import HOURS, Context, Item, Rule, hours, number, tiered_from, tiered_share, used
from mlops.plan.graph import Node

NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
ZONE = "aws:route53/zone:Zone"

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"

_ENDPOINT_DATA = (
    ("interface_data_first_1pb", 1_000_000),
    ("interface_data_next_4pb", 5_000_000),
    ("interface_data_over_5pb", float("inf")),
)
_QUERIES = (("standard_queries_first_1b", 1_000), ("standard_queries_over_1b", float("inf")))
PUBLIC_IPV4 = ("public_ipv4", "idle_or_in_use")


def nat_gateway(node: Node, context: Context) -> Iterator[Item]:
    """Every hour, and every GB in either direction, on top of what the traffic costs anyway."""
    yield hours("NAT gateway", ("nat_gateway", "hour"))
    gb = context.share("traffic.nat_gb", NAT_GATEWAY)
    yield used("NAT gateway: data processed", ("nat_gateway", "data_processed"), gb)


def address(node: Node, context: Context) -> Iterator[Item]:
    """A public IPv4 address costs the same in use and idle (since 2024-02)."""
    yield hours("public IPv4 address", PUBLIC_IPV4)


def endpoint(node: Node, context: Context) -> Iterator[Item]:
    """Interface endpoints by the hour in each zone; gateway endpoints (S3, DynamoDB) are free."""
    kind = node.at("vpcEndpointType").text() or "Gateway"
    zones = len([*node.at("subnetIds")]) or 1
    service = node.at("serviceName").text().rpartition(".")[2]
    if kind == "Interface":
        yield hours(f"interface endpoint {service}, {zones} zones", ("vpc_endpoint", "interface_per_az"), zones)
        gb = context.figure("traffic.endpoint_gb")
        yield from _endpoint_data(f"interface endpoint {service}: data", gb, node, context)
    elif kind == "GatewayLoadBalancer":
        yield hours("gateway load balancer endpoint", ("vpc_endpoint", "gateway_load_balancer"), zones)


def _endpoint_data(label: str, gb: Amount, node: Node, context: Context) -> Iterator[Item]:
    """Tiers hold for all interface endpoints of a region together: each has what the ones before it leave."""
    before = gb.value * context.interface_endpoints.index(node.urn)
    yield from tiered_from(label, "vpc_endpoint", _ENDPOINT_DATA, gb, before)


def load_balancer(node: Node, context: Context) -> Iterator[Item]:
    """Application or network load balancer, its capacity units, and an address in each zone if it is public."""
    kind = "nlb" if node.at("loadBalancerType").text() == "network" else "alb"
    zones = len([*node.at("subnets")] or [*node.at("subnetMappings")]) or 2
    public = 0 if node.at("internal").flag() else zones
    yield from load_balancer_items(kind, context, public)


def load_balancer_items(kind: str, context: Context, public_zones: int) -> Iterator[Item]:
    """Of a load balancer (`alb` or `nlb`), whoever makes it."""
    yield hours(f"load balancer ({kind.upper()})", ("elb", kind))
    units = context.figure("traffic.load_balancer_units")
    yield used(f"load balancer ({kind.upper()}): capacity units", ("elb", f"{kind}_lcu"), units * HOURS)
    yield hours(f"public IPv4 addresses of the load balancer, {public_zones} zones", PUBLIC_IPV4, public_zones)


def zone(node: Node, context: Context) -> Iterator[Item]:
    yield Item(label="hosted zone", sku=("route53", "hosted_zone_first_25"), quantity=number(1))
    millions, zones = context.figure("requests.dns") / 1_000_000, context.of_type(ZONE)
    yield from tiered_share("DNS queries", "route53", _QUERIES, millions, node, zones)


def private_names(node: Node, context: Context) -> Iterator[Item]:
    """A namespace of Cloud Map is a private hosted zone; names that ECS registers, and queries within a VPC for names
    of Amazon's resources, are free (AWS Cloud Map pricing, "Amazon ECS service discovery")."""
    yield Item(label="hosted zone of names in the network", sku=("route53", "hosted_zone_first_25"), quantity=number(1))


def health_check(node: Node, context: Context) -> Iterator[Item]:
    yield Item(label="health check", sku=("route53", "health_check_aws"), quantity=number(1))


def resolver_endpoint(node: Node, context: Context) -> Iterator[Item]:
    interfaces = len([*node.at("ipAddresses")]) or 2
    yield hours("resolver endpoint", ("route53", "resolver_endpoint_eni"), interfaces)


def transit_attachment(node: Node, context: Context) -> Iterator[Item]:
    yield hours("transit gateway attachment", ("transit_gateway", "attachment"))


def distribution(node: Node, context: Context) -> Iterator[Item]:
    """Charged by transfer and request, per edge region."""
    gb = context.share("traffic.internet_out_gb", DISTRIBUTION)
    yield used("CloudFront: data out", ("cloudfront", "data_out"), gb)


RULES: dict[str, Rule] = {
    NAT_GATEWAY: nat_gateway,
    "aws:ec2/eip:Eip": address,
    ENDPOINT: endpoint,
    LOAD_BALANCER: load_balancer,
    ZONE: zone,
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": private_names,
    "aws:route53/healthCheck:HealthCheck": health_check,
    "aws:route53/resolverEndpoint:ResolverEndpoint": resolver_endpoint,
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": transit_attachment,
    DISTRIBUTION: distribution,
}
