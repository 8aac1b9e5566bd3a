"""Datadog: an agent on every node sends metrics, logs and traces to Datadog, where dashboards and monitors are.

Nothing to store and little to run; what is watched leaves the account, and each node is paid by the month.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.secret import SecretReference, SecretValue
from components.base.watched import Watched
from components.foundation import Foundation
from components.kubernetes.objects import SECRETS_ALLOWED, name_of, namespace, release
from components.kubernetes.references import referred_secret
from components.monitoring import MonitoringConfig, MonitoringOutputs, WatchOutputs
from components.monitoring.datadog import values
from components.monitoring.datadog.integration import IntegrationConfig, integration_role
from components.monitoring.datadog.network import close_agents
from components.monitoring.datadog.watch import DatadogWatch
from components.watch.modules import MODULES
from mlops.core import versions
from mlops.core.config import Card, Config
from mlops.core.fields import Form
from mlops.core.module import Need, StackFacts
from mlops.core.rotation import never

Handle = Annotated[
    str,
    Form(
        "@[a-z]+-[A-Za-z0-9._-]+", "a handle of Datadog's notifications, `@pagerduty-mlops` or `@slack-mlops`", most=120
    ),
]


class HandlesConfig(Config):
    """Whom Datadog tells, by the handles of its own integrations with PagerDuty and Slack: their keys lie in Datadog,
    and no setting holds them."""

    critical: Handle | None = None
    """Who hears of what is critical: `@pagerduty-mlops`, a service of Datadog's integration with PagerDuty."""
    warning: Handle | None = None
    """Who hears of warnings: `@slack-mlops-alerts`, a channel of Datadog's integration with Slack."""


class DatadogConfig(MonitoringConfig):
    """Datadog's agents on the cluster, its dashboards and its monitors."""

    kind: Literal["datadog"] = "datadog"
    card: ClassVar[Card] = Card(
        title="Datadog",
        best_for="a company that watches everything in Datadog already, traces included, and runs no monitoring",
        not_for="a small budget, or data that must not leave the account: logs and names of pods do",
        complexity="low",
        trade_offs="each node costs $15 a month billed annually ($18 by the month), and $31 more with traces "
        "(datadoghq.com); metrics of one's own beyond 100 a node are paid as well",
        state="metrics and logs lie with Datadog; monitors and dashboards come from this program",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    site: Literal[
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
    ] = "datadoghq.com"
    """Datadog's site: where the account was opened, and where the data goes."""
    api_key: SecretReference | None = None
    """API key with which agents send. Null makes an empty secret, `<stack>/datadog/api-key`; agents start once somebody
    has put the key there."""
    app_key: SecretReference | None = None
    """Application key with which dashboards and monitors are written. Null makes an empty secret beside the other."""
    logs: bool = True
    """Send what containers write; paid by volume."""
    traces: bool = False
    """Take traces in (APM); doubles the price of a node and more."""
    handles: HandlesConfig = HandlesConfig()
    """Who hears of monitors."""
    integration: IntegrationConfig | None = None
    """Role by which Datadog reads CloudWatch's metrics of AWS's services; null leaves these out."""
    cluster_agents: int = Field(default=1, ge=1, le=3)
    """Cluster agents; two survive the loss of a node."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Datadog is elsewhere."""
        sentence = (
            f"datadog sends everything to {self.site}, and network.mode isolated has no way there. Set network.mode to "
            "private, or choose another kind"
        )
        return () if stack.way_out else (sentence,)

    @property
    def scrapers(self) -> tuple[str, ...]:
        """The agents' namespace."""
        return (values.NAMESPACE,)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MonitoringOutputs]:
        """Make the agents."""
        return Datadog(name, self, foundation, opts)

    def build_watch(
        self,
        name: str,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions,
    ) -> Component[WatchOutputs]:
        """Make dashboards and monitors."""
        # Of AWS's services it knows by its integration alone; what pods announce its agents fetch.
        services = [one for one in watched if self.integration or one.namespace in MODULES]
        told = {"critical": self.handles.critical, "warning": self.handles.warning}
        return DatadogWatch(name, self.objectives, told, monitoring, services, opts)


class Datadog(Component[MonitoringOutputs]):
    """A closed namespace with the agents, the references to their keys, and the role of the AWS integration."""

    token = "mlops:index:Datadog"

    def __init__(
        self, name: str, config: DatadogConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._foundation = foundation
        self._namespace = name_of(
            namespace(
                f"{name}-nodes-namespace",
                values.NAMESPACE,
                # Agents read processes and disks of their nodes.
                security="privileged",
                labels=SECRETS_ALLOWED,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        closed = close_agents(f"{name}-network-policy", self._namespace, foundation.network, self.child)
        given = {"api-key": config.api_key, "app-key": config.app_key}
        awaited = all(given.values())
        secret = referred_secret(
            f"{name}-keys",
            "datadog",
            {key: place.value if place else self._empty(key) for key, place in given.items()},
            cluster=foundation.cluster,
            namespace=self._namespace,
            awaited=awaited,
            opts=self.child,
        )
        settings = values.Settings(
            site=config.site,
            cluster=foundation.cluster.name,
            secret=secret,
            logs=config.logs,
            traces=config.traces,
            cluster_agents=config.cluster_agents,
        )
        agents = release(
            f"{name}-agents",
            versions.DATADOG,
            namespace=self._namespace,
            release_name="datadog",
            values=values.agents(settings),
            awaited=awaited,
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[closed]),
        )
        if config.integration:
            integration_role(f"{name}-integration", config.integration, foundation.prefix, self.child)
        site = pulumi.Output.from_input(config.site)
        self.publish(
            MonitoringOutputs(
                metrics=site,
                logs=site if config.logs else pulumi.Output.from_input(""),
                alerts=site,
                dashboards=pulumi.Output.from_input(f"https://app.{config.site}/dashboard/lists"),
                egress=(values.to_agents(foundation.network),),
                ready=(agents,),
            )
        )

    def _empty(self, key: str) -> SecretValue:
        """A secret that waits for somebody to put the key into it."""
        foundation = self._foundation
        secret = aws.secretsmanager.Secret(
            f"{self.name}-{key}",
            name=f"{foundation.prefix}/datadog/{key}",
            description=f"Datadog's {key}; put it here: aws secretsmanager put-secret-value",
            kms_key_id=foundation.keys.data,
            # The name is fixed, and a deleted secret would keep it.
            recovery_window_in_days=0,
            tags=never("Datadog makes its keys and takes no new one from others: make one there and put it here"),
            opts=self.child,
        )
        return SecretValue(arn=secret.arn, key_arn=foundation.keys.data)
