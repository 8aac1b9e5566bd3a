"""Loki: logs on the platform's own storage, found in Grafana beside the metrics.

One program in one or three copies; chunks and index lie in the lake, below a prefix of their own, and a volume holds
what is not written there yet. It asks nobody who they are: its namespace is closed to all but Grafana and Fluent Bit.

Values are keys of chart loki 18.11.0 (grafana-community/helm-charts, charts/loki/values.yaml). The store is the one of
Thanos, because that one takes a prefix; without keys of its own it goes by the pod's role (thanos-io/objstore 131).
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pydantic import Field

from components.base.identity import Identity, IdentityArgs, network_policy
from components.foundation import Foundation
from components.kubernetes.objects import from_namespaces, release
from components.kubernetes.placement import SYSTEM_NODES
from components.kubernetes.scraping import announced
from mlops.core import versions
from mlops.core.config import Config
from mlops.core.fields.kubernetes import Cpu, Memory

NAME, PORT = "loki", 3100
_AMONG = (PORT, 7946, 9095)
"""What its copies answer each other on: HTTP, gossip, gRPC."""
PREFIX = "loki"
"""Below which it keeps logs in the zone of artifacts: letters and digits only (Loki's reference, `storage_prefix`)."""
_PODS = {"app.kubernetes.io/name": NAME}


class LokiConfig(Config):
    """Loki, where `logs` is loki."""

    replicas: Literal[1, 3] = 1
    """Copies: one, or three that each hold every line, of which two suffice."""
    storage_gb: int = Field(default=10, ge=1, le=65_536)
    """Volume of each for what has not reached the lake yet, GiB."""
    cpu: Cpu = "250m"
    """CPU request (Kubernetes quantity)."""
    memory: Memory = "1Gi"
    """Memory request and limit (Kubernetes quantity). Its chart's example for tens of GB a day asks for 2 CPUs and
    2Gi."""


@dataclass(frozen=True, kw_only=True)
class LokiParts:
    """What it is told of the stack."""

    config: LokiConfig
    days: int
    namespace: pulumi.Output[str]
    writers: str
    """Namespace whose pods bring logs."""
    after: pulumi.Resource
    """What closes its namespace."""


def loki(name: str, parts: LokiParts, foundation: Foundation, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Make it; the host name of its Service, known once it answers."""
    identity = Identity(
        f"{name}-identity",
        IdentityArgs(
            cluster=foundation.cluster,
            namespace=parts.namespace,
            service_account=NAME,
            grants=[foundation.storage.write("artifacts", f"{PREFIX}/")],
        ),
        opts,
    ).outputs
    let_in = network_policy(
        f"{name}-network-policy",
        namespace=parts.namespace,
        selector=_PODS,
        grants=(),
        ingress_ports=_AMONG,
        ingress_from=from_namespaces({"kubernetes.io/metadata.name": parts.writers}),
        opts=opts,
    )
    made = release(
        f"{name}-chart",
        versions.LOKI,
        namespace=parts.namespace,
        release_name=NAME,
        values=values(parts, identity.service_account, foundation),
        # No data leads from a network policy to the pods that it closes.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[let_in, parts.after])),
    )
    return pulumi.Output.all(parts.namespace, made.id).apply(lambda known: f"{NAME}.{known[0]}.svc.cluster.local")


def values(parts: LokiParts, account: pulumi.Input[str], foundation: Foundation) -> dict[str, object]:
    """Of the chart: the one program, and none of what the chart brings beside it."""
    config, region = parts.config, foundation.region
    off: dict[str, object] = {"enabled": False}
    index = {"prefix": "index_", "period": "24h"}
    schema = {"from": "2024-04-01", "store": "tsdb", "object_store": "s3", "schema": "v13", "index": index}
    store = {"type": "s3", "storage_prefix": PREFIX, "s3": {"region": region, "endpoint": f"s3.{region}.amazonaws.com"}}
    return {
        "fullnameOverride": NAME,
        "deploymentMode": "Monolithic",
        # It would look for rules of Loki's own in the cluster, and there are none: it asks the API server nothing.
        "sidecar": {"rules": {"enabled": False}},
        "rbac": {"namespaced": True},
        "defaults": {"automountServiceAccountToken": False},
        "serviceAccount": {"create": True, "name": account, "automountServiceAccountToken": False},
        "loki": {
            "auth_enabled": False,
            "analytics": {"reporting_enabled": False},
            "podAnnotations": announced(PORT),
            "commonConfig": {"replication_factor": config.replicas},
            "schemaConfig": {"configs": [schema]},
            "storage": {
                "type": "s3",
                "bucketNames": {"chunks": foundation.storage.buckets["artifacts"]},
                "use_thanos_objstore": True,
                "object_store": store,
            },
            "limits_config": {"retention_period": f"{parts.days * 24}h"},
            "compactor": {"retention_enabled": True, "delete_request_store": "s3"},
        },
        "singleBinary": {
            "replicas": config.replicas,
            "nodeSelector": SYSTEM_NODES,
            "resources": {
                "requests": {"cpu": config.cpu, "memory": config.memory},
                "limits": {"memory": config.memory},
            },
            "persistence": {
                "enabled": True,
                "size": f"{config.storage_gb}Gi",
                "storageClass": foundation.cluster.storage_class,
                # Its volumes go with it: nothing else would ever remove them.
                "enableStatefulSetAutoDeletePVC": True,
            },
            "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1} if config.replicas > 1 else off,
        },
        **{part: {"replicas": 0} for part in ("backend", "read", "write")},
        **dict.fromkeys(("chunksCache", "gateway", "lokiCanary", "resultsCache", "ruler", "test"), off),
    }
