"""File systems and backups. Source of what is charged: the pricing pages of EFS, FSx and AWS Backup."""

from collections.abc import Iterator

from mlops.cost.model import Context, Item, Rule, used
from mlops.plan.graph import Node

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"
VAULT = "aws:backup/vault:Vault"
VOLUME_SNAPSHOT, DATABASE_SNAPSHOT = "aws:ebs/snapshot:Snapshot", "aws:rds/snapshot:Snapshot"
SCHEDULE = "kubernetes:velero.io/v1:Schedule"
_SNAPSHOTS = (VAULT, VOLUME_SNAPSHOT, DATABASE_SNAPSHOT, SCHEDULE)
"""What shares the stack's snapshots."""


def file_system(node: Node, context: Context) -> Iterator[Item]:
    """EFS, elastic or bursting throughput; provisioned throughput is charged by MB/s."""
    gb = context.share("storage.files_gb", FILE_SYSTEM)
    zonal = "one_zone_storage" if node.at("availabilityZoneName") else "standard_storage"
    yield used("EFS storage", ("efs", zonal), gb)
    if node.at("throughputMode").text() == "provisioned":
        speed = node.at("provisionedThroughputInMibps").number()
        yield Item(label="EFS provisioned throughput", sku=("efs", "provisioned_throughput"), quantity=speed)


def lustre(node: Node, context: Context) -> Iterator[Item]:
    gb = node.at("storageCapacity").number(1200)
    kind = (node.at("deploymentType").text() or "SCRATCH_2").lower()
    yield Item(label=f"FSx for Lustre, {gb} GB", sku=("fsx_lustre", kind), quantity=gb)


def vault(node: Node, context: Context) -> Iterator[Item]:
    """What lies in the vaults; most of it are snapshots of volumes and databases, at the dearer one's price."""
    gb = context.share("storage.snapshots_gb", *_SNAPSHOTS)
    yield used("backups", ("aws_backup", "rds_snapshot"), gb)


def volume_snapshot(node: Node, context: Context) -> Iterator[Item]:
    """By what changed since the snapshot before."""
    gb = context.share("storage.snapshots_gb", *_SNAPSHOTS)
    yield used("snapshot of a volume", ("ebs", "snapshot"), gb)


def database_snapshot(node: Node, context: Context) -> Iterator[Item]:
    """A snapshot made by hand is not among the free backups."""
    gb = context.share("storage.snapshots_gb", *_SNAPSHOTS)
    yield used("snapshot of a database", ("rds_postgres", "backup_storage_over_free"), gb)


def backup_schedule(node: Node, context: Context) -> Iterator[Item]:
    """Velero's copies of volumes: in the lake, whose gigabytes of the usage are without them, or as snapshots."""
    gb = context.share("storage.snapshots_gb", *_SNAPSHOTS)
    if node.at("spec.template.snapshotMoveData").flag(default=False):
        yield used("backups of volumes", ("s3", "standard_storage_first_50tb"), gb)
    elif node.at("spec.template.snapshotVolumes").flag(default=True):
        yield used("snapshots of volumes", ("ebs", "snapshot"), gb)


RULES: dict[str, Rule] = {
    FILE_SYSTEM: file_system,
    "aws:fsx/lustreFileSystem:LustreFileSystem": lustre,
    VAULT: vault,
    VOLUME_SNAPSHOT: volume_snapshot,
    DATABASE_SNAPSHOT: database_snapshot,
}
