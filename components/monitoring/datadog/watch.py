"""Dashboards and monitors as objects of Datadog's operator, which writes them into the account."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.base.component import Component
from components.base.watched import Watched
from components.kubernetes.objects import custom_object
from components.monitoring import MonitoringOutputs, WatchOutputs
from components.monitoring.datadog.values import NAMESPACE
from components.watch.aws import SERVICES, AwsMetric
from components.watch.dashboards import DASHBOARDS, Dashboard
from components.watch.modules import of_modules
from components.watch.rules import Comparison, ObjectivesConfig, physical, rules

_OPERATED = "datadoghq.com/v1alpha1"
_PRIORITIES = {"critical": 1, "warning": 3, "info": 5}
_AGGREGATIONS = {"Average": "avg", "Maximum": "max", "Minimum": "min", "Sum": "sum"}


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """An alert in Datadog's own language."""

    name: str
    query: str
    comparison: Comparison
    threshold: float
    minutes: int
    severity: str
    says: str

    def spec(self, handle: str | None) -> dict[str, object]:
        """Spec of a DatadogMonitor."""
        aggregate = "min" if self.comparison == ">" else "max"
        # Over the whole window it must hold: the least must be above, or the most below.
        window = next(span for span in (1, 5, 10, 15, 30, 60, 120, 240) if span >= self.minutes)
        return {
            "name": self.name,
            "type": "query alert",
            "query": f"{aggregate}(last_{_span(window)}):{self.query} {self.comparison} {self.threshold:.12g}",
            "message": " ".join((self.says, *((handle,) if handle else ()))),
            "priority": _PRIORITIES[self.severity],
            "tags": [f"severity:{self.severity}", "managed-by:mlops"],
            "options": {
                "thresholds": {"critical": f"{self.threshold:.12g}"},
                "notifyNoData": False,
                "requireFullWindow": False,
                "includeTags": True,
            },
        }


class DatadogWatch(Component[WatchOutputs]):
    """The four dashboards, and a monitor for each alert that Datadog's language can ask."""

    token = "mlops:index:DatadogWatch"

    def __init__(
        self,
        name: str,
        objectives: ObjectivesConfig,
        told: Mapping[str, str | None],
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        # The operator brings the kinds.
        after = self.child_with(depends_on=list(monitoring.ready))
        namespaces = {one.namespace for one in watched}
        for dashboard in DASHBOARDS:
            custom_object(
                f"{name}-{dashboard.name}",
                _OPERATED,
                "DatadogDashboard",
                metadata={"name": dashboard.name, "namespace": NAMESPACE},
                spec=page(dashboard, namespaces),
                opts=after,
            )
        made = list(monitors(objectives, namespaces))
        for monitor in made:
            called = physical(monitor.name)
            custom_object(
                f"{name}-{called}",
                _OPERATED,
                "DatadogMonitor",
                metadata={"name": called, "namespace": NAMESPACE},
                spec=monitor.spec(told.get(monitor.severity)),
                opts=after,
            )
        self.publish(
            WatchOutputs(
                dashboards=tuple(dashboard.title for dashboard in DASHBOARDS),
                alerts=tuple(monitor.name for monitor in made),
            )
        )


def monitors(objectives: ObjectivesConfig, namespaces: set[str]) -> Iterator[Monitor]:
    """Of what is scraped, and of AWS's services where Datadog reads them."""
    for rule in (*rules(objectives), *of_modules(objectives, namespaces)):
        if (query := rule.query.datadog) is not None:
            yield Monitor(
                name=rule.name,
                query=query,
                comparison=rule.comparison,
                threshold=rule.threshold,
                minutes=rule.minutes,
                severity=rule.severity,
                says=f"{rule.says} {rule.do}",
            )
    for namespace in sorted(namespaces & SERVICES.keys()):
        service = SERVICES[namespace]
        for rule in service.rules:
            yield Monitor(
                name=f"{service.title} {rule.metric.name}",
                query=_aws(namespace, rule.metric),
                comparison=rule.comparison,
                threshold=rule.threshold,
                minutes=rule.minutes,
                severity=rule.severity,
                says=rule.says,
            )


def page(dashboard: Dashboard, namespaces: set[str]) -> dict[str, object]:
    """Spec of a DatadogDashboard; its widgets are JSON, as Datadog's API takes them."""
    widgets: list[dict[str, object]] = []
    for panel in dashboard.panels:
        queries = [series.query.datadog for series in panel.series]
        if known := [query for query in queries if query is not None]:
            widgets.append(_widget(panel.title, known))
    for namespace in (one for one in dashboard.services if one in namespaces):
        service = SERVICES[namespace]
        for metric in service.metrics:
            widgets.append(_widget(f"{service.title}: {metric.name}", [_aws(namespace, metric)]))
    return {
        "title": f"MLOps {dashboard.title}",
        "layoutType": "ordered",
        "tags": ["team:mlops"],
        "widgets": json.dumps(widgets, sort_keys=True),
    }


def _widget(title: str, queries: Sequence[str]) -> dict[str, object]:
    requests = [{"q": query, "display_type": "line"} for query in queries]
    return {"definition": {"type": "timeseries", "title": title, "show_legend": True, "requests": requests}}


def _aws(namespace: str, metric: AwsMetric) -> str:
    """What Datadog calls a metric of CloudWatch: `aws.kinesis.incoming_records` (the pages of its integrations)."""
    name = f"{namespace.lower().replace('/', '.').replace('-', '_')}.{_snake(metric.name)}"
    return f"{_AGGREGATIONS[metric.statistic]}:{name}{{*}}"


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).replace(".", "_").lower()


def _span(minutes: int) -> str:
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"
