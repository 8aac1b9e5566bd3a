"""Kinesis, Firehose and MSK. Source of what is charged: their pricing pages."""

import math
from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.amounts import Amount
from mlops.cost.model import HOURS, Context, Item, Rule, hours, tiered, used
from mlops.plan.graph import Node

STREAM = "aws:kinesis/stream:Stream"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
MSK = "aws:msk/cluster:Cluster"
MSK_SERVERLESS = "aws:msk/serverlessCluster:ServerlessCluster"
_STREAMS = (STREAM, MSK, MSK_SERVERLESS)
"""What shares the stack's events."""

_LEVELS = ("DEFAULT", "PER_BROKER", "PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION")
_METRICS = {"standard": (47, 3, 2), "express": (34, 1, 3)}
"""Metrics that each level adds: a broker, a topic on a broker, a partition of a consumer group. Counted in the tables
of the MSK developer guide ("Metrics for monitoring Standard / Express brokers"); only those of DEFAULT are free."""
_FIREHOSE = (
    ("ingest_first_500tb", 512_000),
    ("ingest_next_1_5pb", 2_048_000),
    ("ingest_next_3pb", float("inf")),
)
_PAYLOAD_UNIT_KB = 25
_DAY, _WEEK = 24, 168


def stream(node: Node, context: Context) -> Iterator[Item]:
    """By shard, or on demand by stream and GB. Keeping data for more than a day costs more."""
    ingested = context.share("streams.ingested_gb", *_STREAMS)
    read = context.share("streams.read_gb", *_STREAMS)
    days = node.at("retentionPeriod").number(_DAY) / _DAY
    if node.at("streamModeDetails.streamMode").text() == "ON_DEMAND":
        yield hours("Kinesis stream, on demand", ("kinesis", "on_demand_stream"))
        yield used("data in", ("kinesis", "on_demand_data_in"), ingested)
        yield used("data out", ("kinesis", "on_demand_data_out"), read)
        if days > 1:
            kept = ingested / 30 * (min(days, Decimal(7)) - 1)
            yield used("kept for up to 7 days", ("kinesis", "extended_retention_on_demand_7d"), kept)
    else:
        shards = node.at("shardCount").number(1)
        yield hours(f"{shards} Kinesis shards", ("kinesis", "provisioned_shard"), shards)
        yield used("payload units of 25 KB", ("kinesis", "put_payload_units"), _payload_units(context, ingested))
        if days > 1:
            yield hours("kept for up to 7 days", ("kinesis", "extended_retention_shard"), shards)
    if days > 7:
        kept = ingested / 30 * (days - 7)
        yield used("kept for more than 7 days", ("kinesis", "long_term_retention"), kept)


def _payload_units(context: Context, gb: Amount) -> Amount:
    """Millions of units: an event counts one for every 25 KB begun."""
    record_kb = context.figure("streams.record_kb")
    return gb / record_kb * math.ceil(record_kb.value / _PAYLOAD_UNIT_KB)


def _kept(context: Context, ingested_gb: Amount) -> Amount:
    """What topics hold of a month's events."""
    return ingested_gb * context.figure("streams.kept_days") / 30


def consumer(node: Node, context: Context) -> Iterator[Item]:
    """Enhanced fan-out: every consumer pays for every shard and for every GB."""
    source = context.behind(node, "streamArn", STREAM)
    shards = (source or node).at("shardCount").number(1)
    yield hours("enhanced fan-out", ("kinesis", "enhanced_fanout_consumer_shard"), shards)
    gb = context.share("streams.ingested_gb", *_STREAMS)
    yield used("enhanced fan-out: data", ("kinesis", "enhanced_fanout_data"), gb)


def firehose(node: Node, context: Context) -> Iterator[Item]:
    """By GB, each record rounded up to 5 KB; converting to Parquet or ORC costs more."""
    gb = context.share("streams.ingested_gb", FIREHOSE)
    if node.at("mskSourceConfiguration"):
        # By what is read, without rounding, and by what the private connection carries.
        yield used("Firehose: data in from a topic", ("firehose", "topic_data_in"), gb)
        yield used("private connectivity: data", ("msk", "private_connectivity_data"), gb)
        return
    kb = context.figure("streams.record_kb")
    charged = gb * math.ceil(kb.value / 5) * 5 / kb
    yield from tiered("Firehose: data in", "firehose", _FIREHOSE, charged)
    conversion = node.at("extendedS3Configuration.dataFormatConversionConfiguration")
    if conversion.at("enabled").flag(default=bool(conversion)):
        yield used("Firehose: conversion", ("firehose", "format_conversion"), charged)


