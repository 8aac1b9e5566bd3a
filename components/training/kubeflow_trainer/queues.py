"""Queues of Kueue: who may use how much of a node group, and what others may use while he does not.

Fields are those of the CRDs at v0.19.2. Source: Kueue's charts/kueue and its pages on ClusterQueue and fair sharing.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from components.kubernetes.placement import GROUP_LABEL
from mlops.core.config import Config
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory, ShortName
from mlops.core.module import StackFacts

COHORT = "training"
_GPU = "nvidia.com/gpu"


class QueueConfig(Config):
    """A team's queue, on one node group."""

    name: ShortName
    """What jobs name."""
    node_group: GroupName
    """Node group whose nodes it hands out."""
    cpu: Cpu
    """CPU that is its own (Kubernetes quantity)."""
    memory: Memory
    """Memory that is its own (Kubernetes quantity)."""
    gpus: int = Field(default=0, ge=0, le=10_000)
    """GPUs that are its own."""
    borrows: bool = True
    """Use what other queues of the same node group leave, until they want it back."""
    weight: int = Field(default=1, ge=1, le=1_000)
    """Its share of what is left, beside the weights of the others."""


def operator_values(part: Mapping[str, object], resources: object, replicas: int, version: str) -> dict[str, object]:
    """Helm values of Kueue: the kinds of jobs that it holds back until there is room, and not every pod there is."""
    configuration = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443"},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 300, "burst": 500},
        "fairSharing": {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]},
        "integrations": {"frameworks": ["batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob"]},
    }
    return {
        "controllerManager": {
            **part,
            "replicas": replicas,
            "podDisruptionBudget": {"enabled": replicas > 1, "minAvailable": 1},
            "manager": {
                "image": {
                    "repository": "registry.k8s.io/kueue/kueue",
                    "tag": f"v{version}",
                    "pullPolicy": "IfNotPresent",
                },
                "resources": resources,
            },
        },
        # JSON is YAML.
        "managerConfig": {"controllerManagerConfigYaml": json.dumps(configuration, indent=2)},
    }


def flavor(group: str, place: Mapping[str, Any]) -> dict[str, object]:
    """Spec of the ResourceFlavor of a node group: Kueue brings what it admits there."""
    return {"nodeLabels": {GROUP_LABEL: group}, "tolerations": place.get("tolerations", [])}


def cluster_queue(queue: QueueConfig, namespace: Any) -> dict[str, object]:
    """Spec of the ClusterQueue."""
    quotas: dict[str, object] = {"cpu": queue.cpu, "memory": queue.memory, **({_GPU: queue.gpus} if queue.gpus else {})}
    rows = [{"name": name, "nominalQuota": quota} for name, quota in quotas.items()]
    made: dict[str, object] = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "queueingStrategy": "BestEffortFIFO",
        "resourceGroups": [{"coveredResources": [*quotas], "flavors": [{"name": queue.node_group, "resources": rows}]}],
        "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
    }
    if queue.borrows:
        made |= {"cohortName": f"{COHORT}-{queue.node_group}", "fairSharing": {"weight": queue.weight}}
    return made


def misfits(queues: tuple[QueueConfig, ...], stack: StackFacts) -> tuple[str, ...]:
    """Why queues cannot hand out what they say, one sentence each."""
    found: list[str] = []
    for queue in queues:
        found += stack.misplaced(f"queue {queue.name}", queue.node_group, gpus=queue.gpus > 0)
    return tuple(found)
