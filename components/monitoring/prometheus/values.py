"""Helm values of the Prometheus stack. Keys are those of kube-prometheus-stack 88.5.3 and of its subcharts.

The charts' own rules and dashboards stay out: the platform's are the whole, the same ones whoever watches.
"""

from dataclasses import dataclass

import pulumi

from components.kubernetes.placement import SYSTEM_NODES, on_system_nodes, requested
from components.monitoring.prometheus.alertmanager import alertmanager_config
from components.watch.routes import Route

NAMESPACE = "monitoring"
NODE_NAMESPACE = "monitoring-nodes"
"""Of what runs on every node and reads its disks: a namespace of its own, for those rights are not for the rest."""
RELEASE = "prometheus"
METRICS_PORT, ALERTS_PORT, GRAFANA_PORT = 9090, 9093, 3000
PROMETHEUS = f"{RELEASE}-prometheus"
"""Name of Prometheus' Service, as `fullnameOverride` makes it."""
ALERTMANAGER = f"{RELEASE}-alertmanager"
GRAFANA = f"{RELEASE}-grafana"
ROUTES_SECRET = "alert-routes"
DASHBOARD_LABEL = "grafana_dashboard"
_ROOM = 0.85
"""Share of a volume that metrics may fill: the write-ahead log and compactions need the rest. Source: Prometheus'
documentation, "Right-Sizing Retention Size", which says 80 to 85 percent."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Volumes of a StatefulSet's pods."""

    gb: int
    storage_class: str

    @property
    def claim(self) -> dict[str, object]:
        """The claim that the operator makes one of for each pod."""
        spec = {
            "storageClassName": self.storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{self.gb}Gi"}},
        }
        return {"volumeClaimTemplate": {"spec": spec}}


@dataclass(frozen=True, kw_only=True)
class Scraping:
    """What Prometheus keeps, and what it asks of a node."""

    replicas: int
    seconds: int
    retention_days: int
    storage: Storage | None
    cpu: str
    memory: str
    cluster: pulumi.Input[str]
    """Label of all that leaves this Prometheus."""


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What Grafana is given."""

    replicas: int
    admin_secret: pulumi.Input[str]
    database: pulumi.Input[str] | None
    """Secret with the login of its database: host, dbname, username, password. None keeps its own on a volume."""
    storage: Storage
    logs: pulumi.Input[str] | None
    """URL of Loki, where that keeps the logs."""
    host: str | None
    """Name under which people reach it from the network."""


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """What Alertmanager is given."""

    routes: tuple[Route, ...]
    secret: pulumi.Input[str] | None
    """Secret with a key for each of the routes."""
    storage: Storage


def stack(scraping: Scraping, pages: Pages, alerts: Alerts) -> dict[str, object]:
    """Values of the whole stack."""
    return {
        "fullnameOverride": RELEASE,
        "cleanPrometheusOperatorObjectNames": True,
        "crds": {"enabled": True},
        "defaultRules": {"create": False},
        # EKS runs these where nobody scrapes them, and kube-proxy answers its own node only.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")},
        "prometheusOperator": _operator(),
        "prometheus": _prometheus(scraping),
        "alertmanager": _alertmanager(scraping.replicas, alerts),
        "grafana": _grafana(pages),
        "kube-state-metrics": {**on_system_nodes("kube-state-metrics"), "fullnameOverride": "kube-state-metrics"},
        "prometheus-node-exporter": {
            "namespaceOverride": NODE_NAMESPACE,
            "resources": requested("node-exporter"),
            # On every node, whatever keeps other pods off it.
            "tolerations": [{"operator": "Exists"}],
        },
    }


def _operator() -> dict[str, object]:
    """Without its webhook, which would need a certificate before the first rule: the platform's rules are held against
    Prometheus' own parser before anything is deployed."""
    return {
        **on_system_nodes("prometheus-operator"),
        "admissionWebhooks": {"enabled": False},
        "tls": {"enabled": False},
        "prometheusConfigReloader": {"resources": requested("config-reloader")},
    }


