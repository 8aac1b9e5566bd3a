"""Slot: who watches the platform. A variant takes metrics and logs in, shows the four dashboards and raises the alerts.

What there is to watch it is told by what is there: pods announce their metrics by annotation, and parts publish the AWS
resources of which CloudWatch has metrics (`components.base.watched`). Nobody keeps a list.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.watched import Watched
from components.foundation import Foundation
from components.watch.rules import ObjectivesConfig
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class MonitoringOutputs:
    """Where metrics, logs and alerts go, and where they are seen."""

    metrics: pulumi.Output[str]
    """Where metrics are kept: URL of Prometheus, or the namespace of CloudWatch, or Datadog's site."""
    logs: pulumi.Output[str]
    """Where logs are kept: name of the log group of workloads, or Datadog's site; empty where nobody collects them."""
    alerts: pulumi.Output[str]
    """Where an alert is sent: URL of Alertmanager, or the ARN of the topic of critical ones, or Datadog's site."""
    dashboards: pulumi.Output[str]
    """Where a person looks: URL."""
    send_statements: tuple[Statement, ...] = field(default=(), metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    topics: dict[str, pulumi.Output[str]] = field(default_factory=dict, metadata=INTERNAL)
    """ARN of the topic by severity, where alarms are CloudWatch's."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """What of the monitoring itself CloudWatch has metrics of."""
    ready: tuple[pulumi.Resource, ...] = field(default=(), metadata=INTERNAL)
    """What has to stand before rules and dashboards: the kinds of its operator."""

    def send(self) -> Grant:
        """Send metrics or alerts of one's own, for what is not scraped."""
        return Grant(resource="monitoring", access="send", statements=self.send_statements, egress=self.egress)


@dataclass(frozen=True, kw_only=True)
class WatchOutputs:
    """What is watched."""

    dashboards: tuple[str, ...]
    """Titles."""
    alerts: tuple[str, ...]
    """Names."""


class MonitoringConfig(SlotConfig):
    """Who watches the platform."""

    objectives: ObjectivesConfig = ObjectivesConfig()
    """What is promised; alerts follow from it."""

    @property
    def scrapers(self) -> tuple[str, ...]:
        """Namespaces whose pods fetch the metrics of others."""
        return ()

    @property
    def key_users(self) -> tuple[str, ...]:
        """Services that have to use the logs' key for it."""
        return ()

    @property
    def scraper_labels(self) -> tuple[Mapping[str, str], ...]:
        """The labels of these that Kubernetes itself sets, for the network policies that let them in."""
        return tuple({"kubernetes.io/metadata.name": namespace} for namespace in self.scrapers)

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MonitoringOutputs]:
        """Make what takes metrics, logs and alerts in."""

    @abstractmethod
    def build_watch(
        self,
        name: str,
        foundation: Foundation,
        monitoring: MonitoringOutputs,
        watched: Sequence[Watched],
        opts: pulumi.ResourceOptions,
    ) -> Component[WatchOutputs]:
        """Make dashboards and alerts, once everything is there that publishes what there is to be watched."""
