"""The VPC: subnets over zones, ways in and out, and nothing open by default; or an existing VPC, adopted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, field_validator, model_validator

from components.base.component import INTERNAL, Component
from components.network.endpoints import service_name
from components.network.flow_logs import flow_logs
from mlops.core import cidr
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import Cidr, LogDays, SubnetId, VpcId, ZoneName

Mode = Literal["public", "private", "isolated"]
Nat = Literal["none", "one", "per_zone"]

SMALLEST_PREFIX = 28
"""Of a VPC and of a subnet: 16 addresses, 5 of them AWS's. Source: VPC user guide, "Subnet CIDR blocks"."""
MOST_ZONES = 6
"""The region with the most zones, us-east-1, has six."""


class ExistingVpc(Config):
    """A VPC that somebody else owns. It is used as it is: nothing in it is created, changed or deleted."""

    vpc_id: VpcId
    """The VPC."""
    cidr: Cidr
    """Its block, for rules that must name it."""
    private_subnets: dict[SubnetId, Cidr] = Field(min_length=1, max_length=MOST_ZONES)
    """Private subnets, id to CIDR block, one a zone, tagged `kubernetes.io/role/internal-elb`."""
    public_subnets: dict[SubnetId, Cidr] = Field(default_factory=dict, max_length=MOST_ZONES)
    """Public subnets, id to CIDR block; empty when nothing is to be reached from the internet."""
    zone_names: Annotated[tuple[ZoneName, ...], Unique(most=MOST_ZONES)] = Field(min_length=1)
    """Zones of the private subnets, in the same order."""

    @model_validator(mode="after")
    def _fits_together(self) -> "ExistingVpc":
        if len(self.private_subnets) != len(self.zone_names):
            raise ValueError(
                f"private_subnets names {len(self.private_subnets)} subnets and zone_names {len(self.zone_names)} "
                "zones; give one subnet for each zone"
            )
        if both := sorted(self.private_subnets.keys() & self.public_subnets.keys()):
            raise ValueError(f"{both[0]} is listed as a private and as a public subnet; it is one of them")
        if not 16 <= cidr.prefix(self.cidr) <= SMALLEST_PREFIX:
            raise ValueError(f"cidr is {self.cidr}; a VPC has a block between /16 and /{SMALLEST_PREFIX}")
        blocks = [*self.private_subnets.values(), *self.public_subnets.values()]
        if small := [block for block in blocks if cidr.prefix(block) > SMALLEST_PREFIX]:
            raise ValueError(f"the subnet {small[0]} is smaller than /{SMALLEST_PREFIX}, the smallest that AWS makes")
        if pair := cidr.overlapping(blocks):
            raise ValueError(f"the subnets {pair[0]} and {pair[1]} overlap; two subnets of one VPC cannot")
        if outside := [block for block in blocks if not cidr.contains(self.cidr, block)]:
            raise ValueError(f"the subnet {outside[0]} lies outside the VPC's block {self.cidr}")
        return self


