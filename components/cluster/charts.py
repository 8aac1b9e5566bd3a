"""Helm values of the controllers that every later module builds on. Keys are those of the charts' own versions."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.cluster.config import AutoscalerConfig
from mlops.core.versions import AUTOSCALER_IMAGES


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which cluster the controllers serve. They are told all of it, because pods cannot ask the metadata service."""

    cluster: pulumi.Output[str]
    region: str
    vpc_id: pulumi.Output[str]
    tags: Mapping[str, str]
    replicas: int
    """Of each controller; with more than one comes a disruption budget."""

    @property
    def budget(self) -> dict[str, object]:
        """Switch of a disruption budget; with a single replica it would only block node upgrades."""
        return {"enabled": self.replicas > 1}


def cert_manager(place: Place) -> dict[str, object]:
    """cert-manager with its CRDs; its start-up check holds the release back until the webhook answers."""
    part = {"replicaCount": place.replicas, "podDisruptionBudget": place.budget}
    return {
        **part,
        "webhook": part,
        "cainjector": part,
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "startupapicheck": {"enabled": True},
    }


def external_secrets(place: Place, service_account: pulumi.Output[str]) -> dict[str, object]:
    """External Secrets, for reading only: it pushes nothing, and writes no secret into several namespaces."""
    return {
        "installCRDs": True,
        "replicaCount": place.replicas,
        "leaderElect": place.replicas > 1,
        "podDisruptionBudget": place.budget,
        "serviceAccount": {"create": True, "name": service_account},
        "webhook": {"replicaCount": place.replicas, "podDisruptionBudget": place.budget},
        "processPushSecret": True,
        "processClusterPushSecret": False,
        "processClusterExternalSecret": False,
    }


def load_balancer_controller(place: Place, service_account: pulumi.Output[str]) -> dict[str, object]:
    """AWS Load Balancer Controller. It serves the Services that ask for it and leaves the others alone: as a
    mutating webhook for all Services it would be in the way of every other chart."""
    return {
        "clusterName": place.cluster,
        "region": place.region,
        "vpcId": place.vpc_id,
        "serviceAccount": {"create": True, "name": service_account},
        "replicaCount": place.replicas,
        "podDisruptionBudget": {"maxUnavailable": 1} if place.replicas > 1 else {},
        "enableServiceMutatorWebhook": False,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "defaultTargetType": "ip",
        "defaultTags": dict(place.tags),
    }


def cluster_autoscaler(
    place: Place, config: AutoscalerConfig, version: str, service_account: pulumi.Output[str]
) -> dict[str, object]:
    """Cluster Autoscaler over the groups that EKS tags for it."""
    return {
        "cloudProvider": "aws",
        "awsRegion": place.region,
        "autoDiscovery": {"clusterName": place.cluster},
        "fullnameOverride": "cluster-autoscaler",
        "image": {"tag": AUTOSCALER_IMAGES[version]},
        "replicaCount": place.replicas,
        "rbac": {"serviceAccount": {"create": True, "name": service_account}},
        "extraArgs": {
            "balance-similar-node-groups": True,
            "expander": "least-waste",
            "max-nodes-total": config.max_nodes,
            "scale-down-unneeded-time": f"{config.idle_minutes}m",
            "skip-nodes-with-system-pods": False,
        },
    }


def nvidia_device_plugin() -> dict[str, object]:
    """The plugin that offers GPUs to pods, where the AMI brings none: Amazon Linux 2023. Bottlerocket has its own.
    Source: EKS user guide, "Install Kubernetes device plugin for GPUs"."""
    return {
        "nodeSelector": {"nvidia.com/gpu.present": "true", "mlops.platform/os": "al2023"},
        # Whatever keeps pods off a GPU group must not keep its GPUs from being offered.
        "tolerations": [{"operator": "Exists"}],
    }
