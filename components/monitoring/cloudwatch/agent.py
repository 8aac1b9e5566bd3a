"""The observability add-on of EKS, as plain dictionaries: Container Insights, container logs, and the metrics that
pods announce. Keys: amazon-cloudwatch-observability 6.4.0, which the add-on of that name takes as its configuration."""

from collections.abc import Collection, Iterator, Sequence

import pulumi

from components.base.identity import Grant, Statement
from components.monitoring.cloudwatch.alarms import METRICS
from components.watch.dashboards import DASHBOARDS
from components.watch.modules import of_modules
from components.watch.queries import Query
from components.watch.rules import ObjectivesConfig, rules

NAMESPACE = "amazon-cloudwatch"
ACCOUNT = "cloudwatch-agent"
ADDON = "amazon-cloudwatch-observability"
GROUPS = ("application", "dataplane", "host", "performance", "prometheus")
"""Ends of the log groups that agent and Fluent Bit write to."""
_SCRAPER = "cloudwatch-agent-prometheus"


def log_group_name(cluster: str, end: str) -> str:
    """Where Container Insights keeps it. Source: CloudWatch user guide, "Container Insights"."""
    return f"/aws/containerinsights/{cluster}/{end}"


def configuration(
    cluster: str, *, insights: bool, scrape: bool, seconds: int, modules: Collection[str]
) -> dict[str, object]:
    """The add-on's configuration. Application Signals stays off: it is paid by what it sees.

    Args:
        modules: those whose pods announce metrics of their own.
    """
    kubernetes = {"cluster_name": cluster, "enhanced_container_insights": insights}
    agents: list[dict[str, object]] = [
        {"name": ACCOUNT, "config": {"logs": {"metrics_collected": {"kubernetes": kubernetes}}}}
    ]
    if scrape:
        agents.append(
            {
                "name": _SCRAPER,
                # One of it, with an address of its own, which network policies can let in.
                "mode": "deployment",
                "hostNetwork": False,
                "config": {"logs": {"metrics_collected": {"prometheus": _embedded(cluster, modules)}}},
                "prometheus": {"config": _scraping(seconds)},
            }
        )
    return {
        "agents": agents,
        "containerLogs": {"enabled": True},
        "dcgmExporter": {"enabled": False},
        "neuronMonitor": {"enabled": False},
    }


def _embedded(cluster: str, modules: Collection[str]) -> dict[str, object]:
    """What of the scraped metrics becomes metrics of CloudWatch, and under which dimensions: what dashboards and alarms
    ask for, and no more, for each is paid by the month."""
    wanted: dict[str, set[tuple[str, ...]]] = {}
    for query in _questions(modules):
        if query.dimensions is not None:
            wanted.setdefault(query.metric, set()).add(query.dimensions)
    declarations = [
        {
            "source_labels": ["__name__"],
            "label_matcher": f"^{metric}$",
            "dimensions": [list(dimensions) for dimensions in sorted(found)],
            "metric_selectors": [f"^{metric}$"],
        }
        for metric, found in sorted(wanted.items())
    ]
    processor = {
        "metric_declaration_dedup": True,
        "metric_namespace": METRICS,
        "metric_declaration": declarations,
    }
    return {
        "cluster_name": cluster,
        "log_group_name": log_group_name(cluster, "prometheus"),
        "prometheus_config_path": "/etc/prometheusconfig/prometheus.yaml",
        "emf_processor": processor,
    }


def _questions(modules: Collection[str]) -> Iterator[Query]:
    for dashboard in DASHBOARDS:
        yield from (series.query for panel in dashboard.panels for series in panel.series)
    known = ObjectivesConfig()
    yield from (rule.query for rule in (*rules(known), *of_modules(known, modules)) if not rule.query.by)


def _scraping(seconds: int) -> dict[str, object]:
    """A configuration of Prometheus: pods that announce themselves, each at the port that it announces."""
    pod, annotation = "__meta_kubernetes_pod_", "__meta_kubernetes_pod_annotation_prometheus_io_"
    relabelings = [
        {"action": "keep", "source_labels": [f"{annotation}scrape"], "regex": "true"},
        {
            "action": "keepequal",
            "source_labels": [f"{annotation}port"],
            "target_label": f"{pod}container_port_number",
        },
        {
            "action": "replace",
            "source_labels": [f"{annotation}path"],
            "regex": "(.+)",
            "target_label": "__metrics_path__",
        },
        *(
            {"action": "replace", "source_labels": [f"{pod}{source}"], "target_label": target}
            for source, target in (("container_name", "container"), ("name", "pod"))
        ),
        {"action": "replace", "source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
    ]
    job = {"job_name": "pods", "kubernetes_sd_configs": [{"role": "pod"}], "relabel_configs": relabelings}
    return {"global": {"scrape_interval": f"{seconds}s", "scrape_timeout": "10s"}, "scrape_configs": [job]}


def send_metrics(groups: Sequence[pulumi.Input[str]]) -> Grant:
    """What the agent needs: metrics of its own namespaces, events into groups that are there, what nodes are called.

    Source: AWS managed policy CloudWatchAgentServerPolicy, less what the settings here do not use.
    """
    own = {"StringEquals": {"cloudwatch:namespace": ["ContainerInsights", METRICS]}}
    streams = tuple(pulumi.Output.concat(group, ":log-stream:*") for group in groups)
    wholes = tuple(pulumi.Output.concat(group, ":*") for group in groups)
    return Grant(
        resource="monitoring/cloudwatch",
        access="send",
        statements=(
            # It takes no resource; the condition narrows it. Source: Service Authorization Reference.
            Statement(actions=("cloudwatch:PutMetricData",), resources=("*",), conditions=own),
            Statement(actions=("ec2:DescribeTags", "ec2:DescribeVolumes"), resources=("*",)),
            Statement(actions=("logs:CreateLogStream", "logs:PutLogEvents"), resources=streams),
            Statement(actions=("logs:DescribeLogGroups", "logs:DescribeLogStreams"), resources=wholes),
        ),
    )
