"""Every metric that a dashboard or an alert asks for, with its type and labels, by who exposes it.

A name that nobody exposes is a panel that stays empty and an alert that never fires, so nothing is asked for that is
not here, and what is here is held against the source of whoever exposes it (`tests/components/test_watch.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Type = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, kw_only=True)
class Scraped:
    """A metric that pods and nodes expose in Prometheus' text format."""

    name: str
    """As exposed: a counter with its `_total`, a histogram without `_bucket`."""
    type: Type
    labels: tuple[str, ...] = ()
    """Its own, and of those of where it was scraped the ones that dashboards tell apart by."""
    container: str = ""
    """The one that is meant, where others may expose a metric of the same name; empty where the name says it."""
    datadog: str = ""
    """What Datadog's agent calls it where it measures the same by itself; empty where it is scraped from a pod."""


_POD = ("namespace", "pod")


def _gauges(*names: str) -> tuple[Scraped, ...]:
    return tuple(Scraped(name=name, type="gauge") for name in names)


RECOMMENDER = (
    Scraped(name="http_requests_total", type="counter", labels=("method", "route", "status"), container="recommender"),
    Scraped(name="http_request_duration_seconds", type="histogram", labels=("route",), container="recommender"),
    Scraped(name="recommender_recommendations_total", type="counter", labels=("model_version", "role", "user")),
    Scraped(name="recommender_events_total", type="counter", labels=("outcome",)),
    Scraped(name="recommender_model_swaps_total", type="counter"),
    Scraped(name="recommender_model_refused_total", type="counter"),
    Scraped(name="recommender_shadow_overlap", type="histogram", labels=("champion", "challenger")),
    *_gauges("recommender_registry_up", "recommender_events_waiting"),
)
"""Source: `services/recommender/metrics.py`."""

LOOP = (
    *_gauges("mlops_champion_age_seconds", "mlops_serving_p95_seconds", "mlops_new_events", "mlops_data_quality"),
    *_gauges("mlops_feature_age_seconds", "mlops_newest_event_age_seconds", "mlops_hit_rate", "mlops_drift_share"),
    *_gauges("mlops_erased_since_training", "mlops_trainings_refused", "mlops_training_seconds"),
    *_gauges("mlops_worker_failures_in_a_row", "mlops_worker_last_look_timestamp_seconds"),
    Scraped(name="mlops_worker_looks_total", type="counter", labels=("outcome",)),
    Scraped(name="mlops_drift_distance", type="gauge", labels=("column", "method")),
    Scraped(name="mlops_personal_data", type="gauge", labels=("kind",)),
    Scraped(name="mlops_warning", type="gauge", labels=("kind",)),
)
"""Source: `services/pipelines/monitor.py` and `worker.py`."""

DELIVERY = _gauges("mlops_delivery_age_seconds")
"""Source: `services/pipelines/deliver.py`."""

OBJECTS = (
    Scraped(
        name="kube_node_status_condition",
        type="gauge",
        labels=("node", "condition", "status"),
        datadog="kubernetes_state.node.by_condition",
    ),
    Scraped(name="kube_node_status_allocatable", type="gauge", labels=("node", "resource", "unit")),
    Scraped(
        name="kube_pod_status_phase", type="gauge", labels=(*_POD, "phase"), datadog="kubernetes_state.pod.status_phase"
    ),
    Scraped(name="kube_pod_container_status_restarts_total", type="counter", labels=(*_POD, "container")),
    Scraped(name="kube_pod_container_resource_requests", type="gauge", labels=(*_POD, "resource", "unit")),
    Scraped(
        name="kube_deployment_status_replicas_unavailable",
        type="gauge",
        labels=("namespace", "deployment"),
        datadog="kubernetes_state.deployment.replicas_unavailable",
    ),
    Scraped(
        name="kube_persistentvolumeclaim_resource_requests_storage_bytes",
        type="gauge",
        labels=("namespace", "persistentvolumeclaim"),
    ),
)
"""Source: kube-state-metrics v2.20, docs/metrics."""

