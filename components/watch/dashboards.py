"""The four dashboards, as data: Platform, Model Performance, Cost, Security & Compliance."""

from dataclasses import dataclass

from components.watch.queries import Query


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line of a panel, or one for each value of the labels that its query tells apart."""

    query: Query
    legend: str

    @property
    def labelled(self) -> str:
        """The legend in Grafana's words: what it is, and of which labels."""
        return " ".join((self.legend, *(f"{{{{{label}}}}}" for label in self.query.by))).strip()


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A graph over time."""

    title: str
    series: tuple[Series, ...]
    unit: str = "short"
    """Grafana's word: `s`, `bytes`, `percentunit`, `reqps`."""


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A page of graphs: what is scraped, then what AWS says of the services that it names."""

    name: str
    """The last part of its address: lower case and hyphens."""
    title: str
    about: str
    panels: tuple[Panel, ...]
    services: tuple[str, ...] = ()
    """Namespaces of CloudWatch whose watched resources are on it."""


def _panel(title: str, unit: str, *series: tuple[Query, str]) -> Panel:
    return Panel(title=title, unit=unit, series=tuple(Series(query=query, legend=legend) for query, legend in series))


def _latest(metric: str, *by: str, **where: str) -> Query:
    return Query(metric=metric, take="max", by=by, where=where)


def _total(metric: str, *by: str, **where: str) -> Query:
    return Query(metric=metric, take="sum", by=by, where=where)


def _rate(metric: str, *by: str, **where: str) -> Query:
    return Query(metric=metric, take="rate", by=by, where=where)


def _share(part: Query, whole: Query) -> Query:
    return Query(metric=part.metric, take=part.take, by=part.by, where=part.where, of=whole)


def _least(metric: str, *by: str, **where: str) -> Query:
    return Query(metric=metric, take="min", by=by, where=where)


_FREE, _DISK = "node_filesystem_avail_bytes", "node_filesystem_size_bytes"
_CLAIM = ("namespace", "persistentvolumeclaim")
_ANSWERS = "http_requests_total"

PLATFORM = Dashboard(
    name="mlops-platform",
    title="Platform",
    about="Whether the platform runs: nodes, pods, volumes, and the services of AWS that it stands on.",
    panels=(
        _panel(
            "Nodes that are ready",
            "short",
            (_total("kube_node_status_condition", condition="Ready", status="true"), "ready"),
        ),
        _panel("Pods by phase", "short", (_total("kube_pod_status_phase", "phase"), "")),
        _panel(
            "CPU in use on nodes",
            "short",
            (_rate("node_cpu_seconds_total", "mode"), ""),
        ),
        _panel(
            "Memory left on nodes",
            "percentunit",
            (
                _share(
                    _least("node_memory_MemAvailable_bytes", "instance"),
                    _least("node_memory_MemTotal_bytes", "instance"),
                ),
                "",
            ),
        ),
        _panel(
            "Room left on volumes",
            "percentunit",
            (
                _share(
                    _least("kubelet_volume_stats_available_bytes", *_CLAIM),
                    _least("kubelet_volume_stats_capacity_bytes", *_CLAIM),
                ),
                "",
            ),
        ),
        _panel(
            "Room left on the nodes' disks",
            "percentunit",
            (_share(_least(_FREE, "instance", mountpoint="/"), _least(_DISK, "instance", mountpoint="/")), ""),
        ),
        _panel(
            "Restarts within a quarter of an hour",
            "short",
            (
                Query(metric="kube_pod_container_status_restarts_total", take="increase", by=("namespace", "pod")),
                "",
            ),
        ),
        _panel(
            "Replicas that are missing",
            "short",
            (_latest("kube_deployment_status_replicas_unavailable", "namespace", "deployment"), ""),
        ),
    ),
    services=(
        *("ContainerInsights", "AWS/RDS", "AWS/Kinesis", "AWS/Firehose", "AWS/Kafka", "AWS/KinesisAnalytics"),
        *("AWS/ApplicationELB", "AWS/ECS", "AWS/Lambda", "AWS/Events"),
        *("AWS/Athena", "AWS/Redshift-Serverless", "AWS/ElastiCache", "AWS/States", "AmazonMWAA"),
    ),
)

MODELS = Dashboard(
    name="mlops-models",
    title="Model Performance",
    about="Whether the model that answers is quick, right, and knows the events of today.",
    panels=(
        _panel("Answers", "reqps", (_rate(_ANSWERS, "status"), "")),
        _panel("Share of errors", "percentunit", (_share(_rate(_ANSWERS, status="5.."), _rate(_ANSWERS)), "errors")),
        _panel(
            "Time to answer",
            "s",
            (Query(metric="http_request_duration_seconds", take="quantile", quantile=0.5), "p50"),
            (Query(metric="http_request_duration_seconds", take="quantile"), "p95"),
            (Query(metric="http_request_duration_seconds", take="quantile", quantile=0.99), "p99"),
            (_latest("mlops_serving_p95_seconds"), "p95, as the loop sees it"),
        ),
        _panel(
            "Lists by model and role",
            "reqps",
            (_rate("recommender_recommendations_total", "model_version", "role"), ""),
        ),
        _panel(
            "Lists for users that the model does not know",
            "reqps",
            (_rate("recommender_recommendations_total", "user"), ""),
        ),
        _panel(
            "Agreement with the challenger",
            "percentunit",
            (Query(metric="recommender_shadow_overlap", take="quantile", quantile=0.5, by=("challenger",)), "median"),
        ),
        _panel("Hit rate", "percentunit", (_latest("mlops_hit_rate"), "of the champion")),
        _panel(
            "Drift",
            "percentunit",
            (_latest("mlops_drift_share"), "columns that drifted"),
            (_latest("mlops_drift_distance", "column"), "distance of"),
        ),
        _panel(
            "Data quality",
            "percentunit",
            (Query(metric="mlops_data_quality", take="min"), "rows that pass every expectation"),
        ),
        _panel(
            "Age",
            "s",
            (_latest("mlops_champion_age_seconds"), "model"),
            (_latest("mlops_feature_age_seconds"), "features"),
            (_latest("mlops_newest_event_age_seconds"), "newest event"),
        ),
        _panel("Events since the training", "short", (_latest("mlops_new_events"), "events")),
        _panel(
            "Trainings",
            "short",
            (_latest("mlops_trainings_refused"), "refused in a row"),
            (_latest("mlops_worker_failures_in_a_row"), "failures in a row"),
        ),
        _panel("Looks of the loop", "short", (_rate("mlops_worker_looks_total", "outcome"), "")),
        _panel("Swaps of the model", "short", (_rate("recommender_model_swaps_total"), "swaps")),
        _panel("Events that wait for the stream", "short", (_latest("recommender_events_waiting"), "events")),
    ),
    services=(
        *("AWS/SageMaker", "AWS/Lambda", "AWS/ECS", "AWS/ApplicationELB"),
        *("MLOps/Features", "MLOps/Quality", "MLOps/Models"),
    ),
)

COST = Dashboard(
    name="mlops-cost",
    title="Cost",
    about="What is paid for and not used. What it costs in money: `mlops cost`, and AWS's bill below.",
    panels=(
        _panel(
            "CPU that is asked for, of what is there",
            "percentunit",
            (
                _share(
                    _total("kube_pod_container_resource_requests", resource="cpu"),
                    _total("kube_node_status_allocatable", resource="cpu"),
                ),
                "asked for",
            ),
        ),
        _panel(
            "Memory that is asked for, of what is there",
            "percentunit",
            (
                _share(
                    _total("kube_pod_container_resource_requests", resource="memory"),
                    _total("kube_node_status_allocatable", resource="memory"),
                ),
                "asked for",
            ),
        ),
        _panel(
            "CPU asked for and used, by namespace",
            "short",
            (_total("kube_pod_container_resource_requests", "namespace", resource="cpu"), "asked for"),
            (_rate("container_cpu_usage_seconds_total", "namespace"), "used"),
        ),
        _panel(
            "Memory asked for and used, by namespace",
            "bytes",
            (_total("kube_pod_container_resource_requests", "namespace", resource="memory"), "asked for"),
            (_total("container_memory_working_set_bytes", "namespace"), "used"),
        ),
        _panel(
            "Volumes, by namespace",
            "bytes",
            (_total("kube_persistentvolumeclaim_resource_requests_storage_bytes", "namespace"), ""),
        ),
        _panel("Nodes", "short", (_total("kube_node_status_condition", condition="Ready", status="true"), "nodes")),
        _panel("Answers that the cost is shared by", "reqps", (_rate(_ANSWERS), "answers")),
        _panel("Length of the last training", "s", (_latest("mlops_training_seconds"), "training")),
    ),
    services=("AWS/Billing", "ContainerInsights"),
)

SECURITY = Dashboard(
    name="mlops-security",
    title="Security & Compliance",
    about="Who was refused, what ends soon, and what the law asks for: personal data, erasures, models that know both.",
    panels=(
        _panel(
            "Requests that the Kubernetes API refused",
            "reqps",
            (_rate("apiserver_request_total", "resource", code="403"), ""),
        ),
        _panel("Requests without a valid login", "reqps", (_rate("apiserver_request_total", code="401"), "401")),
        _panel(
            "Until certificates end",
            "s",
            (
                Query(
                    metric="certmanager_certificate_expiration_timestamp_seconds",
                    take="until",
                    by=("namespace", "name"),
                ),
                "",
            ),
        ),
        _panel("Personal data in the last rows", "short", (_latest("mlops_personal_data", "kind"), "")),
        _panel("Erasures that the model does not know of", "short", (_latest("mlops_erased_since_training"), "users")),
        _panel(
            "Requests without a valid token at the recommender",
            "reqps",
            (_rate(_ANSWERS, "route", status="401"), "401"),
        ),
        _panel("Models that were fetched and refused", "short", (_rate("recommender_model_refused_total"), "refused")),
        _panel("Events that were refused or lost", "reqps", (_rate("recommender_events_total", "outcome"), "")),
    ),
    services=("AWS/RDS",),
)

DASHBOARDS = (PLATFORM, MODELS, COST, SECURITY)
