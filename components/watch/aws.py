"""What CloudWatch says of AWS's own services, and at which value somebody has to hear of it.

By namespace, so that a module that publishes `Watched(namespace="AWS/Kinesis", …)` is on the dashboards and raises
alarms without being known here. Sources: each service's user guide, the page on its CloudWatch metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from components.watch.rules import Comparison, Severity

Statistic = Literal["Average", "Maximum", "Minimum", "Sum"]
_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class AwsMetric:
    """A metric that a service publishes by itself."""

    name: str
    statistic: Statistic
    unit: str = "short"
    """Grafana's word for the unit."""
    dimensions: tuple[str, ...] = ()
    """Further dimensions, told apart on the dashboards."""


@dataclass(frozen=True, kw_only=True)
class AwsRule:
    """An alarm on one of them."""

    metric: AwsMetric
    comparison: Comparison
    threshold: float
    minutes: int
    severity: Severity
    says: str


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is looked at in one namespace."""

    title: str
    metrics: tuple[AwsMetric, ...]
    rules: tuple[AwsRule, ...] = ()


def _metric(name: str, statistic: Statistic, unit: str = "short") -> AwsMetric:
    return AwsMetric(name=name, statistic=statistic, unit=unit)


def _rule(metric: AwsMetric, comparison: Comparison, threshold: float, minutes: int, severity: Severity, says: str
          ) -> AwsRule:  # fmt: skip
    return AwsRule(metric=metric, comparison=comparison, threshold=threshold, minutes=minutes, severity=severity,
                   says=says)  # fmt: skip


_BEHIND = _metric("GetRecords.IteratorAgeMilliseconds", "Maximum", "ms")
_REFUSED = _metric("WriteProvisionedThroughputExceeded", "Sum")
_DELIVERED = _metric("DeliveryToS3.DataFreshness", "Maximum", "s")
_CONTROLLER, _OFFLINE = _metric("ActiveControllerCount", "Maximum"), _metric("OfflinePartitionsCount", "Maximum")
_CPU, _SPACE = _metric("CPUUtilization", "Average", "percent"), _metric("FreeStorageSpace", "Minimum", "bytes")
_ERRORS, _THROTTLES = _metric("Errors", "Sum"), _metric("Throttles", "Sum")
_MEMORY = _metric("MemoryUtilization", "Average", "percent")
_BALANCER_5XX, _TARGET_5XX = _metric("HTTPCode_ELB_5XX_Count", "Sum"), _metric("HTTPCode_Target_5XX_Count", "Sum")
_MODEL_5XX = _metric("Invocation5XXErrors", "Sum")
_FAILED_NODES, _NODE_CPU = (
    _metric("cluster_failed_node_count", "Maximum"),
    _metric("node_cpu_utilization", "Average", "percent"),
)
_NODE_MEMORY, _NODE_DISK = (
    _metric("node_memory_utilization", "Average", "percent"),
    _metric("node_filesystem_utilization", "Average", "percent"),
)
_RESTARTS = _metric("pod_number_of_container_restarts", "Sum")
_FEATURE_AGE = _metric("FeatureAgeSeconds", "Maximum", "s")
_QUALITY, _DRIFT = _metric("QualityPercent", "Minimum", "percent"), _metric("DriftPercent", "Maximum", "percent")
_THROTTLED, _EVICTED = _metric("ThrottledCmds", "Sum"), _metric("Evictions", "Sum")
_CONNECTIONS, _MOST_CONNECTIONS = _metric("DatabaseConnections", "Maximum"), 2_000
"""Of a workgroup. Source: Redshift management guide, "Quotas and limits in Amazon Redshift"."""
_QUERY, _LONGEST_QUERY_MS = _metric("TotalExecutionTime", "Maximum", "ms"), 1_800_000
"""After which Athena ends it: 30 minutes, unless more were asked for. Source: its quotas, "DML query timeout"."""
_DOWN = _metric("downtime", "Maximum", "ms")
_HEARTBEAT = _metric("SchedulerHeartbeat", "Sum")
_EXECUTION_FAILED, _TIMED_OUT = _metric("ExecutionsFailed", "Sum"), _metric("ExecutionsTimedOut", "Sum")
_FAILED = _metric("MatchedEvents", "Sum")

SERVICES: Mapping[str, Service] = {
    "AWS/Kinesis": Service(
        title="Kinesis",
        metrics=(_metric("IncomingRecords", "Sum"), _BEHIND, _REFUSED),
        rules=(
            _rule(
                _BEHIND, ">", 3_600_000, 15, "critical", "Nobody reads the stream: its consumers are an hour behind."
            ),
            _rule(_REFUSED, ">", 0, 15, "warning", "The stream refuses records: its shards are full."),
        ),
    ),
    "AWS/Firehose": Service(
        title="Firehose",
        metrics=(_DELIVERED, _metric("DeliveryToS3.Records", "Sum")),
        rules=(_rule(_DELIVERED, ">", 3_600, 15, "critical", "Events reach the lake an hour late, or not at all."),),
    ),
    "AWS/Kafka": Service(
        title="MSK",
        metrics=(_CONTROLLER, _OFFLINE, _metric("GlobalPartitionCount", "Maximum")),
        rules=(
            _rule(_CONTROLLER, "<", 1, 5, "critical", "The Kafka cluster has no controller."),
            _rule(_OFFLINE, ">", 0, 5, "critical", "Kafka partitions have no leader, and cannot be written to."),
        ),
    ),
    "AWS/RDS": Service(
        title="PostgreSQL",
        metrics=(
            _CPU,
            _SPACE,
            _metric("DatabaseConnections", "Maximum"),
            _metric("FreeableMemory", "Minimum", "bytes"),
        ),
        rules=(
            _rule(_CPU, ">", 85, 30, "warning", "The database has been busy for half an hour."),
            _rule(_SPACE, "<", 2 * _GIB, 10, "critical", "The database's disk is almost full."),
        ),
    ),
    "AWS/Lambda": Service(
        title="Lambda",
        metrics=(_metric("Invocations", "Sum"), _ERRORS, _THROTTLES, _metric("Duration", "Average", "ms")),
        rules=(
            _rule(_ERRORS, ">", 5, 10, "critical", "The function fails."),
            _rule(_THROTTLES, ">", 0, 10, "warning", "Calls of the function are refused: too many at once."),
        ),
    ),
    "AWS/ECS": Service(
        title="ECS",
        metrics=(_CPU, _MEMORY),
        rules=(
            _rule(_CPU, ">", 90, 15, "warning", "The service's tasks are busy."),
            _rule(_MEMORY, ">", 90, 15, "critical", "The service's tasks are about to run out of memory."),
        ),
    ),
    "AWS/ApplicationELB": Service(
        title="Load balancer",
        metrics=(
            _metric("RequestCount", "Sum"),
            _metric("TargetResponseTime", "Average", "s"),
            _BALANCER_5XX,
            _TARGET_5XX,
        ),
        rules=(
            _rule(_BALANCER_5XX, ">", 10, 5, "critical", "The load balancer finds nobody who answers."),
            _rule(_TARGET_5XX, ">", 10, 5, "critical", "What is behind the load balancer answers with errors."),
        ),
    ),
    "AWS/SageMaker": Service(
        title="SageMaker endpoint",
        metrics=(_metric("Invocations", "Sum"), _metric("ModelLatency", "Average", "µs"), _MODEL_5XX),
        rules=(_rule(_MODEL_5XX, ">", 5, 10, "critical", "The endpoint answers with errors."),),
    ),
    "AmazonMWAA": Service(
        title="MWAA",
        metrics=(_HEARTBEAT,),
        rules=(
            _rule(_HEARTBEAT, "<", 1, 15, "critical", "Airflow starts no task: its scheduler shows no sign of life."),
        ),
    ),
    "AWS/States": Service(
        title="Step Functions",
        metrics=(
            _metric("ExecutionsStarted", "Sum"),
            _metric("ExecutionsSucceeded", "Sum"),
            _EXECUTION_FAILED,
            _TIMED_OUT,
        ),
        rules=(
            _rule(_EXECUTION_FAILED, ">", 0, 5, "warning", "An execution of a state machine failed."),
            _rule(_TIMED_OUT, ">", 0, 5, "warning", "An execution of a state machine took longer than it may."),
        ),
    ),
    "AWS/KinesisAnalytics": Service(
        title="Managed Flink",
        metrics=(_DOWN, _metric("numRecordsInPerSecond", "Average")),
        rules=(_rule(_DOWN, ">", 300_000, 5, "critical", "The stream job has been down for five minutes."),),
    ),
    "MLOps/Features": Service(
        title="Features online",
        metrics=(_FEATURE_AGE,),
        rules=(_rule(_FEATURE_AGE, ">", 3_600, 15, "critical", "Features online are more than an hour old."),),
    ),
    "MLOps/Quality": Service(
        title="Checks of data",
        metrics=(_QUALITY,),
        rules=(_rule(_QUALITY, "<", 95, 15, "warning", "Too many rows of a table break an expectation."),),
    ),
    "MLOps/Models": Service(
        title="Reports on models",
        metrics=(_DRIFT,),
        rules=(_rule(_DRIFT, ">", 30, 15, "warning", "The events are other than those of the training."),),
    ),
    "AWS/Athena": Service(
        title="Athena",
        metrics=(_metric("ProcessedBytes", "Sum", "bytes"), _metric("QueryQueueTime", "Average", "ms"), _QUERY),
        rules=(
            _rule(
                _QUERY,
                ">",
                0.9 * _LONGEST_QUERY_MS,
                5,
                "warning",
                "A query ran almost as long as Athena lets it.",
            ),
        ),
    ),
    "AWS/Redshift-Serverless": Service(
        title="Warehouse",
        metrics=(_metric("ComputeCapacity", "Average"), _metric("ComputeSeconds", "Sum", "s"), _CONNECTIONS),
        rules=(
            _rule(
                _CONNECTIONS,
                ">",
                0.9 * _MOST_CONNECTIONS,
                15,
                "warning",
                "The warehouse has almost as many connections as it takes.",
            ),
        ),
    ),
    "AWS/ElastiCache": Service(
        title="Cache",
        metrics=(
            _metric("BytesUsedForCache", "Maximum", "bytes"),
            _metric("ElastiCacheProcessingUnits", "Sum"),
            _metric("CacheHitRate", "Average", "percent"),
            _THROTTLED,
            _EVICTED,
        ),
        rules=(
            # Both are nothing but 0 while the cache is within its limits, which are settings.
            _rule(_THROTTLED, ">", 0, 15, "warning", "The cache slows its clients down: it may do no more a second."),
            _rule(_EVICTED, ">", 0, 15, "warning", "The cache is full, and drops entries before their end."),
        ),
    ),
    "ContainerInsights": Service(
        title="Cluster",
        metrics=(_metric("cluster_node_count", "Average"), _NODE_CPU, _NODE_MEMORY, _NODE_DISK, _RESTARTS),
        rules=(
            _rule(_FAILED_NODES, ">", 0, 10, "critical", "A node failed, and its pods may be gone."),
            _rule(_NODE_DISK, ">", 85, 15, "warning", "The disks of the nodes are almost full."),
            _rule(_NODE_MEMORY, ">", 90, 15, "warning", "The nodes have almost no memory left."),
        ),
    ),
    "AWS/Events": Service(
        title="Failed jobs",
        metrics=(_FAILED,),
        rules=(_rule(_FAILED, ">", 0, 5, "warning", "A job failed that nobody waits for: what it makes is missing."),),
    ),
    "AWS/Billing": Service(
        title="Bill",
        metrics=(AwsMetric(name="EstimatedCharges", statistic="Maximum", unit="currencyUSD"),),
    ),
}
"""Namespace -> what is looked at there."""
REGION_OF_BILLS = "us-east-1"
"""Where AWS publishes AWS/Billing, whatever the region. Source: AWS Billing user guide, "Creating a billing alarm"."""
BILL: Mapping[str, str] = {"Currency": "USD"}
