"""Helm values of the controllers that every later module builds on. Keys are those of the charts' own versions."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.cluster.config import AutoscalerConfig
from components.kubernetes.placement import Controllers, on_system_nodes, requested
from mlops.core.versions import AUTOSCALER_IMAGES


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which cluster the controllers serve. They are told all of it, because pods cannot ask the metadata service."""

    cluster: pulumi.Output[str]
    region: str
    vpc_id: pulumi.Output[str]
    tags: Mapping[str, str]
    controllers: Controllers


def cert_manager(place: Place) -> dict[str, object]:
    """cert-manager with its CRDs; its start-up check holds the release back until the webhook answers."""
    own = on_system_nodes("cert-manager")
    part = {"replicaCount": place.controllers.replicas, "podDisruptionBudget": place.controllers.budget, **own}
    return {
        **part,
        "webhook": part,
        "cainjector": part,
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "startupapicheck": {"enabled": True, **own},
    }


def external_secrets(place: Place, service_account: pulumi.Output[str]) -> dict[str, object]:
    """External Secrets, for reading only: it pushes nothing, and writes no secret into several namespaces."""
    part = {
        "replicaCount": place.controllers.replicas,
        "podDisruptionBudget": place.controllers.budget,
        **on_system_nodes("external-secrets"),
    }
    return {
        **part,
        "installCRDs": True,
        "leaderElect": place.controllers.replicas > 1,
        "serviceAccount": {"create": True, "name": service_account},
        "webhook": part,
        "certController": part,
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
        "replicaCount": place.controllers.replicas,
        "podDisruptionBudget": {"maxUnavailable": 1} if place.controllers.replicas > 1 else {},
        **on_system_nodes("aws-load-balancer-controller"),
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
        "replicaCount": place.controllers.replicas,
        **on_system_nodes("cluster-autoscaler"),
        "rbac": {"serviceAccount": {"create": True, "name": service_account}},
        "extraArgs": {
            "balance-similar-node-groups": True,
            "expander": "least-waste",
            "max-nodes-total": config.max_nodes,
            "scale-down-unneeded-time": f"{config.idle_minutes}m",
            # MLflow, the recommender and every model have an emptyDir, and by default their nodes would never go. What
            # is in it can be fetched or made again; a pod for which that is not so says
            # `cluster-autoscaler.kubernetes.io/safe-to-evict: "false"`.
            "skip-nodes-with-local-storage": False,
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
        "resources": requested("nvidia-device-plugin"),
    }