def kafka(node: Node, context: Context) -> Iterator[Item]:
    """Brokers and their storage. Copies between brokers in different zones are free."""
    brokers = node.at("numberOfBrokerNodes").number(3)
    info = node.at("brokerNodeGroupInfo")
    name = info.at("instanceType").text("unknown")
    yield hours(f"{brokers} × {name}", ("msk", name), brokers)
    yield from _broker_metrics(node, context, brokers, "express" if name.startswith("express.") else "standard")
    if info.at("connectivityInfo.vpcConnectivity"):
        yield hours("private connectivity", ("msk", "private_connectivity"))
    if name.startswith("express."):
        gb = context.share("streams.ingested_gb", *_STREAMS)
        yield used("data in (Express brokers)", ("msk", "express_data_in"), gb)
        yield used("storage (Express brokers)", ("msk", "express_storage"), _kept(context, gb))
        return
    disk = info.at("storageInfo.ebsStorageInfo")
    gb = disk.at("volumeSize").number(1000) * brokers
    yield Item(label=f"storage of {brokers} brokers", sku=("msk", "standard_storage"), quantity=gb)
    throughput = disk.at("provisionedThroughput")
    if throughput.at("enabled").flag():
        extra = max(throughput.at("volumeThroughput").number() - 250, Decimal(0)) * brokers
        yield Item(label="storage throughput", sku=("msk", "provisioned_storage_throughput"), quantity=extra)
    if node.at("storageMode").text() == "TIERED":
        ingested = context.share("streams.ingested_gb", *_STREAMS)
        yield used("tiered storage", ("msk", "tiered_storage"), _kept(context, ingested))


def _broker_metrics(node: Node, context: Context, brokers: Decimal, kind: str) -> Iterator[Item]:
    """CloudWatch metrics above the free level, each level with those below it."""
    level = node.at("enhancedMonitoring").text() or "DEFAULT"
    depth = _LEVELS.index(level) if level in _LEVELS else len(_LEVELS) - 1
    a_broker, a_topic, a_partition = _METRICS[kind]
    topics = context.figure("streams.topics") * brokers
    lags = context.figure("streams.partitions") * context.figure("streams.consumer_groups")
    sku = ("cloudwatch", "custom_metric_first_10k")
    if depth >= 1:
        yield Item(label=f"metrics of {brokers} brokers", sku=sku, quantity=brokers * a_broker)
    if depth >= 2:
        yield used("metrics of topics on brokers", sku, topics * a_topic)
    if depth >= 3:
        yield used("metrics of partitions and their readers", sku, lags * a_partition)


def kafka_serverless(node: Node, context: Context) -> Iterator[Item]:
    yield hours("MSK Serverless cluster", ("msk", "serverless_cluster"))
    partitions = context.figure("streams.partitions") * HOURS
    yield used("partitions", ("msk", "serverless_partition"), partitions)
    ingested = context.share("streams.ingested_gb", *_STREAMS)
    yield used("data in", ("msk", "serverless_data_in"), ingested)
    yield used("data out", ("msk", "serverless_data_out"), context.share("streams.read_gb", *_STREAMS))
    yield used("storage", ("msk", "serverless_storage"), _kept(context, ingested))


def connector(node: Node, context: Context) -> Iterator[Item]:
    fixed = node.at("capacity.provisionedCapacity") or node.at("capacity.autoscaling")
    workers = fixed.at("workerCount").number() or fixed.at("minWorkerCount").number(1)
    yield hours("MSK Connect", ("msk", "connect_mcu"), workers * fixed.at("mcuCount").number(1))


RULES: dict[str, Rule] = {
    STREAM: stream,
    "aws:kinesis/streamConsumer:StreamConsumer": consumer,
    FIREHOSE: firehose,
    MSK: kafka,
    MSK_SERVERLESS: kafka_serverless,
    "aws:mskconnect/connector:Connector": connector,
    "aws:msk/replicator:Replicator": lambda node, context: [hours("MSK Replicator", ("msk", "replicator"))],
}
