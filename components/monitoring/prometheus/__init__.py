"""Prometheus, Alertmanager and Grafana on the cluster, and Fluent Bit that brings logs to CloudWatch.

Metrics stay with the platform, at the price of the nodes and volumes that they take; whoever runs them looks after them
too. AWS's own metrics come in through an exporter, so that one language asks for all of them.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs
from components.base.logs import log_group
from components.base.secret import SecretReference, SecretValue
from components.base.watched import Watched
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.foundation import Foundation
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    generated_secret,
    name_of,
    namespace,
    release,
    to_services,
)
from components.kubernetes.references import referred_secret
from components.monitoring import MonitoringConfig, MonitoringOutputs, WatchOutputs
from components.monitoring.prometheus import values
from components.monitoring.prometheus.logs import ACCOUNT, fluent_bit_values, write_into
from components.monitoring.prometheus.network import close_agents, close_watchers
from components.monitoring.prometheus.watch import READ_METRICS, PrometheusWatch
from components.network.endpoints import of_actions
from components.watch.routes import AlertsConfig
from mlops.core import versions
from mlops.core.config import Card, Config
from mlops.core.fields.aws import LogDays
from mlops.core.fields.kubernetes import Cpu, Memory
from mlops.core.module import Need, StackFacts

_ALERTS_GB = 2
"""Silences and what was told to whom; kilobytes, and no volume is smaller."""


class GrafanaConfig(Config):
    """Where people look. It keeps users and their own dashboards in the platform's PostgreSQL where there is one, and
    on a volume of its own where there is none."""

    replicas: int = Field(default=1, ge=1, le=5)
    """How many there are; two or more need the database, which they share."""
    storage_gb: int = Field(default=10, ge=1, le=1_000)
    """Its volume, GiB, where the stack has no database."""
    admin_secret: SecretReference | None = None
    """The password of Grafana's `admin`, which it takes when it first starts, and keeps. Null makes one in the cluster:
    key `admin-password` of the Secret `grafana` in namespace `monitoring`."""


class PrometheusConfig(MonitoringConfig):
    """Prometheus, Alertmanager and Grafana on the cluster."""

    kind: Literal["prometheus"] = "prometheus"
    card: ClassVar[Card] = Card(
        title="Prometheus and Grafana",
        best_for="metrics of the cluster and of models in any number, kept where the platform is",
        not_for="a stack without a cluster, or a team that nobody pays for looking after its monitoring",
        complexity="medium",
        trade_offs="costs nodes and volumes instead of a fee by host or metric; it falls with the cluster it watches",
        state="measurements lie on volumes of the cluster, which slot backup brings back, or with the pods where "
        "there are none; rules and dashboards come from this program",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    endpoints: ClassVar[frozenset[str]] = of_actions(READ_METRICS)

    replicas: int = Field(default=1, ge=1, le=3)
    """Prometheus and Alertmanager servers. Each Prometheus scrapes everything by itself; two survive a node."""
    retention_days: int = Field(default=15, ge=1, le=3_650)
    """Days for which metrics are kept; less where the volume fills before."""
    storage_gb: int | None = Field(default=50, ge=1, le=65_536)
    """Volume of each Prometheus, GiB; null keeps metrics with the pod, and they go with it."""
    cpu: Cpu = "500m"
    """CPU request of Prometheus (Kubernetes quantity)."""
    memory: Memory = "2Gi"
    """Memory request and limit of Prometheus (Kubernetes quantity): about 8 KiB for each series that it holds."""
    scrape_seconds: int = Field(default=30, ge=5, le=300)
    """Between two looks at a pod."""
    logs: bool = True
    """Bring what containers write to CloudWatch Logs."""
    log_days: LogDays | None = None
    """Days for which it is kept there; null as long as the tier keeps logs."""
    grafana: GrafanaConfig = GrafanaConfig()
    """Where people look."""
    alerts: AlertsConfig = AlertsConfig()
    """Who hears of alerts."""

    @property
    def scrapers(self) -> tuple[str, ...]:
        """Prometheus' namespace."""
        return (values.NAMESPACE,)

    @model_validator(mode="after")
    def _kept_somewhere(self) -> "PrometheusConfig":
        if self.storage_gb is None and self.retention_days > 1:
            raise ValueError(
                f"retention_days is {self.retention_days} and storage_gb null: metrics would go with the pod, long "
                "before. Set storage_gb, or retention_days to 1"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Several Grafanas share a database, and an alert has to find a way out."""
        found: list[str] = []
        if self.grafana.replicas > 1 and not stack.database:
            found.append(
                f"grafana.replicas is {self.grafana.replicas}, and this stack has no database that they could share: "
                "each would know users and dashboards of its own. Add `database: {}` to the settings, or set "
                "grafana.replicas to 1"
            )
        if self.alerts.routes and not stack.way_out:
            names = ", ".join(route.name for route in self.alerts.routes)
            found.append(
                f"alerts go to {names}, and network.mode isolated has no way there from the cluster. Set network.mode "
                "to private, or use kind cloudwatch, whose alerts leave from AWS"
            )
        return tuple(found)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MonitoringOutputs]:
        """Make the servers."""
        return Prometheus(name, self, foundation, opts)

    def build_watch(
        self,
        name: str,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions,
    ) -> Component[WatchOutputs]:
        """Make what is scraped, shown and judged."""
        return PrometheusWatch(name, self.objectives, foundation, monitoring, watched, opts)


class Prometheus(Component[MonitoringOutputs]):
    """Two closed namespaces, the stack with its secrets and its database, and Fluent Bit."""

    token = "mlops:index:Prometheus"

    def __init__(
        self, name: str, config: PrometheusConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._namespace = self._space("namespace", values.NAMESPACE, "restricted", SECRETS_ALLOWED)
        # It reads the disks of its nodes, which no other pod may.
        self._nodes = self._space("nodes-namespace", values.NODE_NAMESPACE, "privileged", {})
        closed = close_watchers(f"{name}-network-policy", self._namespace, foundation.network, self.child)
        agents = close_agents(f"{name}-nodes-network-policy", self._nodes, values.NAMESPACE, self.child)
        storage_class = foundation.cluster.storage_class
        scraping = values.Scraping(
            replicas=config.replicas,
            seconds=config.scrape_seconds,
            retention_days=config.retention_days,
            storage=values.Storage(gb=config.storage_gb, storage_class=storage_class) if config.storage_gb else None,
            cpu=config.cpu,
            memory=config.memory,
            cluster=foundation.cluster.name,
        )
        pages = values.Pages(
            replicas=config.grafana.replicas,
            admin_secret=self._admin_secret(),
            database=self._database(),
            storage=values.Storage(gb=config.grafana.storage_gb, storage_class=storage_class),
        )
        alerts = values.Alerts(
            routes=config.alerts.routes,
            secret=self._routes_secret(),
            storage=values.Storage(gb=_ALERTS_GB, storage_class=storage_class),
        )
        stack = release(
            f"{name}-stack",
            versions.KUBE_PROMETHEUS_STACK,
            namespace=self._namespace,
            release_name=values.RELEASE,
            values=values.stack(scraping, pages, alerts),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[closed, agents]),
        )
        group = self._logs(agents)
        self.publish(
            MonitoringOutputs(
                metrics=self._url(values.PROMETHEUS, values.METRICS_PORT),
                logs=group.name if group else pulumi.Output.from_input(""),
                alerts=self._url(values.ALERTMANAGER, values.ALERTS_PORT),
                dashboards=self._url(values.GRAFANA, 80),
                egress=(to_services(foundation.network, [values.METRICS_PORT, values.ALERTS_PORT]),),
                ready=(stack,),
            )
        )

    def _space(
        self, role: str, physical: str, security: Literal["restricted", "privileged"], labels: dict[str, str]
    ) -> pulumi.Output[str]:
        # Volumes and load balancers of the cluster go before what removes them does.
        ready = self.child_with(depends_on=list(self._foundation.cluster.ready))
        return name_of(namespace(f"{self.name}-{role}", physical, security=security, labels=labels, opts=ready))

    def _url(self, service: str, port: int) -> pulumi.Output[str]:
        return pulumi.Output.concat("http://", service, ".", self._namespace, f".svc.cluster.local:{port}")

    def _admin_secret(self) -> pulumi.Output[str]:
        given, name, key = self._config.grafana.admin_secret, f"{self.name}-grafana", "admin-password"
        if given is None:
            return generated_secret(name, "grafana", [key], namespace=self._namespace, opts=self.child)
        return self._referred(name, "grafana", {key: given.value})

    def _routes_secret(self) -> pulumi.Output[str] | None:
        secrets = {route.name: route.secret.value for route in self._config.alerts.routes}
        return self._referred(f"{self.name}-routes", values.ROUTES_SECRET, secrets) if secrets else None

    def _referred(self, name: str, physical: str, secrets: dict[str, SecretValue]) -> pulumi.Output[str]:
        cluster = self._foundation.cluster
        return referred_secret(name, physical, secrets, cluster=cluster, namespace=self._namespace, opts=self.child)

    def _database(self) -> pulumi.Output[str] | None:
        """Name of the Secret with Grafana's login, known once its database is there."""
        database = self._foundation.optional_database
        if database is None:
            return None
        args = DatabaseLoginArgs(
            database=database, cluster=self._foundation.cluster, consumer="grafana", namespace=self._namespace
        )
        return DatabaseLogin(f"{self.name}-login", args, self.child).outputs.secret_name

    def _logs(self, closed: pulumi.Resource) -> "aws.cloudwatch.LogGroup | None":
        config, foundation = self._config, self._foundation
        if not config.logs:
            return None
        group = log_group(
            f"{self.name}-logs",
            physical_name=f"/mlops/{foundation.prefix}/workloads",
            days=config.log_days or foundation.log_retention_days,
            key_arn=foundation.keys.logs,
            opts=self.child,
        )
        identity = Identity(
            f"{self.name}-logs-identity",
            IdentityArgs(
                cluster=foundation.cluster,
                namespace=self._nodes,
                service_account=ACCOUNT,
                grants=[write_into(group)],
            ),
            self.child,
        ).outputs
        release(
            f"{self.name}-fluent-bit",
            versions.FLUENT_BIT,
            namespace=self._nodes,
            release_name=ACCOUNT,
            values=fluent_bit_values(identity.service_account, group.name, foundation.region),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[closed]),
        )
        return group
