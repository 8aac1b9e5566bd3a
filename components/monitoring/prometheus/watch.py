"""What Prometheus is told to look at: pods that announce themselves, AWS's metrics through an exporter, alerts, pages.

Made last, out of what every part published about itself.
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY, custom_object, release
from components.kubernetes.placement import on_system_nodes
from components.kubernetes.scraping import announced
from components.monitoring import MonitoringOutputs, WatchOutputs
from components.monitoring.prometheus import values
from components.monitoring.prometheus.grafana import page
from components.monitoring.prometheus.scraping import alert_names, announced_pods, exporter_config, rule_groups
from components.watch.dashboards import DASHBOARDS
from components.watch.modules import of_modules
from components.watch.rules import ObjectivesConfig, rules
from mlops.core import versions

_OPERATED = "monitoring.coreos.com/v1"
_EXPORTER = "cloudwatch-exporter"
_EXPORTER_PORT = 5000
_USER = 65_534


class PrometheusWatch(Component[WatchOutputs]):
    """A PodMonitor, the rules, the exporter of AWS's metrics and the four pages."""

    token = "mlops:index:PrometheusWatch"

    def __init__(
        self,
        name: str,
        objectives: ObjectivesConfig,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._foundation = foundation
        # The operator brings the kinds, and Grafana's namespace is the stack's.
        self._after = self.child_with(depends_on=list(monitoring.ready))
        self._object("pods", "PodMonitor", announced_pods())
        own = of_modules(objectives, {one.namespace for one in watched})
        groups = rule_groups((*rules(objectives), *own), watched)
        self._object("rules", "PrometheusRule", {"groups": groups})
        self._exporter(watched)
        for dashboard in DASHBOARDS:
            k8s.core.v1.ConfigMap(
                f"{name}-{dashboard.name}",
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=dashboard.name, namespace=values.NAMESPACE, labels={values.DASHBOARD_LABEL: "1"}
                ),
                data={f"{dashboard.name}.json": page(dashboard, watched)},
                opts=self._after,
            )
        self.publish(
            WatchOutputs(dashboards=tuple(dashboard.title for dashboard in DASHBOARDS), alerts=alert_names(groups))
        )

    def _object(self, role: str, kind: str, spec: dict[str, object]) -> None:
        metadata = {"name": f"mlops-{role}", "namespace": values.NAMESPACE}
        custom_object(f"{self.name}-{role}", _OPERATED, kind, metadata=metadata, spec=spec, opts=self._after)

    def _exporter(self, watched: Sequence[Watched]) -> None:
        foundation = self._foundation
        identity = Identity(
            f"{self.name}-exporter-identity",
            IdentityArgs(
                cluster=foundation.cluster,
                namespace=values.NAMESPACE,
                service_account=_EXPORTER,
                grants=[_READ],
            ),
            self._after,
        ).outputs
        release(
            f"{self.name}-exporter",
            versions.CLOUDWATCH_EXPORTER,
            namespace=values.NAMESPACE,
            release_name=_EXPORTER,
            values=exporter_values(identity.service_account, exporter_config(watched, foundation.region)),
            opts=self._after,
        )


READ_METRICS = ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics")
_READ = Grant(
    resource="monitoring/cloudwatch",
    access="read",
    # Neither action takes a resource. Source: Service Authorization Reference, Amazon CloudWatch.
    statements=(Statement(actions=READ_METRICS, resources=("*",)),),
)


def exporter_values(account: pulumi.Input[str], config: pulumi.Input[str]) -> dict[str, object]:
    """Values of chart prometheus-yet-another-cloudwatch-exporter 0.47.0."""
    return {
        "fullnameOverride": _EXPORTER,
        "serviceAccount": {"create": True, "name": account, "automountServiceAccountToken": False},
        **on_system_nodes("cloudwatch-exporter"),
        "containerPort": _EXPORTER_PORT,
        "podAnnotations": announced(_EXPORTER_PORT),
        "podSecurityContext": {**POD_SECURITY, "runAsUser": _USER},
        "securityContext": CONTAINER_SECURITY,
        "testConnection": False,
        "config": config,
    }
