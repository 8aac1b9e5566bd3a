"""CloudWatch, CloudTrail, Config, GuardDuty, managed Prometheus and Grafana. Source: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost import demand
from mlops.cost.model import Context, Item, Rule, part_of, tiered_share, used
from mlops.cost.writers import recording_trails, records_management
from mlops.plan.graph import Node

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TRAIL = "aws:cloudtrail/trail:Trail"
RECORDER = "aws:cfg/recorder:Recorder"
DETECTOR = "aws:guardduty/detector:Detector"
PROMETHEUS = "aws:amp/workspace:Workspace"
GRAFANA = "aws:grafana/workspace:Workspace"
CONFIG_RULE = "aws:cfg/rule:Rule"

_EVALUATIONS = (
    ("rule_evaluation_first_100k", 100_000),
    ("rule_evaluation_next_400k", 500_000),
    ("rule_evaluation_over_500k", float("inf")),
)
_FLOWS = (
    ("vpc_flow_and_dns_logs_first_500gb", 500),
    ("vpc_flow_and_dns_logs_next_2000gb", 2_500),
    ("vpc_flow_and_dns_logs_over_2500gb", float("inf")),
)
STORED_SHARE = Decimal("0.2")
"""Of what is ingested, what compression leaves to store (CloudWatch pricing page, its own example: 30 GB to 6)."""
FOREVER_DAYS = 365
"""A group that keeps its logs for ever is priced as it is after a year."""


def log_group(node: Node, context: Context) -> Iterator[Item]:
    """Taking in is what costs; storing what stays after compression; queries by what they read."""
    gb = demand.log_group_gb(context, node.urn)
    days = node.at("retentionInDays").number() or Decimal(FOREVER_DAYS)
    kind = "infrequent_access" if node.at("logGroupClass").text() == "INFREQUENT_ACCESS" else "standard"
    yield used("logs taken in", ("cloudwatch", f"logs_ingest_{kind}"), gb)
    stored = gb * STORED_SHARE * days / 30
    yield used(f"logs kept {days} days, compressed", ("cloudwatch", "logs_archive_storage"), stored)
    queried = context.share("logs.queried_gb", LOG_GROUP)
    yield used("logs read by queries", ("cloudwatch", "logs_insights_scan"), queried)


def alarm(node: Node, context: Context) -> Iterator[Item]:
    """By metric looked at; alarms on metrics finer than a minute cost three times as much."""
    metrics = sum(1 for row in node.at("metricQueries") if row.at("metric")) or 1
    period = node.at("period").number(60)
    sku = "alarm_high_resolution" if period < 60 else "alarm_standard"
    yield Item(label="alarm", sku=("cloudwatch", sku), quantity=Decimal(metrics))


def dashboard(node: Node, context: Context) -> Iterator[Item]:
    yield Item(label="dashboard", sku=("cloudwatch", "dashboard"), quantity=Decimal(1))


def metric_filter(node: Node, context: Context) -> Iterator[Item]:
    yield Item(label="metric made from logs", sku=("cloudwatch", "custom_metric_first_10k"), quantity=Decimal(1))


def trail(node: Node, context: Context) -> Iterator[Item]:
    """Data events where it records some; a copy of management events is free, a second trail's is not."""
    trails = context.of_type(TRAIL)
    recording = recording_trails(context) or trails
    if node.urn in {one.urn for one in recording}:
        events = part_of(demand.recorded_data_events(context), len(recording))
        yield used("data events", ("cloudtrail", "data_events"), events / 100_000)
    copies = [one.urn for one in trails if records_management(one)]
    if node.urn in copies[1:]:
        events = context.figure("logs.management_events") / 100_000
        yield used("a further copy of management events", ("cloudtrail", "management_events_additional_copy"), events)


def recorder(node: Node, context: Context) -> Iterator[Item]:
    items = context.share("logs.config_items", RECORDER)
    yield used("configuration items recorded", ("aws_config", "config_item_continuous"), items)


def config_rule(node: Node, context: Context) -> Iterator[Item]:
    """An evaluation for each item that changes, by one rule of them all."""
    items, rules = context.figure("logs.config_items"), context.of_type(CONFIG_RULE)
    yield from tiered_share("rule evaluations", "aws_config", _EVALUATIONS, items, node, rules)


def detector(node: Node, context: Context) -> Iterator[Item]:
    gb, detectors = context.figure("logs.threat_log_gb"), context.of_type(DETECTOR)
    yield from tiered_share("flow and DNS logs analysed", "guardduty", _FLOWS, gb, node, detectors)
    events = context.share("logs.management_events", DETECTOR) / 1_000_000
    yield used("management events analysed", ("guardduty", "cloudtrail_management_events_first_500m"), events)


def prometheus(node: Node, context: Context) -> Iterator[Item]:
    samples = context.share("logs.prometheus_samples", PROMETHEUS)
    yield used("samples taken in", ("managed_prometheus", "samples_first_2b"), samples / 10_000_000)


def grafana(node: Node, context: Context) -> Iterator[Item]:
    editors = context.share("logs.grafana_editors", GRAFANA)
    yield used("Grafana editors", ("managed_grafana", "editor"), editors)
    viewers = context.share("logs.grafana_viewers", GRAFANA)
    yield used("Grafana viewers", ("managed_grafana", "viewer"), viewers)


RULES: dict[str, Rule] = {
    LOG_GROUP: log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": metric_filter,
    TRAIL: trail,
    RECORDER: recorder,
    CONFIG_RULE: config_rule,
    DETECTOR: detector,
    PROMETHEUS: prometheus,
    GRAFANA: grafana,
}
