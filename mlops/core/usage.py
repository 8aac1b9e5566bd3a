"""What a stack is expected to be used for: the assumptions behind every line of a bill that depends on use.

A bill has two parts. What runs costs the same whoever uses it and follows from the resources; the rest follows
from these figures, each for a month and for the whole stack. They are set once for each tier and overridden in a
stack file wherever somebody knows better.

What describes one thing is stated once: traffic, requests and events are given, and what logs, audits and threat
detection make of them is derived (`mlops/cost/demand.py`). A figure that is null is a derived one; said, it holds.
"""

from collections.abc import Mapping

from pydantic import Field

from mlops.core.config import Config

_GB = 10_000_000.0
"""The most that any figure in GB may say (10 PB): beyond it is a typing mistake."""
_MANY = 1_000_000_000.0
"""The most for figures that count."""
MONTH_HOURS = 730
"""Hours of a month in every price of AWS: 8,760 hours of a year over twelve."""


class TrafficUsage(Config):
    """Data that moves, GB a month."""

    internet_out_gb: float = Field(default=20, ge=0, le=_GB)
    """Answers to the internet."""
    cross_zone_gb: float = Field(default=50, ge=0, le=_GB)
    """Between availability zones; AWS charges it at both ends."""
    nat_gb: float = Field(default=50, ge=0, le=_GB)
    """Through NAT gateways: images, packages, calls to AWS that no endpoint serves."""
    endpoint_gb: float = Field(default=20, ge=0, le=_GB)
    """Through each interface endpoint."""
    connection_kb: float = Field(default=20, gt=0, le=_MANY)
    """Size of a connection on average, KB: flow logs, DNS queries and load balancers count connections."""
    load_balancer_units: float | None = Field(default=None, ge=0, le=10_000)
    """Capacity units that each load balancer uses on average. Derived: from the answers to the internet."""


class StorageUsage(Config):
    """What lies in storage in an average month, GB."""

    data_gb: float = Field(default=100, ge=0, le=_GB)
    """Objects in the lake's buckets, all together."""
    data_age_days: float = Field(default=365, ge=1, le=36_500)
    """Age of the oldest object in the lake. Data is taken to be spread evenly over it: lifecycle rules move the older
    part to cheaper classes."""
    object_mb: float = Field(default=1, gt=0, le=5_000_000)
    """Size of an object on average: transitions and inventories are charged by object."""
    bucket_logs_gb: float | None = Field(default=None, ge=0, le=_GB)
    """Objects in log buckets, all together. Derived: from the requests and from what trails record."""
    put_requests: float = Field(default=500_000, ge=0, le=_MANY * 1000)
    """Writes and lists, all buckets together."""
    get_requests: float = Field(default=5_000_000, ge=0, le=_MANY * 1000)
    """Reads, all buckets together."""
    images_gb: float = Field(default=10, ge=0, le=_GB)
    """Container images, all repositories together."""
    files_gb: float = Field(default=20, ge=0, le=_GB)
    """In file systems (EFS), all together."""
    snapshots_gb: float = Field(default=0, ge=0, le=_GB)
    """Snapshots of volumes and backups in vaults, all together."""
    database_backups_gb: float = Field(default=0, ge=0, le=_GB)
    """Database backups beyond what is free: as much as the storage of the databases."""


