"""S3, EBS and ECR. Source of what is charged: the pricing pages of the three."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mlops.cost.model import Context, Item, Rule, number, part_of, tiered, used
from mlops.cost.rules.lifecycle import STANDARD as _STANDARD
from mlops.cost.rules.lifecycle import stored
from mlops.plan.graph import Node

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_LOGGING = "aws:s3/bucketLogging:BucketLogging"
REPOSITORY = "aws:ecr/repository:Repository"

_GP3_IOPS, _GP3_THROUGHPUT = 3_000, 125
"""What a gp3 volume has without extra charge: IOPS, MiB/s."""


def bucket(node: Node, context: Context) -> Iterator[Item]:
    """Objects and requests. Every bucket has an equal part of what the stack stores; log buckets of what they log."""
    logs = context.log_buckets
    if node.urn in logs:
        gb = part_of(context.figure("storage.bucket_logs_gb"), len(logs))
        yield from tiered("S3 Standard: logs", "s3", _STANDARD, gb)
        return
    others = context.count(BUCKET) - len(logs)
    yield from stored(node, part_of(context.figure("storage.data_gb"), others), context)
    puts = part_of(context.figure("storage.put_requests"), others) / 1000
    gets = part_of(context.figure("storage.get_requests"), others) / 1000
    yield used("S3 writes and lists", ("s3", "standard_put_copy_post_list"), puts)
    yield used("S3 reads", ("s3", "standard_get_and_other"), gets)


def repository(node: Node, context: Context) -> Iterator[Item]:
    gb = context.share("storage.images_gb", REPOSITORY)
    yield used("container images", ("ecr", "private_storage"), gb)


def volume(node: Node, context: Context) -> Iterator[Item]:
    kind, gb = (node.at("type").text() or "gp3"), node.at("size").number(8)
    yield from volume_items(
        f"volume, {gb} GB {kind}", kind, gb, Decimal(1), node.at("iops").number(), node.at("throughput").number()
    )


def volume_items(
    label: str, kind: str, gb: Decimal, count: Decimal, iops: Any = None, throughput: Any = None
) -> Iterator[Item]:
    """EBS volumes of one size. IOPS and MiB/s beyond what gp3 brings are charged; io1 and io2 charge every IOPS."""
    yield Item(label=label, sku=("ebs", f"{kind}_storage"), quantity=gb * count)
    if kind == "gp3":
        more = max(number(iops) - _GP3_IOPS, Decimal(0)) * count
        yield Item(label=f"{label}: IOPS over {_GP3_IOPS}", sku=("ebs", "gp3_iops_over_3000"), quantity=more)
        faster = max(number(throughput) - _GP3_THROUGHPUT, Decimal(0)) * count
        yield Item(label=f"{label}: MiB/s over 125", sku=("ebs", "gp3_throughput_over_125"), quantity=faster)
    elif kind in ("io1", "io2"):
        sku = "io1_iops" if kind == "io1" else "io2_iops_first_32000"
        yield Item(label=f"{label}: IOPS", sku=("ebs", sku), quantity=number(iops) * count)


RULES: dict[str, Rule] = {
    BUCKET: bucket,
    REPOSITORY: repository,
    "aws:ebs/volume:Volume": volume,
}
