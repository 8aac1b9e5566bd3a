"""Helm values of Pulsar. Keys and defaults are those of apache/pulsar-helm-chart at pulsar-4.7.0, values.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from components.data_pipeline.pulsar import PulsarConfig

RELEASE = "pulsar"
BROKER_ACCOUNT = f"{RELEASE}-broker-acct"
METRICS_PORTS = (8000, 8080)
"""Where its parts answer with metrics, as the chart announces: bookies and ZooKeeper, then brokers and proxies."""
SUPERUSER = "admin"
"""The subject of a token that may do everything; only the job that makes the clients' role is given it."""
_SMALL = {"zookeeper": ("100m", "256Mi"), "autorecovery": ("50m", "128Mi"), "proxy": ("200m", "256Mi")}
"""CPU and memory of the parts that nobody sizes: the chart's own, and for proxies twice its memory, which is as much
as their heap and their buffers together."""
_ZONE = "topology.kubernetes.io/zone"
_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it runs, and where it keeps what."""

    storage_class: str
    nodes: Mapping[str, object]
    """The fields of a pod that bring it into its node group."""
    bucket: pulumi.Output[str]
    region: str
    balanced: bool
    """Whether clients come through a load balancer too."""


def of(config: "PulsarConfig", place: Place) -> dict[str, object]:
    """Everything that differs from the chart's defaults."""
    copies = str(min(2, config.bookies))
    return {
        "components": {
            "functions": False,
            "toolset": False,
            "pulsar_manager": False,
            "autorecovery": config.bookies > 2,
        },
        "victoria-metrics-k8s-stack": {"enabled": False},
        "volumes": {"persistence": True},
        "auth": {
            "authentication": {
                "enabled": True,
                "jwt": {"enabled": True, "usingSecretKey": True, "generateSecrets": {"enabled": True}},
            },
            "authorization": {"enabled": True},
        },
        "certs": {"internal_issuer": {"enabled": True, "type": "selfsigning"}},
        "tls": {
            "enabled": True,
            "broker": {"enabled": True},
            # The load balancer's name is known after the proxies are there. The authority is Pulsar's own, and nobody
            # else's clients trust it.
            "proxy": {
                "enabled": True,
                **({"dnsNames": [f"*.elb.{place.region}.amazonaws.com"]} if place.balanced else {}),
            },
        },
        "zookeeper": {
            **_part("zookeeper", config.zookeepers, place, _SMALL["zookeeper"]),
            "volumes": {"persistence": True, "data": _volume(config.zookeeper_gb, place)},
        },
        "bookkeeper": {
            **_part("bookie", config.bookies, place, (config.bookie_cpu, config.bookie_memory)),
            "volumes": {
                "persistence": True,
                "journal": _volume(config.journal_gb, place),
                "ledgers": _volume(config.ledger_gb, place),
            },
            "configData": {"PULSAR_MEM": java(config.bookie_memory)},
        },
        "autorecovery": _part("recovery", 1, place, _SMALL["autorecovery"], budget=False),
        "broker": {
            **_part("broker", config.brokers, place, (config.broker_cpu, config.broker_memory)),
            "configData": {
                "PULSAR_MEM": java(config.broker_memory),
                "managedLedgerDefaultEnsembleSize": copies,
                "managedLedgerDefaultWriteQuorum": copies,
                "managedLedgerDefaultAckQuorum": copies,
                "defaultRetentionTimeInMinutes": str(config.retention_hours * 60),
                "defaultRetentionSizeInMB": "-1",
                "allowAutoTopicCreationType": "partitioned",
                "defaultNumPartitions": str(config.partitions),
            },
            "storageOffload": _offload(config, place),
        },
        "proxy": _part("proxy", config.proxies, place, _SMALL["proxy"]),
    }


def java(memory: str) -> str:
    """Heap and buffers of a server, half of its memory each, as the chart divides it."""
    number, unit = Decimal(memory[:-2]), memory[-2:]
    half = max(1, int(number * (1024 if unit == "Gi" else 1) / 2))
    return f"-Xms{half}m -Xmx{half}m -XX:MaxDirectMemorySize={half}m"


def _part(
    component: str, replicas: int, place: Place, requests: tuple[str, str], *, budget: bool = True
) -> dict[str, object]:
    cpu, memory = requests
    spread = {
        "maxSkew": 1,
        "topologyKey": _ZONE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": RELEASE, "release": RELEASE, "component": component}},
    }
    return {
        **place.nodes,
        "replicaCount": replicas,
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
        "topologySpreadConstraints": [spread] if replicas > 1 else [],
        # The kinds of Prometheus' operator are not there.
        "podMonitor": {"enabled": False},
        # With a single server a budget would only block node upgrades.
        **({"pdb": {"usePolicy": replicas > 1, "maxUnavailable": 1}} if budget else {}),
    }


def _volume(gb: int, place: Place) -> dict[str, object]:
    return {"size": f"{gb}Gi", "storageClassName": place.storage_class}


def _offload(config: "PulsarConfig", place: Place) -> dict[str, object]:
    if config.offload_above_gb is None:
        return {}
    return {
        "driver": "aws-s3",
        "bucket": place.bucket,
        "region": place.region,
        # A text: Helm would write a large number as 1.073741824e+09.
        "managedLedgerOffloadAutoTriggerSizeThresholdBytes": str(int(config.offload_above_gb * _GIB)),
    }