class LogsUsage(Config):
    """Logs and metrics, a month."""

    ingested_gb: float | None = Field(default=None, ge=0, le=_GB)
    """Into CloudWatch Logs, all groups together in equal parts. Derived: each group by what writes into it."""
    application_gb: float = Field(default=10, ge=0, le=_GB)
    """Into log groups by services and workloads: all but flow logs, audit trails and the clusters' audit logs."""
    queried_gb: float = Field(default=10, ge=0, le=_GB)
    """Read by queries of Logs Insights."""
    custom_metrics: float = Field(default=0, ge=0, le=_MANY)
    """Metrics that workloads send to CloudWatch."""
    prometheus_samples: float = Field(default=0, ge=0, le=_MANY * 100_000)
    """Samples into Amazon Managed Service for Prometheus, all workspaces together."""
    grafana_editors: float = Field(default=1, ge=0, le=10_000)
    """People who edit dashboards in Amazon Managed Grafana."""
    grafana_viewers: float = Field(default=4, ge=0, le=10_000)
    """People who look at them."""
    api_calls: float = Field(default=500_000, ge=0, le=_MANY * 1000)
    """Calls of AWS's APIs other than those of keys, secrets and objects: controllers, autoscalers, people."""
    management_events: float | None = Field(default=None, ge=0, le=_MANY * 1000)
    """Management events of the account: what GuardDuty reads and a trail records; the first copy is free. Derived:
    `api_calls` and the requests to KMS and Secrets Manager, each of which is one."""
    trail_events: float | None = Field(default=None, ge=0, le=_MANY * 1000)
    """Data events that CloudTrail and GuardDuty read. Derived: the requests to S3, each of which is one."""
    config_items: float = Field(default=2_000, ge=0, le=_MANY)
    """Configuration changes that AWS Config records."""
    flow_gb: float | None = Field(default=None, ge=0, le=_GB)
    """Flow logs of all networks. Derived: from the connections that the traffic makes."""
    threat_log_gb: float | None = Field(default=None, ge=0, le=_GB)
    """Flow and DNS logs that GuardDuty charges for. Derived: the flow logs, but for nodes with its runtime agent, and
    a DNS query a connection."""
    cluster_audit_events: float = Field(default=5_000_000, ge=0, le=_MANY * 1000)
    """Calls of the Kubernetes API that GuardDuty reads."""
    security_checks: float = Field(default=20_000, ge=0, le=_MANY)
    """Checks of Security Hub: each control against each resource, twice a day at most."""


class StreamUsage(Config):
    """Events, a month."""

    ingested_gb: float = Field(default=20, ge=0, le=_GB)
    """Written, all streams together."""
    read_gb: float = Field(default=40, ge=0, le=_GB)
    """Read by consumers, all streams together."""
    record_kb: float = Field(default=2, gt=0, le=10_000)
    """Size of an event on average. Kinesis charges writes in units of 25 KB each, begun ones in full."""
    kept_days: float = Field(default=7, ge=0, le=3650)
    """Days for which Kafka topics keep events; Kafka's own default is 7."""
    partitions: float = Field(default=10, ge=0, le=100_000)
    """Partitions of a serverless Kafka cluster, and of one that is watched partition by partition."""
    topics: float = Field(default=10, ge=0, le=100_000)
    """Topics of a Kafka cluster that is watched topic by topic."""
    consumer_groups: float = Field(default=5, ge=0, le=100_000)
    """Groups that read a Kafka cluster that is watched partition by partition."""


class ComputeUsage(Config):
    """Hours of a month (730) and work done."""

    node_hours: float = Field(default=MONTH_HOURS, ge=0, le=MONTH_HOURS)
    """Hours for which node groups run, where something else than their own schedule stops them. With
    `cluster.auto_shutdown` the hours follow from its actions."""
    fargate_vcpu_hours: float = Field(default=MONTH_HOURS, ge=0, le=_MANY)
    """vCPU hours of pods on Fargate profiles of EKS, all together, each with 2 GB of memory."""
    database_hours: float = Field(default=MONTH_HOURS, ge=0, le=MONTH_HOURS)
    """Hours for which databases run; storage and backups cost on."""
    burst_vcpu_hours: float = Field(default=10, ge=0, le=_MANY)
    """vCPU hours above their baseline of all machines of the T families (T3, T3a, T4g): what is charged as CPU
    credits. A machine that stays at or below its baseline over a day has none."""
    batch_vcpu_hours: float = Field(default=20, ge=0, le=_MANY)
    """vCPU hours of jobs on AWS Batch and EMR Serverless, all together, each with 4 GB of memory."""
    training_hours: float = Field(default=10, ge=0, le=100_000)
    """Instance hours of SageMaker jobs: training, processing, transformation."""
    notebook_hours: float = Field(default=160, ge=0, le=MONTH_HOURS)
    """Hours for which a notebook or a Studio application of each user runs."""
    job_dpu_hours: float = Field(default=5, ge=0, le=_MANY)
    """DPU hours of Glue jobs and crawlers, all together."""
    query_tb: float = Field(default=0.1, ge=0, le=10_000)
    """Scanned by Athena, TB."""
    warehouse_rpu_hours: float = Field(default=100, ge=0, le=_MANY)
    """RPU hours of Redshift Serverless, all workgroups together."""


