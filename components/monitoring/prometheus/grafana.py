"""Grafana's pages out of the platform's dashboards, in Grafana's own JSON (schema version 41)."""

import json
from collections.abc import Sequence

from components.base.watched import Watched
from components.monitoring.prometheus.scraping import exported
from components.watch.aws import SERVICES
from components.watch.dashboards import Dashboard

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
"""The data source that the chart makes; its uid is the chart's own."""
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
"""Of a panel, in cells of a page that is 24 wide."""


def page(dashboard: Dashboard, watched: Sequence[Watched]) -> str:
    """A dashboard as JSON: its panels, then one for each metric of the AWS services on it that are watched."""
    panels = [
        _panel(panel.title, panel.unit, [(series.query.promql, series.labelled) for series in panel.series])
        for panel in dashboard.panels
    ]
    there = {one.namespace for one in watched} | {"AWS/Billing"}
    for namespace in (one for one in dashboard.services if one in there):
        service = SERVICES[namespace]
        for metric in service.metrics:
            title = f"{service.title}: {metric.name}"
            panels.append(_panel(title, metric.unit, [(exported(namespace, metric), "{{name}}")]))
    for number, panel in enumerate(panels):
        row, column = divmod(number, _COLUMNS)
        place = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
        panel |= {"id": number + 1, "gridPos": place}
    content = {
        "uid": dashboard.name,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["mlops"],
        "editable": False,
        "schemaVersion": 41,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "utc",
        "panels": panels,
    }
    return json.dumps(content, sort_keys=True)


def _panel(title: str, unit: str, queries: Sequence[tuple[str, str]]) -> dict[str, object]:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
        for number, (expression, legend) in enumerate(queries)
    ]
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
        "targets": targets,
    }
