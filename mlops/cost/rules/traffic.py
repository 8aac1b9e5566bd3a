"""Traffic of the stack as a whole: it is charged wherever it leaves a zone or AWS, by no resource of its own."""

from collections.abc import Iterator

from mlops.cost.model import Context, Item, tiered, used
from mlops.plan.graph import Node

VPC = "aws:ec2/vpc:Vpc"
_CARRIERS = (
    VPC,
    "aws:eks/cluster:Cluster",
    "aws:ecs/cluster:Cluster",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:ec2/instance:Instance",
)
"""Where traffic comes from. A stack without any of these has none worth a line."""

_OUT = (
    ("internet_out_from_0_gb", 10_240),
    ("internet_out_from_10240_gb", 51_200),
    ("internet_out_from_51200_gb", 153_600),
    ("internet_out_from_153600_gb", float("inf")),
)


def of_stack(context: Context) -> Iterator[tuple[Node | None, Item]]:
    """Answers to the internet, and traffic between zones, which is charged where it leaves and where it arrives.

    The first 100 GB that leave AWS are free once an account; they are not taken off here, because other stacks of
    the account may use them."""
    source = next(iter(context.of_type(*_CARRIERS)), None)
    if source is None:
        return
    # What leaves by CloudFront is charged there; on the way to it traffic is free.
    if not context.count("aws:cloudfront/distribution:Distribution"):
        out = context.figure("traffic.internet_out_gb")
        yield from ((source, item) for item in tiered("traffic to the internet", "data_transfer", _OUT, out))
    both_ends = context.figure("traffic.cross_zone_gb") * 2
    yield source, used("traffic between zones, both ends", ("data_transfer", "inter_az_each_direction"), both_ends)
    metrics = context.figure("logs.custom_metrics")
    yield source, used("metrics of workloads", ("cloudwatch", "custom_metric_first_10k"), metrics)
