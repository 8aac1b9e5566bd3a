"""CloudWatch: nothing to run but an agent on the nodes, and not even that without a cluster.

Dashboards and alarms are AWS's; what pods expose becomes metrics there as far as somebody asks for it, because each is
paid by the month.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Identity, IdentityArgs, Statement
from components.base.logs import log_group
from components.base.topic import alarm_topic
from components.base.watched import Watched
from components.foundation import Foundation
from components.monitoring import MonitoringConfig, MonitoringOutputs, WatchOutputs
from components.monitoring.cloudwatch import agent
from components.monitoring.cloudwatch.alarms import METRICS, AlarmConfig, AlarmName, alarms, make
from components.monitoring.cloudwatch.dashboards import body
from components.monitoring.cloudwatch.notifier import Notifier
from components.network.endpoints import of_actions
from components.watch.dashboards import DASHBOARDS, PLATFORM
from components.watch.modules import of_modules
from components.watch.routes import AlertsConfig
from components.watch.rules import rules
from mlops.core.config import Card
from mlops.core.fields.aws import LogDays

_MOST_ALARMS = 400
"""With what is on the page anyway they stay below the 500 widgets that a dashboard holds."""
_TOPICS = ("critical", "warning")


class CloudWatchConfig(MonitoringConfig):
    """Amazon CloudWatch, with a cluster and without."""

    kind: Literal["cloudwatch"] = "cloudwatch"
    card: ClassVar[Card] = Card(
        title="Amazon CloudWatch",
        best_for="a platform of AWS's own services, with or without a cluster, that nobody wants to run monitoring for",
        not_for="many metrics with many labels: each combination is paid by the month",
        complexity="low",
        trade_offs="nothing to look after, and no PromQL: shares and quantiles of what pods expose are not asked",
        state="metrics and logs lie in CloudWatch for as long as they are kept there; alarms and dashboards come "
        "from this program",
    )

    endpoints: ClassVar[frozenset[str]] = of_actions(("cloudwatch:PutMetricData",))

    log_days: LogDays | None = None
    """Days for which logs of containers are kept; null as long as the tier keeps logs."""
    container_insights: bool = True
    """Container Insights with enhanced observability, where there is a cluster; paid by observation."""
    application_metrics: bool = True
    """Fetch what pods announce, the recommender's and the loop's metrics, where there is a cluster."""
    scrape_seconds: int = Field(default=60, ge=10, le=300)
    """Between two looks at a pod."""
    alarms: Annotated[dict[AlarmName, AlarmConfig], Field(max_length=_MOST_ALARMS)] = Field(default_factory=dict)
    """Alarms that a team adds, by name; they are drawn on the page Platform too."""
    alerts: AlertsConfig = AlertsConfig()
    """Who hears of alarms."""

    @property
    def scrapers(self) -> tuple[str, ...]:
        """The agent's namespace."""
        return (agent.NAMESPACE,) if self.application_metrics else ()

    @property
    def key_users(self) -> tuple[str, ...]:
        """Alarms are sent to encrypted topics."""
        return ("cloudwatch.amazonaws.com",)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MonitoringOutputs]:
        """Make topics and, on a cluster, the agent."""
        return CloudWatch(name, self, foundation, opts)

    def build_watch(
        self,
        name: str,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions,
    ) -> Component[WatchOutputs]:
        """Make dashboards and alarms."""
        return CloudWatchWatch(name, self, foundation, monitoring, watched, opts)


