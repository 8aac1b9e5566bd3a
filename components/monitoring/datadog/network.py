"""Who may talk to the agents, and whom they may reach."""

import pulumi
import pulumi_kubernetes as k8s

from components.base.identity import Grant, network_policy
from components.kubernetes.objects import to_services
from components.network import NetworkOutputs

_CLUSTER_AGENT_PORT = 5005
_PORTS = (_CLUSTER_AGENT_PORT, 8125, 8126)


def close_agents(
    name: str, namespace: pulumi.Input[str], network: NetworkOutputs, opts: pulumi.ResourceOptions
) -> "k8s.networking.v1.NetworkPolicy":
    """Pods of the cluster send traces in, and agents ask the cluster agent. Out they go to any pod of the network on
    the port that it announces, to kubelets, and to Datadog on 443; logs travel on 443 as well."""
    return network_policy(
        name,
        namespace=namespace,
        selector={},
        grants=[Grant(resource="metrics", access="read", egress=(to_services(network, ()),))],
        ingress_ports=_PORTS,
        opts=opts,
    )
