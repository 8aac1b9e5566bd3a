"""What EKS refuses, and what it would leave behind."""

from localcloud.catalogue.cluster import ADDON, CLUSTER, FARGATE_PROFILE, NODE_GROUP
from localcloud.world import Thing, World

_DAEMONS = frozenset({"vpc-cni", "kube-proxy", "eks-pod-identity-agent", "eks-node-monitoring-agent"})
"""Add-ons that run on every node, and so are content with none."""


def has_nodes(world: World, cluster_name: object) -> bool:
    """Whether pods of a cluster have somewhere to run."""
    nodes = world.of_type(NODE_GROUP, FARGATE_PROFILE)
    return any(thing.inputs.get("clusterName") == cluster_name for thing in nodes)


def add_on_without_nodes(world: World, thing: Thing) -> str | None:
    """An add-on with a Deployment stays DEGRADED until a node takes its pods, and its creation times out."""
    if thing.type != ADDON or thing.inputs.get("addonName") in _DAEMONS:
        return None
    cluster = thing.inputs.get("clusterName")
    if has_nodes(world, cluster):
        return None
    return (
        f"CREATE_FAILED: timed out while waiting for add-on {thing.inputs.get('addonName')} of cluster {cluster}: "
        "InsufficientNumberOfReplicas, no node group or Fargate profile exists to run it."
    )


def deletion_protection(world: World, thing: Thing) -> str | None:
    """A protected cluster has to be unprotected first."""
    if thing.type != CLUSTER or not thing.inputs.get("deletionProtection"):
        return None
    return f"InvalidRequestException: Cannot delete {thing} while deletionProtection is on: switch it off first."


def grown_resources(world: World, thing: Thing) -> str | None:
    """AWS would delete the cluster and leave its load balancers and volumes, which keep the VPC from going."""
    if thing.type != CLUSTER:
        return None
    places = (thing.outputs.get("name"), thing.outputs.get("endpoint"))
    for item in world:
        if item.package == "kubernetes" and item.provider in places and _grows(item):
            return (
                f"DependencyViolation: {item} still runs on {thing} and owns a load balancer or volume in AWS, "
                "which nobody would delete any more once the cluster is gone."
            )
    return None


def _grows(item: Thing) -> bool:
    spec = item.inputs.get("spec") or {}
    return (
        item.noun in ("Ingress", "PersistentVolumeClaim")
        or (item.noun == "Service" and spec.get("type") == "LoadBalancer")
        or bool(spec.get("volumeClaimTemplates"))
    )
