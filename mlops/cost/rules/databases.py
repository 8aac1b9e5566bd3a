"""RDS, Aurora, ElastiCache, DynamoDB, OpenSearch, Redshift. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from mlops.core import engines
from mlops.cost.model import Context, Item, Rule, hours, used
from mlops.cost.rules.credits import credit_items
from mlops.cost.rules.database_support import extended_support, watching
from mlops.cost.support import month_split, since
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
    engine = node.at("engine").text() or "postgres"
    placing = "multi_az" if node.at("multiAz").flag() else "single_az"
    service = f"rds_{engine}"
    name = node.at("instanceClass").text("unknown")
    zones = "in two zones" if placing == "multi_az" else "in one zone"
    running = context.figure("compute.database_hours")
    yield hours(f"{name} {zones}", (service, f"{name}:{placing}"), 1, running)
    yield from credit_items(node, context)
    gb, kind = node.at("allocatedStorage").number(20), (node.at("storageType").text() or "gp3")
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
    iops = node.at("iops").number()
    if kind == "gp3":
        included = _BASE_IOPS_LARGE if gb >= _LARGE_GB else _BASE_IOPS
        more = max(iops - included, Decimal(0))
        yield Item(label=f"IOPS over {included}", sku=(service, f"gp3_extra_iops:{placing}"), quantity=more)
    elif kind.startswith("io"):
        copies = 2 if placing == "multi_az" else 1
        yield Item(label="provisioned IOPS", sku=(service, f"iops_{kind}:single_az"), quantity=iops * copies)


def managed_secret(node: Node) -> Iterator[Item]:
    """The master password that RDS keeps in Secrets Manager costs what any secret costs."""
    if node.at("manageMasterUserPassword").flag():
        yield Item(label="secret of the master user", sku=("secrets_manager", "secret"), quantity=Decimal(1))


def aurora(node: Node, context: Context) -> Iterator[Item]:
    """An Aurora cluster without its instances: storage, I/O and backups follow from use."""
    yield used("Aurora storage", ("aurora", "storage"), context.share("storage.files_gb", RDS_CLUSTER))
    backups = context.share("storage.database_backups_gb", RDS_INSTANCE, RDS_CLUSTER)
    yield used("backups beyond the free ones", ("aurora", "backup_storage"), backups)
    yield from managed_secret(node)


def aurora_instance(node: Node, context: Context) -> Iterator[Item]:
    """By class, or for `db.serverless` by the smallest capacity that the cluster goes down to."""
    name = node.at("instanceClass").text("unknown")
    running = context.figure("compute.database_hours")
    if name == "db.serverless":
        owner = context.behind(node, "clusterIdentifier", RDS_CLUSTER)
        units = (owner or node).at("serverlessv2ScalingConfiguration.minCapacity").number(0.5)
        yield hours(f"Aurora Serverless, {units} ACU at least", ("aurora", "serverless_v2_acu"), units, running)
    else:
        yield hours(f"{name} (Aurora)", ("aurora", f"{name}:standard"), 1, running)
        yield from extended_support(node)
        yield from watching(node, context)


def late(product: str, node: Node, ends: date | None, service: str, count: Decimal) -> Iterator[Item]:
    """Extended support of a version whose standard support ends on a day, by node and hour."""
    if ends is not None:
        _, charged = month_split(ends)
        label = f"extended support of {product} {node.at('engineVersion').text()}{since(ends)}"
        yield Item(label=label, sku=(service, "extended_support"), quantity=count * charged)


def cache(node: Node, context: Context) -> Iterator[Item]:
    """Every node of every shard."""
    shards = node.at("numNodeGroups").number(1)
    replicas = node.at("replicasPerNodeGroup").number()
    count = node.at("numCacheClusters").number() or shards * (replicas + 1)
    name, engine = node.at("nodeType").text("unknown"), (node.at("engine").text() or "redis")
    yield hours(f"{count} × {name} ({engine})", (f"elasticache_{engine}", name), count)
    if engine == "redis":
        ends = engines.CACHE_STANDARD_UNTIL.get(node.at("engineVersion").text().partition(".")[0])
        yield from late("redis", node, ends, "elasticache_redis", count)


def serverless_cache(node: Node, context: Context) -> Iterator[Item]:
    """Data held (AWS charges 100 MB of Valkey at the least) and processing units."""
    least = Decimal("0.1") if node.at("engine").text() == "valkey" else Decimal(1)
    yield hours("data in the cache, GB", ("elasticache_serverless", "valkey_data_storage"), least)


def table(node: Node, context: Context) -> Iterator[Item]:
    """On demand by request, or by provisioned capacity; storage either way."""
    if node.at("billingMode").text() == "PAY_PER_REQUEST":
        reads = context.share("requests.table_reads", TABLE) / 1_000_000
        writes = context.share("requests.table_writes", TABLE) / 1_000_000
        yield used("reads", ("dynamodb", "on_demand_read"), reads)
        yield used("writes", ("dynamodb", "on_demand_write"), writes)
    else:
        yield hours("read capacity", ("dynamodb", "provisioned_rcu"), node.at("readCapacity").number(1))
        yield hours("write capacity", ("dynamodb", "provisioned_wcu"), node.at("writeCapacity").number(1))
    yield used("storage", ("dynamodb", "storage"), context.share("requests.table_gb", TABLE))


def search(node: Node, context: Context) -> Iterator[Item]:
    config = node.at("clusterConfig")
    count, name = config.at("instanceCount").number(1), config.at("instanceType").text() or "m5.large.search"
    yield hours(f"{count} × {name}", ("opensearch", name), count)
    if config.at("dedicatedMasterEnabled").flag():
        masters, kind = config.at("dedicatedMasterCount").number(3), config.at("dedicatedMasterType").text("unknown")
        yield hours(f"{masters} × {kind}, masters", ("opensearch", kind), masters)
    product, _, version = node.at("engineVersion").text().partition("_")
    # The catalogue has no dates of Elasticsearch: it is named, whichever version it is.
    ends = date.min if product == "Elasticsearch" else engines.SEARCH_STANDARD_UNTIL.get(version)
    yield from late(product, node, ends, "opensearch", count)
    disk = node.at("ebsOptions")
    gb = disk.at("volumeSize").number() * count
    yield Item(label="storage", sku=("opensearch", f"storage_{disk.at('volumeType').text() or 'gp3'}"), quantity=gb)


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