class RequestUsage(Config):
    """Calls, a month, all together."""

    kms: float = Field(default=500_000, ge=0, le=_MANY * 1000)
    """KMS requests. Bucket keys keep S3 from making one for each object."""
    secrets: float = Field(default=50_000, ge=0, le=_MANY * 1000)
    """Secrets Manager calls; External Secrets asks for each secret every hour."""
    functions: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """Lambda invocations."""
    function_ms: float = Field(default=200, ge=1, le=900_000)
    """Duration of an invocation."""
    api: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """API Gateway and WAF requests."""
    messages: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """SQS, SNS and EventBridge messages of workloads, each service."""
    notices: float = Field(default=100, ge=0, le=_MANY)
    """Alarms, findings and budget alerts that topics pass on: a topic that only they write to has no others."""
    dns: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """Route 53 queries."""
    table_reads: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """DynamoDB and feature store reads."""
    table_writes: float = Field(default=1_000_000, ge=0, le=_MANY * 1000)
    """DynamoDB and feature store writes."""
    table_gb: float = Field(default=5, ge=0, le=_GB)
    """Stored in DynamoDB tables and online feature stores."""
    state_transitions: float = Field(default=100_000, ge=0, le=_MANY * 1000)
    """State transitions of Step Functions."""


class UsageConfig(Config):
    """How much the platform is used in a month. It makes nothing: only estimates read it."""

    traffic: TrafficUsage = TrafficUsage()
    """Data that moves."""
    storage: StorageUsage = StorageUsage()
    """Data that lies."""
    logs: LogsUsage = LogsUsage()
    """Logs and metrics."""
    streams: StreamUsage = StreamUsage()
    """Events."""
    compute: ComputeUsage = ComputeUsage()
    """Hours and work."""
    requests: RequestUsage = RequestUsage()
    """Calls."""
    margin_percent: float = Field(default=50, ge=0, le=100)
    """How far use may be from these figures: the band of an estimate takes that much off and puts it on."""


TEAM = UsageConfig()
"""A team that develops: the defaults."""

TRIAL = UsageConfig(
    compute=ComputeUsage(burst_vcpu_hours=1),
    traffic=TrafficUsage(internet_out_gb=1, cross_zone_gb=5, nat_gb=5, endpoint_gb=1),
    storage=StorageUsage(data_gb=5, put_requests=10_000, get_requests=100_000, images_gb=5),
    logs=LogsUsage(application_gb=1, queried_gb=1, api_calls=100_000, config_items=500),
    streams=StreamUsage(ingested_gb=1, read_gb=2),
    requests=RequestUsage(kms=50_000, secrets=10_000, functions=10_000, api=10_000, messages=10_000),
)
"""One person who tries things."""

