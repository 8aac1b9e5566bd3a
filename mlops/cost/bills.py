"""Published bills of such platforms, held against the same rules: what they say, what it costs, what they forgot."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mlops.core.usage import (
    COMPANY,
    LogsUsage,
    RequestUsage,
    StorageUsage,
    StreamUsage,
    TrafficUsage,
    UsageConfig,
)
from mlops.cost.book import Book
from mlops.cost.estimate import Estimate, estimate
from mlops.cost.model import Line
from mlops.plan.graph import Graph, Node

_TB = 1024


@dataclass(frozen=True, kw_only=True)
class Said:
    """A line of a published bill."""

    label: str
    usd: Decimal
    """A month."""
    type: str
    """Type token of the resource that it stands for."""
    starts: tuple[str, ...]
    """Starts of the labels of our lines; the first of them is the one whose unit price the published line implies."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A published bill, and the resources that it describes as a graph."""

    name: str
    title: str
    said: tuple[Said, ...]
    total_usd: Decimal
    """As published, a month; it may be a rounded sum."""
    remark: str
    graph: Graph
    usage: UsageConfig


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A published line beside ours."""

    said: Said
    ours: tuple[Line, ...]

    @property
    def usd(self) -> Decimal:
        return sum((line.monthly for line in self.ours), Decimal(0))

    @property
    def implied(self) -> Decimal:
        """The unit price that would make our first line come to what was published."""
        first, *others = self.ours
        return (self.said.usd - sum(line.monthly for line in others)) / first.quantity


@dataclass(frozen=True, kw_only=True)
class Comparison:
    bill: Bill
    lines: tuple[Compared, ...]
    forgotten: tuple[Line, ...]
    """Ours that no published line stands for, dearest first."""
    estimate: Estimate


def compare(bill: Bill, book: Book) -> Comparison:
    """Hold a published bill against the rules."""
    ours = estimate(bill.graph, bill.usage, book)
    compared = tuple(
        Compared(said=said, ours=tuple(line for line in ours.lines if _stands_for(said, line))) for said in bill.said
    )
    counted = {id(line) for row in compared for line in row.ours}
    forgotten = sorted((line for line in ours.lines if id(line) not in counted), key=lambda line: -line.monthly)
    return Comparison(bill=bill, lines=compared, forgotten=tuple(forgotten), estimate=ours)


def _stands_for(said: Said, line: Line) -> bool:
    return line.type == said.type and line.label.startswith(said.starts)


def _graph(name: str, resources: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Graph:
    """A graph by hand: logical name -> type and inputs. References are by id, which is the name."""
    nodes = [
        Node(
            urn=f"urn:pulumi:{name}::bills::{type_}::{key}",
            type=type_,
            name=key,
            id=key,
            inputs=inputs,
        )
        for key, (type_, inputs) in resources.items()
    ]
    return Graph(project="bills", stack=name, nodes=tuple(nodes))


def _node_group(types: list[str], count: int, capacity: str = "ON_DEMAND", most: int = 0) -> Mapping[str, Any]:
    return {
        "instanceTypes": types,
        "capacityType": capacity,
        "scalingConfig": {"minSize": count, "desiredSize": count, "maxSize": max(most, count)},
        "launchTemplate": {"id": "template"},
    }


def _template(gb: int) -> tuple[str, Mapping[str, Any]]:
    volume = {"ebs": {"volumeType": "gp3", "volumeSize": gb}}
    return "aws:ec2/launchTemplate:LaunchTemplate", {"blockDeviceMappings": [volume], "monitoring": {"enabled": True}}


_GROUP, _INSTANCE, _BUCKET = "aws:eks/nodeGroup:NodeGroup", "aws:rds/instance:Instance", "aws:s3/bucket:Bucket"
_CLUSTER = "aws:eks/cluster:Cluster"

DEV = Bill(
    name="dev",
    title="Development environment of a reference implementation",
    said=(
        Said(label="EKS control plane", usd=Decimal(73), type=_CLUSTER, starts=("EKS control plane",)),
        Said(label="3 × m5.xlarge spot", usd=Decimal(180), type=_GROUP, starts=("3 × m5.xlarge",)),
        Said(label="RDS db.t3.medium", usd=Decimal(60), type=_INSTANCE, starts=("db.t3.medium", "storage")),
        Said(label="S3, 1 TB", usd=Decimal(23), type=_BUCKET, starts=("S3 Standard",)),
    ),
    total_usd=Decimal(336),
    remark="The published sum names four lines. A cluster that runs needs the others as well.",
    graph=_graph(
        "dev-bill",
        {
            "vpc": ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"}),
            "nat-address": ("aws:ec2/eip:Eip", {"domain": "vpc"}),
            "nat": ("aws:ec2/natGateway:NatGateway", {}),
            "key": ("aws:kms/key:Key", {}),
            "cluster": (_CLUSTER, {"version": "1.35"}),
            "cluster-logs": ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 30}),
            "template": _template(50),
            "nodes": (_GROUP, _node_group(["m5.xlarge"], 3, "SPOT", 10)),
            "database": (
                _INSTANCE,
                {
                    "engine": "postgres",
                    "instanceClass": "db.t3.medium",
                    "allocatedStorage": 50,
                    "storageType": "gp3",
                    "manageMasterUserPassword": True,
                },
            ),
            "lake": (_BUCKET, {}),
            "ingress": ("aws:lb/loadBalancer:LoadBalancer", {"loadBalancerType": "application", "internal": True}),
        },
    ),
    usage=UsageConfig(storage=StorageUsage(data_gb=_TB)),
)

SCALE = Bill(
    name="scale",
    title="Production of a business case over three years ($10.2M, $11.8M and $13.0M)",
    said=(),
    total_usd=Decimal(10_200_000) / 12,
    remark=(
        "The business case names yearly totals and not what they hold, so nothing can be held against it "
        "line by line. The fleet here is of a size that such a budget can carry; it is no tier of this platform."
    ),
    graph=_graph(
        "scale-bill",
        {
            "vpc": ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"}),
            **{f"nat-{index}": ("aws:ec2/natGateway:NatGateway", {}) for index in range(6)},
            **{f"nat-{index}-address": ("aws:ec2/eip:Eip", {}) for index in range(6)},
            **{f"key-{index}": ("aws:kms/key:Key", {}) for index in range(20)},
            "cluster-primary": (_CLUSTER, {"version": "1.35"}),
            "cluster-secondary": (_CLUSTER, {"version": "1.35"}),
            "logs": ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 365}),
            "template": _template(200),
            "nodes-general": (_GROUP, _node_group(["m7i.4xlarge"], 120)),
            "nodes-inference": (_GROUP, _node_group(["g6.12xlarge"], 40)),
            "nodes-training": (_GROUP, _node_group(["p5.48xlarge"], 8)),
            "database": (
                _INSTANCE,
                {
                    "engine": "postgres",
                    "instanceClass": "db.r6g.16xlarge",
                    "multiAz": True,
                    "allocatedStorage": 10_000,
                    "storageType": "gp3",
                },
            ),
            "brokers": (
                "aws:msk/cluster:Cluster",
                {
                    "numberOfBrokerNodes": 12,
                    "brokerNodeGroupInfo": {
                        "instanceType": "kafka.m7g.4xlarge",
                        "storageInfo": {"ebsStorageInfo": {"volumeSize": 4_000}},
                    },
                },
            ),
            "lake": (_BUCKET, {}),
        },
    ),
    usage=COMPANY.model_copy(
        update={
            "traffic": TrafficUsage(internet_out_gb=300_000, cross_zone_gb=500_000, nat_gb=200_000),
            "storage": StorageUsage(data_gb=1_000 * _TB, put_requests=2e9, get_requests=20e9, images_gb=2_000),
            "logs": LogsUsage(ingested_gb=30_000, queried_gb=50_000),
            "streams": StreamUsage(ingested_gb=200_000, read_gb=800_000),
            "requests": RequestUsage(kms=2e9),
        }
    ),
)

BILLS: Mapping[str, Bill] = {bill.name: bill for bill in (DEV, SCALE)}
