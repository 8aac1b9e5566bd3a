"""Prometheus, Alertmanager and Grafana on the cluster, and Fluent Bit that brings logs to CloudWatch or to Loki.

Metrics stay with the platform, at the price of the nodes and volumes that they take; whoever runs them looks after them
too. AWS's own metrics come in through an exporter, so that one language asks for all of them.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import pulumi
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs
from components.base.logs import log_group
from components.base.secret import SecretValue
from components.base.watched import Watched
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.foundation import Foundation
from components.kubernetes.ingress import unreached
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    generated_secret,
    name_of,
    namespace,
    release,
    to_services,
)
from components.kubernetes.placement import SYSTEM_GROUP
from components.kubernetes.references import referred_secret
from components.monitoring import MonitoringConfig, MonitoringOutputs, WatchOutputs
from components.monitoring.prometheus import values
from components.monitoring.prometheus.access import DoorArgs, GrafanaConfig, door
from components.monitoring.prometheus.logs import (
    ACCOUNT,
    Sent,
    fluent_bit_values,
    to_cloudwatch,
    to_loki,
    write_into,
)
from components.monitoring.prometheus.loki import PORT as LOKI_PORT
from components.monitoring.prometheus.loki import LokiConfig, LokiParts, loki
from components.monitoring.prometheus.network import close_agents, close_watchers
from components.monitoring.prometheus.watch import READ_METRICS, PrometheusWatch
from components.network.endpoints import of_actions
from components.watch.routes import AlertsConfig
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields.aws import LogDays
from mlops.core.fields.kubernetes import Cpu, Memory
from mlops.core.module import Need, StackFacts

_ALERTS_GB = 2
"""Silences and what was told to whom; kilobytes, and no volume is smaller."""


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
    logs: Literal["cloudwatch", "loki"] | None = "cloudwatch"
    """Where what containers write is kept: cloudwatch, paid for by what is taken in; loki, by nodes and the lake; null
    collects none."""
    log_days: LogDays | None = None
    """Days for which it is kept there; null as long as the tier keeps logs. What Loki deletes in the lake stays there
    as an old version for storage.lifecycle.noncurrent_days."""
    loki: LokiConfig = LokiConfig()
    """Its servers, where `logs` is loki."""
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
        nodes = stack.group_sizes.get(SYSTEM_GROUP, self.loki.replicas)
        if self.logs == "loki" and self.loki.replicas > nodes:
            found.append(
                f"loki.replicas is {self.loki.replicas}, each of which needs a node of its own, and cluster.system has "
                f"at most {nodes}. Set cluster.system.max_size to {self.loki.replicas} or more, or loki.replicas to 1"
            )
        found += unreached("grafana.host", self.grafana.host, stack)
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
        ways = [to_services(foundation.network, [LOKI_PORT])] if config.logs == "loki" else []
        agents = close_agents(f"{name}-nodes-network-policy", self._nodes, values.NAMESPACE, ways, self.child)
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
        logs, sent = self._logs(closed)
        pages = values.Pages(
            replicas=config.grafana.replicas,
            admin_secret=self._admin_secret(),
            database=self._database(),
            storage=values.Storage(gb=config.grafana.storage_gb, storage_class=storage_class),
            logs=logs if config.logs == "loki" else None,
            host=config.grafana.host,
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
        if config.grafana.host and config.grafana.certificate_arn:
            door_args = DoorArgs(
                host=config.grafana.host,
                certificate_arn=config.grafana.certificate_arn,
                namespace=self._namespace,
                network=foundation.network,
                grafana=stack,
            )
            door(f"{name}-grafana", door_args, self.child)
        if sent is not None:
            self._collect(sent, agents)
        self.publish(
            MonitoringOutputs(
                metrics=self._url(values.PROMETHEUS, values.METRICS_PORT),
                logs=logs,
                alerts=self._url(values.ALERTMANAGER, values.ALERTS_PORT),
                dashboards=pulumi.Output.from_input(f"https://{config.grafana.host}")
                if config.grafana.host
                else self._url(values.GRAFANA, 80),
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
            return generated_secret(
                name,
                "grafana",
                [key],
                unrotated="Grafana takes it when its database is made and keeps it there: grafana cli resets it",
                namespace=self._namespace,
                opts=self.child,
            )
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

    def _logs(self, closed: pulumi.Resource) -> "tuple[pulumi.Output[str], Sent | None]":
        """Where logs are kept, as people are told, and what Fluent Bit is told; None collects none."""
        config, foundation = self._config, self._foundation
        days = config.log_days or foundation.log_retention_days
        if config.logs is None:
            return pulumi.Output.from_input(""), None
        if config.logs == "loki":
            parts = LokiParts(
                config=config.loki,
                days=days,
                namespace=self._namespace,
                writers=values.NODE_NAMESPACE,
                after=closed,
            )
            host = loki(f"{self.name}-loki", parts, foundation, self.child)
            return pulumi.Output.concat("http://", host, f":{LOKI_PORT}"), Sent(output=to_loki(host, LOKI_PORT))
        group = log_group(
            f"{self.name}-logs",
            physical_name=f"/mlops/{foundation.prefix}/workloads",
            days=days,
            key_arn=foundation.keys.logs,
            opts=self.child,
        )
        sent = Sent(output=to_cloudwatch(group.name, foundation.region), grants=(write_into(group),))
        return group.name, sent

    def _collect(self, sent: Sent, closed: pulumi.Resource) -> None:
        account = None
        if sent.grants:
            args = IdentityArgs(
                cluster=self._foundation.cluster,
                namespace=self._nodes,
                service_account=ACCOUNT,
                grants=sent.grants,
            )
            account = Identity(f"{self.name}-logs-identity", args, self.child).outputs.service_account
        release(
            f"{self.name}-fluent-bit",
            versions.FLUENT_BIT,
            namespace=self._nodes,
            release_name=ACCOUNT,
            values=fluent_bit_values(account, sent.output),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[closed]),
        )
