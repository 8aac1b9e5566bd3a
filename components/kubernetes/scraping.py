"""How pods say where their metrics are, and who may come for them.

The annotations are those that scrapers go by all over: charts of others set them too. So whoever watches, and whatever
there is to watch, nobody keeps a list.
"""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.objects import manifest


def announced(port: int, path: str = "/metrics") -> dict[str, str]:
    """Annotations of a pod that hands out metrics: what every scraper goes by, whichever watches."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": path}


def let_scrapers_in(
    name: str,
    namespace: pulumi.Input[str],
    scrapers: Sequence[Mapping[str, str]],
    ports: Sequence[int],
    opts: pulumi.ResourceOptions,
) -> None:
    """Beside the policies that close a namespace: pods of the scrapers' namespaces reach the ports with metrics. Where
    nobody scrapes, nothing is made.

    Args:
        scrapers: labels of these namespaces (`Foundation.scrapers`).
    """
    if not scrapers:
        return
    peers = [{"namespaceSelector": {"matchLabels": dict(label)}} for label in scrapers]
    rule = {"from": peers, "ports": [{"protocol": "TCP", "port": port} for port in ports]}
    k8s.networking.v1.NetworkPolicy(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name="scrapers", namespace=namespace),
        spec=manifest({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}),
        opts=opts,
    )
