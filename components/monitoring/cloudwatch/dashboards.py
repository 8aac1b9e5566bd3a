"""The body of a dashboard in CloudWatch's own JSON. Source: CloudWatch API reference, "Dashboard Body Structure and
Syntax"; limits: CloudWatch user guide, "CloudWatch quotas"."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.base.watched import Watched
from components.monitoring.cloudwatch.alarms import METRICS, Alarm
from components.watch.aws import BILL, REGION_OF_BILLS, SERVICES
from components.watch.dashboards import Dashboard, Panel

MOST_WIDGETS, MOST_METRICS_OF_WIDGET, MOST_METRICS = 500, 500, 2_500
_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3
"""Of a widget, in cells of a page that is 24 wide."""
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Known:
    """A watched resource, its dimensions known."""

    what: str
    namespace: str
    dimensions: Mapping[str, str]


def body(
    dashboard: Dashboard,
    watched: Sequence[Watched],
    own: Sequence[Alarm],
    cluster: pulumi.Input[str] | None,
    region: str,
) -> pulumi.Output[str]:
    """A dashboard as JSON, once what it names is known. `own` are alarms that are drawn on it as well."""
    names = [(one.what, one.namespace, tuple(one.dimensions)) for one in watched]

    def document(values: Sequence[object]) -> str:
        cluster_name, *dimensions = values
        known = [
            Known(what=what, namespace=namespace, dimensions=dict(zip(keys, given, strict=True)))  # type: ignore[call-overload]
            for (what, namespace, keys), given in zip(names, dimensions, strict=True)
        ]
        widgets = [*_widgets(dashboard, known, str(cluster_name or ""), region), *_of_alarms(own, region)]
        return json.dumps({"start": "-PT24H", "periodOverride": "auto", "widgets": placed(widgets)}, sort_keys=True)

    dimensions = [pulumi.Output.all(*one.dimensions.values()) for one in watched]
    return pulumi.Output.all(cluster or "", *dimensions).apply(document)


def placed(widgets: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Widgets in rows of three.

    Raises:
        ValueError: more than CloudWatch takes, which would refuse the whole dashboard.
    """
    if len(widgets) > MOST_WIDGETS:
        raise ValueError(f"a dashboard of {len(widgets)} widgets; CloudWatch takes {MOST_WIDGETS}. Watch less on it")
    counts = [_metrics_of(widget) for widget in widgets]
    if sum(counts) > MOST_METRICS or max(counts, default=0) > MOST_METRICS_OF_WIDGET:
        raise ValueError(
            f"a dashboard of {sum(counts)} metrics, {max(counts)} of them on one widget; CloudWatch takes "
            f"{MOST_METRICS} and {MOST_METRICS_OF_WIDGET}. Watch less on it"
        )
    return [
        {
            **widget,
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "width": _WIDTH,
            "height": _HEIGHT,
        }
        for number, widget in enumerate(widgets)
    ]


def _metrics_of(widget: Mapping[str, object]) -> int:
    properties = widget["properties"]
    metrics = properties.get("metrics", ()) if isinstance(properties, Mapping) else ()
    return len(metrics) if isinstance(metrics, list) else 0


def _widgets(dashboard: Dashboard, watched: Sequence[Known], cluster: str, region: str) -> Iterator[dict[str, object]]:
    for panel in dashboard.panels if cluster else ():
        if metrics := [*_scraped(panel, cluster)]:
            yield _widget(panel.title, metrics, region)
    for namespace in dashboard.services:
        service = SERVICES[namespace]
        if namespace == "AWS/Billing":
            metrics = [
                [namespace, metric.name, *_pairs(BILL), {"stat": metric.statistic}] for metric in service.metrics
            ]
            yield {**_widget(service.title, metrics, REGION_OF_BILLS, seconds=21_600)}
            continue
        there = [one for one in watched if one.namespace == namespace]
        for metric in service.metrics if there else ():
            rows: list[list[object]] = [
                [namespace, metric.name, *_pairs(one.dimensions), {"stat": metric.statistic, "label": one.what}]
                for one in there
            ]
            yield _widget(f"{service.title}: {metric.name}", rows, region)


def _scraped(panel: Panel, cluster: str) -> Iterator[list[object]]:
    """A search for each question that CloudWatch can answer: whatever values the labels come to have is found."""
    for number, series in enumerate(panel.series):
        query = series.query
        if query.dimensions is None:
            continue
        wanted = " ".join(f'{key}="{value}"' for key, value in [("ClusterName", cluster), *sorted(query.scope.items())])
        search = f'{{{METRICS},{",".join(query.dimensions)}}} MetricName="{query.metric}" {wanted}'
        expression = f"SEARCH('{search}', '{query.statistic}', {_SECONDS})"
        yield [{"expression": expression, "id": f"e{number}", "label": series.legend or panel.title}]


def _of_alarms(own: Sequence[Alarm], region: str) -> Iterator[dict[str, object]]:
    for alarm in own:
        dimensions = {key: str(value) for key, value in alarm.dimensions.items()}
        row = [alarm.namespace, alarm.metric, *_pairs(dimensions), {"stat": alarm.statistic}]
        yield _widget(alarm.name, [row], region, threshold=alarm.threshold)


def _widget(
    title: str,
    metrics: Sequence[Sequence[object]],
    region: str,
    *,
    seconds: int = _SECONDS,
    threshold: float | None = None,
) -> dict[str, object]:
    properties: dict[str, object] = {
        "title": title,
        "view": "timeSeries",
        "region": region,
        "period": seconds,
        "metrics": [list(row) for row in metrics],
    }
    if threshold is not None:
        properties["annotations"] = {"horizontal": [{"label": "threshold", "value": threshold}]}
    return {"type": "metric", "properties": properties}


def _pairs(dimensions: Mapping[str, str]) -> list[str]:
    return [text for pair in sorted(dimensions.items()) for text in pair]
