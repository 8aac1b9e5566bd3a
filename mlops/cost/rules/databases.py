"""RDS, Aurora, ElastiCache, DynamoDB, OpenSearch, Redshift. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context, Item, Rule, hours, number, used
from mlops.cost.rules.credits import credit_items
from mlops.cost.rules.database_support import extended_support, watching
from mlops.plan.graph import Node

RDS_INSTANCE = "aws:rds/instance:Instance"
RDS_CLUSTER = "aws:rds/cluster:Cluster"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
TABLE = "aws:dynamodb/table:Table"
WORKGROUP = "aws:redshiftserverless/workgroup:Workgroup"

_BASE_IOPS, _BASE_IOPS_LARGE, _LARGE_GB = 3_000, 12_000, 400
"""gp3 of RDS PostgreSQL: IOPS included below and from 400 GB (RDS user guide, "gp3 storage")."""


def instance(node: Node, context: Context) -> Iterator[Item]:
    """One RDS instance. A standby in a second zone doubles instance and storage."""
    engine = str(node.inputs.get("engine") or "postgres")
    placing = "multi_az" if node.inputs.get("multiAz") else "single_az"
    service = f"rds_{engine}"
    name = str(node.inputs.get("instanceClass"))
    zones = "in two zones" if placing == "multi_az" else "in one zone"
    running = context.figure("compute.database_hours")
    yield hours(f"{name} {zones}", (service, f"{name}:{placing}"), 1, running)
    yield from credit_items(node, context)
    gb, kind = number(node.inputs.get("allocatedStorage"), 20), str(node.inputs.get("storageType") or "gp3")
    # A multi-AZ price per GB is known for gp3 alone; every kind costs twice with two copies.
    twice = placing == "multi_az" and kind != "gp3"
    storage = (service, f"storage_{kind}:{'single_az' if twice else placing}")
    yield Item(label=f"storage, {gb} GB {kind} {zones}", sku=storage, quantity=gb * (2 if twice else 1))
    yield from _iops(node, service, placing, kind, gb)
    backups = context.share("storage.database_backups_gb", RDS_INSTANCE, RDS_CLUSTER)
    yield used("backups beyond the free ones", (service, "backup_storage_over_free"), backups)
    yield from watching(node, context)
    yield from extended_support(node)
    yield from managed_secret(node)


def _iops(node: Node, service: str, placing: str, kind: str, gb: Decimal) -> Iterator[Item]:
    iops = number(node.inputs.get("iops"))
    if kind == "gp3":
        included = _BASE_IOPS_LARGE if gb >= _LARGE_GB else _BASE_IOPS
        more = max(iops - included, Decimal(0))
        yield Item(label=f"IOPS over {included}", sku=(service, f"gp3_extra_iops:{placing}"), quantity=more)
    elif kind.startswith("io"):
        copies = 2 if placing == "multi_az" else 1
        yield Item(label="provisioned IOPS", sku=(service, f"iops_{kind}:single_az"), quantity=iops * copies)


def managed_secret(node: Node) -> Iterator[Item]:
    """The master password that RDS keeps in Secrets Manager costs what any secret costs."""
    if node.inputs.get("manageMasterUserPassword"):
        yield Item(label="secret of the master user", sku=("secrets_manager", "secret"), quantity=Decimal(1))


def aurora(node: Node, context: Context) -> Iterator[Item]:
    """An Aurora cluster without its instances: storage, I/O and backups follow from use."""
    yield used("Aurora storage", ("aurora", "storage"), context.share("storage.files_gb", RDS_CLUSTER))
    backups = context.share("storage.database_backups_gb", RDS_INSTANCE, RDS_CLUSTER)
    yield used("backups beyond the free ones", ("aurora", "backup_storage"), backups)
    yield from managed_secret(node)


def aurora_instance(node: Node, context: Context) -> Iterator[Item]:
    """By class, or for `db.serverless` by the smallest capacity that the cluster goes down to."""
    name = str(node.inputs.get("instanceClass"))
    running = context.figure("compute.database_hours")
    if name == "db.serverless":
        owner = context.behind(node, "clusterIdentifier", RDS_CLUSTER)
        scaling = (owner.inputs.get("serverlessv2ScalingConfiguration") or {}) if owner else {}
        units = number(scaling.get("minCapacity"), 0.5)
        yield hours(f"Aurora Serverless, {units} ACU at least", ("aurora", "serverless_v2_acu"), units, running)
    else:
        yield hours(f"{name} (Aurora)", ("aurora", f"{name}:standard"), 1, running)
        yield from extended_support(node)


def cache(node: Node, context: Context) -> Iterator[Item]:
    """Every node of every shard."""
    shards = number(node.inputs.get("numNodeGroups"), 1)
    replicas = number(node.inputs.get("replicasPerNodeGroup"))
    count = number(node.inputs.get("numCacheClusters")) or shards * (replicas + 1)
    name, engine = str(node.inputs.get("nodeType")), str(node.inputs.get("engine") or "redis")
    yield hours(f"{count} × {name} ({engine})", (f"elasticache_{engine}", name), count)


def serverless_cache(node: Node, context: Context) -> Iterator[Item]:
    """Data held (AWS charges 100 MB of Valkey at the least) and processing units."""
    least = Decimal("0.1") if node.inputs.get("engine") == "valkey" else Decimal(1)
    yield hours("data in the cache, GB", ("elasticache_serverless", "valkey_data_storage"), least)


def table(node: Node, context: Context) -> Iterator[Item]:
    """On demand by request, or by provisioned capacity; storage either way."""
    if node.inputs.get("billingMode") == "PAY_PER_REQUEST":
        reads = context.share("requests.table_reads", TABLE) / 1_000_000
        writes = context.share("requests.table_writes", TABLE) / 1_000_000
        yield used("reads", ("dynamodb", "on_demand_read"), reads)
        yield used("writes", ("dynamodb", "on_demand_write"), writes)
    else:
        yield hours("read capacity", ("dynamodb", "provisioned_rcu"), number(node.inputs.get("readCapacity"), 1))
        yield hours("write capacity", ("dynamodb", "provisioned_wcu"), number(node.inputs.get("writeCapacity"), 1))
    yield used("storage", ("dynamodb", "storage"), context.share("requests.table_gb", TABLE))


def search(node: Node, context: Context) -> Iterator[Item]:
    config = node.inputs.get("clusterConfig") or {}
    count, name = number(config.get("instanceCount"), 1), str(config.get("instanceType") or "m5.large.search")
    yield hours(f"{count} × {name}", ("opensearch", name), count)
    if config.get("dedicatedMasterEnabled"):
        masters, kind = number(config.get("dedicatedMasterCount"), 3), str(config.get("dedicatedMasterType"))
        yield hours(f"{masters} × {kind}, masters", ("opensearch", kind), masters)
    disk = node.inputs.get("ebsOptions") or {}
    gb = number(disk.get("volumeSize")) * count
    yield Item(label="storage", sku=("opensearch", f"storage_{disk.get('volumeType') or 'gp3'}"), quantity=gb)


def warehouse(node: Node, context: Context) -> Iterator[Item]:
    units = context.share("compute.warehouse_rpu_hours", WORKGROUP)
    yield used("Redshift Serverless", ("redshift_serverless", "rpu"), units)


RULES: dict[str, Rule] = {
    RDS_INSTANCE: instance,
    RDS_CLUSTER: aurora,
    "aws:rds/clusterInstance:ClusterInstance": aurora_instance,
    CACHE: cache,
    "aws:elasticache/serverlessCache:ServerlessCache": serverless_cache,
    TABLE: table,
    "aws:opensearch/domain:Domain": search,
    WORKGROUP: warehouse,
}