class CloudWatch(Component[MonitoringOutputs]):
    """A topic for each severity with what brings alarms out of it, log groups, and the observability add-on."""

    token = "mlops:index:CloudWatch"

    def __init__(
        self, name: str, config: CloudWatchConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._days = config.log_days or foundation.log_retention_days
        topics = {
            severity: alarm_topic(f"{name}-{severity}", key_arn=foundation.keys.logs, emails=(), opts=self.child)
            for severity in _TOPICS
        }
        watched: tuple[Watched, ...] = ()
        if routes := config.alerts.routes:
            watched = (Notifier(f"{name}-notifier", routes, topics, foundation, self._days, self.child).outputs,)
        logs = self._cluster() if foundation.optional_cluster else None
        region = foundation.region
        own = {"StringEquals": {"cloudwatch:namespace": METRICS}}
        self.publish(
            MonitoringOutputs(
                metrics=pulumi.Output.from_input(METRICS),
                logs=logs if logs is not None else pulumi.Output.from_input(""),
                alerts=topics["critical"],
                dashboards=pulumi.Output.from_input(
                    f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:"
                ),
                send_statements=(
                    # It takes no resource; the condition narrows it. Source: Service Authorization Reference.
                    Statement(actions=("cloudwatch:PutMetricData",), resources=("*",), conditions=own),
                    Statement(actions=("sns:Publish",), resources=tuple(topics.values())),
                ),
                topics=topics,
                watched=watched,
            )
        )

    def _cluster(self) -> pulumi.Output[str]:
        """The add-on with its role and its log groups; name of the group of containers."""
        config, foundation = self._config, self._foundation
        groups = {
            end: log_group(
                f"{self.name}-{end}-logs",
                physical_name=agent.log_group_name(foundation.prefix, end),
                days=self._days,
                key_arn=foundation.keys.logs,
                opts=self.child,
            )
            for end in agent.GROUPS
        }
        identity = Identity(
            f"{self.name}-agent-identity",
            IdentityArgs(
                cluster=foundation.cluster,
                namespace=agent.NAMESPACE,
                service_account=agent.ACCOUNT,
                grants=[agent.send_metrics([group.arn for group in groups.values()])],
            ),
            self.child,
        )
        settings = agent.configuration(
            foundation.prefix,
            insights=config.container_insights,
            scrape=config.application_metrics,
            seconds=config.scrape_seconds,
            modules=foundation.announcing,
        )
        aws.eks.Addon(
            f"{self.name}-agent",
            cluster_name=foundation.cluster.name,
            addon_name=agent.ADDON,
            configuration_values=json.dumps(settings, sort_keys=True),
            # The program is the truth: what somebody changed by hand goes with the next update.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            # Agents that find no group make their own, unencrypted and kept for ever.
            opts=self.child_with(depends_on=[identity, *groups.values(), *foundation.cluster.running]),
        )
        return groups["application"].name


class CloudWatchWatch(Component[WatchOutputs]):
    """The four dashboards, and an alarm for whatever has a limit."""

    token = "mlops:index:CloudWatchWatch"

    def __init__(
        self,
        name: str,
        config: CloudWatchConfig,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        cluster = foundation.optional_cluster
        everything = [*watched, *monitoring.watched, *_insights(config, cluster.name if cluster else None)]
        scraped = cluster.name if cluster and config.application_metrics else None
        own = list(alarms((), (), config.alarms, None))
        for dashboard in DASHBOARDS:
            drawn = own if dashboard is PLATFORM else []
            aws.cloudwatch.Dashboard(
                f"{name}-{dashboard.name}",
                dashboard_name=f"{foundation.prefix}-{dashboard.name}",
                dashboard_body=body(dashboard, everything, drawn, scraped, foundation.region),
                opts=self.child,
            )
        modules = of_modules(config.objectives, {one.namespace for one in watched})
        made = list(alarms(everything, (*rules(config.objectives), *modules), config.alarms, scraped))
        topics: Mapping[str, pulumi.Input[str]] = monitoring.topics
        for alarm in made:
            make(name, foundation.prefix, alarm, topics, self.child)
        self.publish(
            WatchOutputs(
                dashboards=tuple(dashboard.title for dashboard in DASHBOARDS),
                alerts=tuple(alarm.name for alarm in made),
            )
        )


def _insights(config: CloudWatchConfig, cluster: pulumi.Output[str] | None) -> tuple[Watched, ...]:
    if cluster is None or not config.container_insights:
        return ()
    return (Watched(what="cluster", namespace="ContainerInsights", dimensions={"ClusterName": cluster}),)
