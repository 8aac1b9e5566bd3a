"""Small stacks written by hand, and what they cost."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mlops.core.usage import UsageConfig
from mlops.cost.book import load
from mlops.cost.estimate import Estimate, estimate
from mlops.plan.graph import Graph, Node

NOTHING_USED = UsageConfig.model_validate(
    {
        "traffic": dict.fromkeys(("internet_out_gb", "cross_zone_gb", "nat_gb", "endpoint_gb"), 0),
        "storage": dict.fromkeys(("data_gb", "put_requests", "get_requests", "images_gb", "files_gb"), 0),
        "logs": dict.fromkeys(
            ("application_gb", "queried_gb", "api_calls", "config_items", "grafana_editors", "grafana_viewers"), 0
        ),
        "streams": dict.fromkeys(("ingested_gb", "read_gb", "partitions", "topics", "consumer_groups"), 0),
        "compute": dict.fromkeys(
            (
                "burst_vcpu_hours",
                "fargate_vcpu_hours",
                "training_hours",
                "notebook_hours",
                "job_dpu_hours",
                "query_tb",
                "warehouse_rpu_hours",
            ),
            0,
        ),
        "requests": dict.fromkeys(
            (
                "kms",
                "secrets",
                "functions",
                "api",
                "messages",
                "notices",
                "dns",
                "table_reads",
                "table_writes",
                "table_gb",
                "state_transitions",
            ),
            0,
        ),
    }
)
"""A stack that nobody uses: what is left is what it costs by being there."""


def resource(type_: str, name: str = "one", inputs: Mapping[str, Any] | None = None, **links: Node) -> Node:
    """A resource; each keyword names an input whose value comes from another resource."""
    return Node(
        urn=f"urn:pulumi:test::mlops::{type_}::{name}",
        type=type_,
        name=name,
        id=f"id-of-{name}",
        inputs=inputs or {},
        dependencies=tuple(sorted(node.urn for node in links.values())),
        property_dependencies={prop: (node.urn,) for prop, node in links.items()},
    )


def stack(*nodes: Node, region: str = "us-east-1") -> Graph:
    """A stack of these resources, in a region."""
    provider = Node(
        urn="urn:pulumi:test::mlops::pulumi:providers:aws::aws",
        type="pulumi:providers:aws",
        name="aws",
        inputs={"region": region},
    )
    return Graph(project="mlops", stack="test", nodes=(provider, *nodes))


def priced(*nodes: Node, usage: UsageConfig = NOTHING_USED, region: str = "us-east-1") -> Estimate:
    """The estimate of a stack of these resources."""
    return estimate(stack(*nodes, region=region), usage, load())


def bill(*nodes: Node, usage: UsageConfig = NOTHING_USED, region: str = "us-east-1") -> dict[str, float]:
    """Label to US dollars a month, to the cent."""
    found: dict[str, Decimal] = {}
    for line in priced(*nodes, usage=usage, region=region).lines:
        found[line.label] = found.get(line.label, Decimal(0)) + line.monthly
    return {label: round(float(monthly), 2) for label, monthly in found.items()}


def used(**parts: Mapping[str, float]) -> UsageConfig:
    """A stack that is used for these things and nothing else."""
    return UsageConfig.model_validate(
        {
            **NOTHING_USED.model_dump(),
            **{part: {**getattr(NOTHING_USED, part).model_dump(), **values} for part, values in parts.items()},
        }
    )