def _prometheus(scraping: Scraping) -> dict[str, object]:
    resources = {"requests": {"cpu": scraping.cpu, "memory": scraping.memory}, "limits": {"memory": scraping.memory}}
    spec: dict[str, object] = {
        "replicas": scraping.replicas,
        "retention": f"{scraping.retention_days}d",
        "scrapeInterval": f"{scraping.seconds}s",
        "evaluationInterval": f"{scraping.seconds}s",
        "externalLabels": {"cluster": scraping.cluster},
        "nodeSelector": SYSTEM_NODES,
        "resources": resources,
        "podAntiAffinity": "soft",
        # Whatever announces itself, in whatever namespace and by whatever chart.
        **{
            f"{kind}SelectorNilUsesHelmValues": False
            for kind in ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
        },
    }
    if scraping.storage:
        spec |= {
            "storageSpec": scraping.storage.claim,
            "retentionSize": f"{int(scraping.storage.gb * _ROOM * 1024)}MiB",
            # Its volumes go with it: nothing else would ever remove them.
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        }
    return {"prometheusSpec": spec, "podDisruptionBudget": _budget(scraping.replicas)}


def _alertmanager(replicas: int, alerts: Alerts) -> dict[str, object]:
    spec: dict[str, object] = {
        "replicas": replicas,
        "nodeSelector": SYSTEM_NODES,
        "resources": requested("alertmanager"),
        "podAntiAffinity": "soft",
        "storage": alerts.storage.claim,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "secrets": [] if alerts.secret is None else [alerts.secret],
    }
    return {
        "alertmanagerSpec": spec,
        "config": alertmanager_config(alerts.routes),
        "podDisruptionBudget": _budget(replicas),
    }


def _grafana(pages: Pages) -> dict[str, object]:
    """The administrator's password is never in the values: Grafana reads it from a Secret."""
    environment = {"GF_SECURITY_ADMIN_USER": "admin"}
    # Who tells Grafana to load anew logs in for that.
    sidecar = {"enabled": True, "searchNamespace": NAMESPACE, "env": {"REQ_USERNAME": "admin"}}
    values: dict[str, object] = {
        "replicas": pages.replicas,
        **on_system_nodes("grafana"),
        "defaultDashboardsEnabled": False,
        "initChownData": {"enabled": False},
        "testFramework": {"enabled": False},
        "admin": {"existingSecret": pages.admin_secret, "passwordKey": "admin-password"},
        "env": environment,
        **({} if pages.logs is None else {"additionalDataSources": [_loki(pages.logs)]}),
        "grafana.ini": {
            **({"server": {"root_url": f"https://{pages.host}"}} if pages.host else {}),
            "analytics": {"reporting_enabled": False, "check_for_updates": False, "check_for_plugin_updates": False},
            "users": {"allow_sign_up": False},
            "security": {"cookie_secure": pages.host is not None, "disable_gravatar": True},
        },
        "sidecar": {
            "resources": requested("grafana-sidecar"),
            "dashboards": {**sidecar, "label": DASHBOARD_LABEL},
            "datasources": sidecar,
        },
        # One that replaces another waits for its volume; on the database they overlap.
        "deploymentStrategy": {"type": "RollingUpdate" if pages.database is not None else "Recreate"},
    }
    if pages.replicas > 1:
        values["podDisruptionBudget"] = {"maxUnavailable": 1}
    if pages.database is None:
        size = f"{pages.storage.gb}Gi"
        volume = {"enabled": True, "storageClassName": pages.storage.storage_class, "size": size}
        return {**values, "persistence": volume}
    keys = {
        "GF_DATABASE_HOST": "host",
        "GF_DATABASE_NAME": "dbname",
        "GF_DATABASE_PASSWORD": "password",
        "GF_DATABASE_USER": "username",
    }
    login = {name: {"secretKeyRef": {"name": pages.database, "key": key}} for name, key in keys.items()}
    types = {"GF_DATABASE_TYPE": "postgres", "GF_DATABASE_SSL_MODE": "require"}
    return {**values, "env": {**environment, **types}, "envValueFrom": login}


def _loki(url: pulumi.Input[str]) -> dict[str, object]:
    return {"name": "Loki", "uid": "loki", "type": "loki", "access": "proxy", "url": url}


def _budget(replicas: int) -> dict[str, object]:
    """One at a time; with a single replica it would only block node upgrades."""
    return {"enabled": True, "minAvailable": replicas - 1} if replicas > 1 else {"enabled": False}
