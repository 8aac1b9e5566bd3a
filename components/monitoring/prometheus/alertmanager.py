"""Alertmanager's configuration: critical to PagerDuty, a warning to Slack, the rest nowhere but on the dashboards.

Keys are read from files of a mounted Secret, so that neither values nor state hold them.
"""

from collections.abc import Mapping

from components.watch.routes import Route

_FILES = "/etc/alertmanager/secrets/alert-routes"
"""Where the operator mounts the Secret (`alertmanagerSpec.secrets`)."""
_NOWHERE = "dashboard"
_TITLE = "{{ .GroupLabels.alertname }} ({{ .Alerts.Firing | len }}) in {{ .CommonLabels.cluster }}"
_TEXT = "{{ range .Alerts }}{{ .Annotations.summary }} {{ .Annotations.description }}\n{{ end }}"


def alertmanager_config(routes: tuple[Route, ...]) -> dict[str, object]:
    """The configuration, in Alertmanager's own words."""
    return {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": _NOWHERE,
            "group_by": ["alertname", "namespace"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [_to(route) for route in routes],
        },
        # What is critical silences the warning about the same thing.
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity=~"warning|info"'],
                "equal": ["namespace", "alertname"],
            }
        ],
        "receivers": [{"name": _NOWHERE}, *(_receiver(route) for route in routes)],
        "templates": [],
    }


def _to(route: Route) -> Mapping[str, object]:
    return {"receiver": route.name, "matchers": [f'severity=~"{"|".join(route.severities)}"']}


def _receiver(route: Route) -> Mapping[str, object]:
    if route.name == "pagerduty":
        integration = {
            "routing_key_file": f"{_FILES}/pagerduty",
            "send_resolved": True,
            "description": _TITLE,
            "severity": "critical",
            "details": {"firing": _TEXT},
        }
        return {"name": route.name, "pagerduty_configs": [integration]}
    webhook = {"api_url_file": f"{_FILES}/slack", "send_resolved": True, "title": _TITLE, "text": _TEXT}
    return {"name": route.name, "slack_configs": [webhook]}