class NetworkConfig(Config):
    """The VPC of the stack."""

    mode: Mode = "private"
    """public: nodes in public subnets, no NAT (cheapest, for experiments). private: nodes in private subnets,
    out through NAT. isolated: no way to the internet; AWS is reached through interface endpoints."""
    cidr: Cidr = "10.0.0.0/16"
    """IPv4 block of the VPC, /16 to /22, within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."""
    zones: int = Field(default=2, ge=1, le=MOST_ZONES)
    """Availability zones. EKS and RDS need 2; 3 survive the loss of one with a quorum."""
    zone_names: Annotated[tuple[ZoneName, ...], Unique(most=MOST_ZONES)] | None = Field(default=None, min_length=1)
    """Zones by name, where the account must not use the region's first ones."""
    nat: Nat = "one"
    """NAT gateways: one for all zones (cheap; its zone is a single point of failure), one per_zone, or none."""
    flow_log_days: LogDays = 30
    """Days for which VPC flow logs are kept in CloudWatch Logs."""
    protect: bool = False
    """Refuse to delete the VPC."""
    existing: ExistingVpc | None = None
    """Use this VPC instead of making one; everything above is then ignored except flow logs, which its owner keeps."""

    @field_validator("cidr")
    @classmethod
    def _block(cls, value: str) -> str:
        cidr.parse(value)
        return value

    @model_validator(mode="after")
    def _layout(self) -> "NetworkConfig":
        if self.existing:
            return self
        if self.zone_names is not None and len(self.zone_names) != self.zones:
            raise ValueError(
                f"zone_names names {len(self.zone_names)} zones and zones says {self.zones}; make them agree"
            )
        if self.mode == "private" and self.nat == "none":
            raise ValueError(
                'mode "private" with nat "none" has no way out: nodes could not pull images. '
                'Use nat "one" or "per_zone", or mode "isolated"'
            )
        if self.mode != "private" and self.nat != "none":
            raise ValueError(f'mode "{self.mode}" uses no NAT gateway; set nat to "none"')
        cidr.plan(self.cidr, self.zones, public=self.mode != "isolated")
        return self


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the layout depends on beyond its own settings."""

    region: str
    zones: tuple[str, ...]
    """Zone names, as many as `config.zones`."""
    log_key_arn: pulumi.Output[str]
    endpoint_services: frozenset[str]
    """AWS services that the modules of the stack call; an isolated network gets an interface endpoint for each."""


@dataclass(frozen=True, kw_only=True)
class NetworkOutputs:
    """The VPC as its tenants see it. Private subnets are where nodes and data live, in zone order."""

    vpc_id: pulumi.Output[str]
    vpc_cidr: str
    private_subnet_ids: tuple[pulumi.Output[str], ...]
    public_subnet_ids: tuple[pulumi.Output[str], ...]
    private_subnet_cidrs: tuple[str, ...]
    zones: tuple[str, ...]
    public: bool = False
    """Whether the private subnets are public ones (mode `public`): without a public address nothing gets out."""
    ways_out: tuple[pulumi.Resource, ...] = field(default=(), metadata=INTERNAL)
    """Routes and endpoints through which the subnets reach AWS. Nodes wait for them, and are gone before them: a
    controller that deletes load balancers while the stack is destroyed still needs its way out."""


class Network(Component[NetworkOutputs]):
    """A VPC with subnets, routes, gateways, endpoints and flow logs."""

    token = "mlops:index:Network"

    def __init__(
        self, name: str, config: NetworkConfig, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        if config.existing:
            self.publish(adopt(config.existing))
            return
        self._config = config
        self._args = args
        self._route_tables: list[aws.ec2.RouteTable] = []
        self._ways_out: list[pulumi.Resource] = []
        plan = cidr.plan(config.cidr, config.zones, public=config.mode == "private")
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=config.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=self.child_with(protect=config.protect),
        )
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-security-group", vpc_id=self._vpc.id, ingress=[], egress=[], opts=self.child
        )
        flow_logs(name, self._vpc.id, args.log_key_arn, config.flow_log_days, self.child)
        # The nodes of a public network live where its load balancers do, so those subnets are the large ones.
        public_blocks = plan.private if config.mode == "public" else plan.public
        public = self._public(public_blocks) if public_blocks else []
        private = [] if config.mode == "public" else self._private(plan.private, public)
        self._gateway_endpoints()
        if config.mode == "isolated":
            self._interface_endpoints(private)
        self.publish(
            NetworkOutputs(
                vpc_id=self._vpc.id,
                vpc_cidr=config.cidr,
                private_subnet_ids=tuple(subnet.id for subnet in private or public),
                public_subnet_ids=tuple(subnet.id for subnet in public),
                private_subnet_cidrs=plan.private,
                zones=args.zones,
                public=config.mode == "public",
                ways_out=tuple(self._ways_out),
            )
        )

    def _subnets(self, role: Literal["public", "private"], blocks: Sequence[str]) -> "list[aws.ec2.Subnet]":
        load_balancer = "elb" if role == "public" else "internal-elb"
        return [
            aws.ec2.Subnet(
                f"{self.name}-{role}-{index}",
                vpc_id=self._vpc.id,
                cidr_block=block,
                availability_zone=zone,
                # Nodes of a public network need an address of their own; elsewhere only load balancers live here.
                map_public_ip_on_launch=role == "public" and self._config.mode == "public",
                tags={"Name": f"{self.name}-{role}-{zone}", f"kubernetes.io/role/{load_balancer}": "1"},
                opts=self.child,
            )
            for index, (zone, block) in enumerate(zip(self._args.zones, blocks, strict=True))
        ]

    def _route_table(self, role: str, subnets: "Sequence[aws.ec2.Subnet]", first: int = 0) -> "aws.ec2.RouteTable":
        table = aws.ec2.RouteTable(
            f"{self.name}-{role}-routes", vpc_id=self._vpc.id, tags={"Name": f"{self.name}-{role}"}, opts=self.child
        )
        for index, subnet in enumerate(subnets, start=first):
            self._ways_out.append(
                aws.ec2.RouteTableAssociation(
                    f"{self.name}-{role.split('-')[0]}-{index}-association",
                    subnet_id=subnet.id,
                    route_table_id=table.id,
                    opts=self.child,
                )
            )
        self._route_tables.append(table)
        return table

    def _public(self, blocks: Sequence[str]) -> "list[aws.ec2.Subnet]":
        gateway = aws.ec2.InternetGateway(
            f"{self.name}-internet-gateway", vpc_id=self._vpc.id, tags={"Name": self.name}, opts=self.child
        )
        subnets = self._subnets("public", blocks)
        table = self._route_table("public", subnets)
        self._internet_route = aws.ec2.Route(
            f"{self.name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self.child,
        )
        self._ways_out.append(self._internet_route)
        return subnets

    def _private(self, blocks: Sequence[str], public: "Sequence[aws.ec2.Subnet]") -> "list[aws.ec2.Subnet]":
        subnets = self._subnets("private", blocks)
        count = {"none": 0, "one": 1, "per_zone": len(subnets)}[self._config.nat]
        gateways = [self._nat(index, subnet) for index, subnet in enumerate(public[:count])]
        for index, subnet in enumerate(subnets):
            # A table for each zone even with one gateway, so that adding gateways changes routes and nothing else.
            table = self._route_table(f"private-{index}", [subnet], first=index)
            if gateways:
                self._ways_out.append(
                    aws.ec2.Route(
                        f"{self.name}-private-{index}-nat",
                        route_table_id=table.id,
                        destination_cidr_block="0.0.0.0/0",
                        nat_gateway_id=gateways[min(index, count - 1)].id,
                        opts=self.child,
                    )
                )
        return subnets

    def _nat(self, index: int, subnet: "aws.ec2.Subnet") -> "aws.ec2.NatGateway":
        address = aws.ec2.Eip(
            f"{self.name}-nat-{index}-address",
            domain="vpc",
            tags={"Name": f"{self.name}-nat-{index}"},
            opts=self.child,
        )
        return aws.ec2.NatGateway(
            f"{self.name}-nat-{index}",
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags={"Name": f"{self.name}-{index}"},
            # AWS wants the way to the internet to stand before the gateway, and to outlive it; no data says so.
            opts=self.child_with(depends_on=[self._internet_route]),
        )

    def _gateway_endpoints(self) -> None:
        for service in ("s3", "dynamodb"):
            self._ways_out.append(
                aws.ec2.VpcEndpoint(
                    f"{self.name}-{service}-endpoint",
                    vpc_id=self._vpc.id,
                    service_name=f"com.amazonaws.{self._args.region}.{service}",
                    vpc_endpoint_type="Gateway",
                    route_table_ids=[table.id for table in self._route_tables],
                    tags={"Name": f"{self.name}-{service}"},
                    opts=self.child,
                )
            )

    def _interface_endpoints(self, subnets: "Sequence[aws.ec2.Subnet]") -> None:
        group = aws.ec2.SecurityGroup(
            f"{self.name}-endpoints-security-group",
            vpc_id=self._vpc.id,
            description="HTTPS from the VPC to AWS service endpoints",
            tags={"Name": f"{self.name}-endpoints"},
            opts=self.child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-endpoints-https",
            security_group_id=group.id,
            cidr_ipv4=self._config.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS from the VPC",
            opts=self.child,
        )
        for service in sorted(self._args.endpoint_services):
            self._ways_out.append(
                aws.ec2.VpcEndpoint(
                    f"{self.name}-{service.replace('.', '-')}-endpoint",
                    vpc_id=self._vpc.id,
                    service_name=service_name(service, self._args.region),
                    vpc_endpoint_type="Interface",
                    private_dns_enabled=True,
                    subnet_ids=[subnet.id for subnet in subnets],
                    security_group_ids=[group.id],
                    tags={"Name": f"{self.name}-{service}"},
                    opts=self.child,
                )
            )


def adopt(existing: ExistingVpc) -> NetworkOutputs:
    """The outputs of a VPC that is only used."""
    return NetworkOutputs(
        vpc_id=pulumi.Output.from_input(existing.vpc_id),
        vpc_cidr=existing.cidr,
        private_subnet_ids=tuple(map(pulumi.Output.from_input, existing.private_subnets)),
        public_subnet_ids=tuple(map(pulumi.Output.from_input, existing.public_subnets)),
        private_subnet_cidrs=tuple(existing.private_subnets.values()),
        zones=existing.zone_names,
    )