NODES = (
    *_gauges("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    Scraped(name="node_cpu_seconds_total", type="counter", labels=("instance", "mode", "cpu")),
    Scraped(name="node_filesystem_avail_bytes", type="gauge", labels=("instance", "mountpoint", "fstype")),
    Scraped(name="node_filesystem_size_bytes", type="gauge", labels=("instance", "mountpoint", "fstype")),
)
"""Source: node_exporter 1.12, collectors cpu, filesystem and meminfo."""

KUBELET = (
    Scraped(
        name="kubelet_volume_stats_available_bytes",
        type="gauge",
        labels=("namespace", "persistentvolumeclaim"),
        datadog="kubernetes.kubelet.volume.stats.available_bytes",
    ),
    Scraped(
        name="kubelet_volume_stats_capacity_bytes",
        type="gauge",
        labels=("namespace", "persistentvolumeclaim"),
        datadog="kubernetes.kubelet.volume.stats.capacity_bytes",
    ),
    Scraped(name="container_cpu_usage_seconds_total", type="counter", labels=(*_POD, "container")),
    Scraped(
        name="container_memory_working_set_bytes",
        type="gauge",
        labels=(*_POD, "container"),
        datadog="kubernetes.memory.working_set",
    ),
)
"""Source: the kubelet's `/metrics` and `/metrics/cadvisor` (Kubernetes, pkg/kubelet/metrics; cAdvisor, metrics)."""

SERVER = (Scraped(name="apiserver_request_total", type="counter", labels=("code", "verb", "resource")),)
"""Source: Kubernetes, staging/src/k8s.io/apiserver/pkg/endpoints/metrics."""

CERTIFICATES = (
    Scraped(name="certmanager_certificate_expiration_timestamp_seconds", type="gauge", labels=("namespace", "name")),
)
"""Source: cert-manager v1.21, pkg/metrics."""

MODULES = (
    *_gauges("flink_jobmanager_numRunningJobs", "flink_jobmanager_job_lastCheckpointDuration", "bookie_SERVER_STATUS"),
    Scraped(name="seldon_model_infer_total", type="counter", labels=("server", "model", "method_type", "code")),
    Scraped(name="argo_workflows_error_count", type="counter", labels=("cause",)),
    Scraped(name="velero_backup_failure_total", type="counter", labels=("schedule",)),
    Scraped(name="velero_backup_partial_failure_total", type="counter", labels=("schedule",)),
    Scraped(name="argocd_app_sync_total", type="counter", labels=("name", "phase")),
    Scraped(name="jupyterhub_server_spawn_duration_seconds_count", type="counter", labels=("status", "reason")),
)
"""What pods of modules announce, where the module is there. Sources: Flink's documentation, "Metrics", as its reporter
for Prometheus spells it; Pulsar's, "Pulsar Metrics", of bookies; seldon-core v2.10.2, scheduler/pkg/metrics/agent.go;
argo-workflows v4.0.5, docs/metrics.md and util/telemetry/exporter_prometheus.go, which adds no suffix to counters;
argo-cd v3.4, docs/operator-manual/metrics.md; jupyterhub 5.5, jupyterhub/metrics.py, whose durations are histograms;
velero v1.18, pkg/metrics."""

SCRAPE = (Scraped(name="up", type="gauge", labels=("job", *_POD)),)
"""What a scraper knows of its targets by itself."""

CATALOGUE: Mapping[str, Scraped] = {
    metric.name: metric
    for group in (RECOMMENDER, LOOP, DELIVERY, OBJECTS, NODES, KUBELET, SERVER, CERTIFICATES, MODULES, SCRAPE)
    for metric in group
}
OF_WORKLOADS = frozenset(metric.name for metric in (*RECOMMENDER, *LOOP, *DELIVERY, *MODULES))
"""What the platform's own pods expose and those of modules, all of which announce themselves by annotation."""