BUSINESS = UsageConfig(
    traffic=TrafficUsage(internet_out_gb=200, cross_zone_gb=500, nat_gb=300, endpoint_gb=100),
    storage=StorageUsage(
        data_gb=1_000,
        put_requests=5_000_000,
        get_requests=50_000_000,
        images_gb=50,
        files_gb=100,
        snapshots_gb=200,
        database_backups_gb=100,
    ),
    logs=LogsUsage(
        application_gb=30,
        queried_gb=100,
        custom_metrics=100,
        prometheus_samples=1_000_000_000,
        grafana_editors=3,
        grafana_viewers=15,
        api_calls=1_000_000,
        config_items=10_000,
        cluster_audit_events=10_000_000,
        security_checks=50_000,
    ),
    streams=StreamUsage(ingested_gb=500, read_gb=1_500, partitions=60),
    compute=ComputeUsage(training_hours=100, job_dpu_hours=50, query_tb=2, warehouse_rpu_hours=500),
    requests=RequestUsage(
        kms=10_000_000,
        secrets=500_000,
        functions=20_000_000,
        api=20_000_000,
        messages=20_000_000,
        dns=10_000_000,
        table_reads=50_000_000,
        table_writes=10_000_000,
        table_gb=50,
        state_transitions=1_000_000,
    ),
)
"""A product that customers use."""

COMPANY = UsageConfig(
    traffic=TrafficUsage(internet_out_gb=500, cross_zone_gb=2_000, nat_gb=1_000, endpoint_gb=200),
    storage=StorageUsage(
        data_gb=5_000,
        put_requests=20_000_000,
        get_requests=200_000_000,
        images_gb=100,
        files_gb=300,
        snapshots_gb=1_000,
        database_backups_gb=500,
    ),
    logs=LogsUsage(
        application_gb=100,
        queried_gb=500,
        custom_metrics=300,
        prometheus_samples=5_000_000_000,
        grafana_editors=10,
        grafana_viewers=50,
        api_calls=5_000_000,
        config_items=30_000,
        cluster_audit_events=30_000_000,
        security_checks=100_000,
    ),
    streams=StreamUsage(ingested_gb=2_000, read_gb=6_000, partitions=200),
    compute=ComputeUsage(training_hours=300, job_dpu_hours=200, query_tb=10, warehouse_rpu_hours=2_000),
    requests=RequestUsage(
        kms=50_000_000,
        secrets=1_000_000,
        functions=100_000_000,
        api=100_000_000,
        messages=100_000_000,
        dns=50_000_000,
        table_reads=200_000_000,
        table_writes=50_000_000,
        table_gb=200,
        state_transitions=5_000_000,
    ),
)
"""Several products and teams."""

BY_TIER: Mapping[str, UsageConfig] = {
    "local": TRIAL,
    "dev": TEAM,
    "prod": BUSINESS,
    "enterprise": COMPANY,
    "experimental": TEAM,
}
"""What stacks of a tier are expected to see, unless they say otherwise."""

GROWING: Mapping[str, tuple[str, ...]] = {
    "traffic": ("internet_out_gb", "cross_zone_gb", "nat_gb", "endpoint_gb"),
    "storage": ("data_gb", "put_requests", "get_requests"),
    "logs": ("application_gb", "queried_gb", "prometheus_samples"),
    "streams": ("ingested_gb", "read_gb"),
    "compute": ("batch_vcpu_hours", "job_dpu_hours", "query_tb", "warehouse_rpu_hours"),
    "requests": ("kms", "functions", "api", "messages", "dns", "table_reads", "table_writes", "state_transitions"),
}
"""Figures that grow with the number of users. Others follow from what there is (hours, people, partitions), from these,
or describe one thing (the size of an event)."""


def times(usage: UsageConfig, factor: float) -> UsageConfig:
    """The same use by so many times the users; no figure beyond what a stack file may say."""

    def grown(part: Config, names: tuple[str, ...]) -> Config:
        most = {
            name: next(one.le for one in type(part).model_fields[name].metadata if hasattr(one, "le")) for name in names
        }
        return part.model_copy(update={name: min(getattr(part, name) * factor, most[name]) for name in names})

    return usage.model_copy(update={name: grown(getattr(usage, name), names) for name, names in GROWING.items()})
