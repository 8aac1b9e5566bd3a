"""Helm values of Datadog's agents. Keys are those of chart datadog 3.240.0."""

from dataclasses import dataclass

import pulumi

from components.base.identity import Egress
from components.kubernetes.objects import to_services
from components.kubernetes.placement import SYSTEM_NODES, on_system_nodes, requested
from components.network import NetworkOutputs

NAMESPACE = "datadog"
_TRACES_PORT, _STATSD_PORT = 8126, 8125


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the agents send, and as whom."""

    site: str
    cluster: pulumi.Input[str]
    secret: pulumi.Input[str]
    """Secret with the keys `api-key` and `app-key`."""
    logs: bool
    traces: bool
    cluster_agents: int


def agents(settings: Settings) -> dict[str, object]:
    """An agent on every node, the cluster agent, and the operator that writes dashboards and monitors."""
    keys = {"apiKeyExistingSecret": settings.secret, "appKeyExistingSecret": settings.secret}
    return {
        "fullnameOverride": "datadog",
        "targetSystem": "linux",
        "datadog": {
            **keys,
            "site": settings.site,
            "clusterName": settings.cluster,
            "tags": ["managed-by:mlops"],
            # The kubelet's certificate is its own; agents ask it by the node's address.
            "kubelet": {"tlsVerify": False},
            "logs": {"enabled": settings.logs, "containerCollectAll": settings.logs},
            "apm": {"portEnabled": settings.traces, "socketEnabled": False, "instrumentation": {"enabled": False}},
            "processAgent": {"enabled": False, "processCollection": False},
            "orchestratorExplorer": {"enabled": False},
            # It would need a container with rights over the kernel.
            "discovery": {"enabled": False},
            "kubeStateMetricsEnabled": False,
            "kubeStateMetricsCore": {"enabled": True},
            # Pods that announce themselves; histograms as distributions, of which quantiles can be asked.
            "prometheusScrape": {
                "enabled": True,
                "version": 2,
                "additionalConfigs": [{"configurations": [{"histogram_buckets_as_distributions": True}]}],
            },
            "operator": {"enabled": True},
        },
        "clusterAgent": {
            **on_system_nodes("datadog-cluster-agent"),
            "enabled": True,
            "replicas": settings.cluster_agents,
            "createPodDisruptionBudget": settings.cluster_agents > 1,
            # Only one may answer for external metrics, and nothing here scales by them.
            "metricsProvider": {"enabled": False},
            "admissionController": {"enabled": False},
        },
        "agents": {
            "tolerations": [{"operator": "Exists"}],
            "containers": {
                "agent": {"resources": requested("datadog-agent")},
                "traceAgent": {"resources": requested("datadog-trace-agent")},
            },
        },
        "operator": {
            **keys,
            "site": settings.site,
            "nodeSelector": SYSTEM_NODES,
            "resources": requested("datadog-operator"),
            "datadogAgent": {"enabled": False},
            "datadogAgentInternal": {"enabled": False},
            "datadogDashboard": {"enabled": True},
            "datadogMonitor": {"enabled": True},
            "datadogCRDs": {"crds": {"datadogDashboards": True, "datadogMonitors": True}},
        },
    }


def to_agents(network: NetworkOutputs) -> Egress:
    """The way from a pod to the agent of its node."""
    return to_services(network, [_STATSD_PORT, _TRACES_PORT])
