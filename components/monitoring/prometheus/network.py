"""Who may talk to the watchers, and whom they may reach: everybody's metrics, and the API server."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.base.identity import Egress, Grant, network_policy
from components.kubernetes.objects import from_namespaces, to_services
from components.network import NetworkOutputs

_OWN_PORTS = (3000, 5000, 8080, 8081, 9090, 9093, 9094)
"""Grafana, the exporter of AWS's metrics, operator with kube-state-metrics and reloaders, Prometheus, and Alertmanager
with its replicas among themselves."""


def close_watchers(
    name: str, namespace: pulumi.Input[str], network: NetworkOutputs, opts: pulumi.ResourceOptions
) -> "k8s.networking.v1.NetworkPolicy":
    """Pods of their own namespace come in. Out goes a scraper to any pod, node or Service of the network, on whatever
    port it announces; to AWS, PagerDuty and Slack on 443."""
    return network_policy(
        name,
        namespace=namespace,
        selector={},
        grants=[Grant(resource="metrics", access="read", egress=(to_services(network, ()),))],
        ingress_ports=_OWN_PORTS,
        ingress_from=from_namespaces(),
        opts=opts,
    )


def close_agents(
    name: str,
    namespace: pulumi.Input[str],
    scrapers: str,
    logs: Sequence[Egress],
    opts: pulumi.ResourceOptions,
) -> "k8s.networking.v1.NetworkPolicy":
    """What runs on every node hands its metrics to the scrapers' namespace, and its logs to AWS on 443 or where they
    are kept."""
    return network_policy(
        name,
        namespace=namespace,
        selector={},
        grants=[Grant(resource="monitoring/logs", access="write", egress=tuple(logs))],
        ingress_ports=[2020, 9100],
        ingress_from=from_namespaces({"kubernetes.io/metadata.name": scrapers}),
        opts=opts,
    )
