"""What watching costs beside nodes and volumes: Datadog by the node, CloudWatch by metric and observation.

Sources of what is charged: datadoghq.com/pricing; the pricing page of CloudWatch, "Container Insights" and "Metrics".
"""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context, Item, Rule, Sku, used
from mlops.cost.rules.compute import NODE_GROUP
from mlops.plan.graph import Node

ADDON = "aws:eks/addon:Addon"
_OBSERVABILITY = "amazon-cloudwatch-observability"
_OBSERVATIONS_A_MINUTE = 600
"""Of a node with some fifteen pods: about thirty metrics of the node and as many of each pod and container. An
assumption; the account's own figure is in its usage report."""
_MINUTES = Decimal(730 * 60)
_LOG_EVENTS_A_GB = Decimal(1)
"""Millions of log events in a GB, at about 1,000 bytes each."""


def addon(node: Node, context: Context) -> Iterator[Item]:
    """The observability add-on sends what is charged; the others are free, and their pods run on nodes."""
    if node.at("addonName").text() != _OBSERVABILITY:
        return
    agents = [*node.at("configurationValues").document().at("agents")]
    collected = [agent.at("config.logs.metrics_collected") for agent in agents]
    if any(one.at("kubernetes.enhanced_container_insights").flag() for one in collected):
        count = nodes(context)
        millions = count * _OBSERVATIONS_A_MINUTE * _MINUTES / 1_000_000
        why = f"{count} nodes × {_OBSERVATIONS_A_MINUTE} observations a minute, with those of their pods"
        yield Item(
            label=f"Container Insights, {count} nodes",
            sku=("cloudwatch", "container_insights_observations"),
            quantity=millions,
            kind="usage",
            why=(why,),
        )
    declared = sum(
        len([*row.at("dimensions")])
        for one in collected
        for row in one.at("prometheus.emf_processor.metric_declaration")
    )
    if declared:
        why = f"{declared} metrics with the dimensions that dashboards and alarms ask for, each with one value at least"
        sku = ("cloudwatch", "custom_metric_first_10k")
        yield Item(label="metrics of pods", sku=sku, quantity=Decimal(declared), kind="usage", why=(why,))


def datadog(node: Node, context: Context) -> Iterator[Item]:
    """By the node, once for metrics and again for traces; logs by volume and by event."""
    count, values = nodes(context), node.at("values.datadog")
    yield _by_node("Datadog, infrastructure", "infrastructure_host", count)
    if values.at("apm.portEnabled").flag():
        yield _by_node("Datadog, traces (APM)", "apm_host", count)
    if values.at("logs.enabled").flag():
        gb = context.figure("logs.application_gb")
        yield used("Datadog, logs taken in", ("datadog", "log_ingest"), gb)
        yield used("Datadog, logs kept 15 days", ("datadog", "log_events"), gb * _LOG_EVENTS_A_GB)


def nodes(context: Context) -> int:
    """Nodes of all groups, as many as there must be."""
    return sum(context.nodes_needed(group) for group in context.of_type(NODE_GROUP))


def _by_node(label: str, sku: str, count: int) -> Item:
    at_worst: tuple[Sku, ...] = (("datadog", f"{sku}_on_demand"),)
    return Item(label=f"{label}, {count} nodes", sku=("datadog", sku), quantity=Decimal(count), high=at_worst)


RULES: dict[str, Rule] = {ADDON: addon}
NOTHING_ASKED: dict[str, str] = {ADDON: "add-ons of EKS itself are free; their pods run on nodes"}
"""Why an add-on costs nothing by itself."""
