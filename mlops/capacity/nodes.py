"""What a node of a managed node group offers to pods, and how many nodes a group has.

Sources: awslabs/amazon-eks-ami, nodeadm/internal/kubelet/config.go at b4fffb7 (reserved CPU and memory, eviction
threshold); EKS user guide, "Assign more IP addresses to nodes with prefixes" (pods a node); Karpenter's setting
`vmMemoryOverheadPercent` (memory that the hypervisor and the kernel take).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.core.machines import Machine, machines
from mlops.plan.graph import Graph, Node

SUBNET = "aws:ec2/subnet:Subnet"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEFAULT_DISK_GIB = 20
"""What EKS gives a node that names no size (EKS API, CreateNodegroup, `diskSize`)."""
_DISK_EVICTION, _DISK_RESERVED_MIB = 0.1, 1024
"""Share of the volume below which the kubelet evicts (`nodefs.available`), and what nodeadm reserves of it."""
_SOFT = "PREFER_NO_SCHEDULE"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DEFAULT_TYPE = "t3.medium"
"""What EKS takes for a group that names no instance type."""

_OVERHEAD = 0.075
_EVICTION_MIB = 100
_CPU_STEPS = ((1, 0.06), (2, 0.01), (4, 0.005), (10_000, 0.0025))
"""Up to so many cores -> share of them that is reserved."""
_SMALL_VCPUS, _SMALL_PODS, _LARGE_PODS = 30, 110, 250


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What pods may request on one node, daemons included."""

    cpu: int
    """Thousandths of a core."""
    memory: int
    """MiB."""
    gpus: int
    pods: int
    disk: int
    """Ephemeral storage, MiB."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """A managed node group."""

    node: Node
    machine: Machine | None
    """Its first instance type; None if it is not in the table."""
    offer: Offer
    """Nothing where the machine is unknown."""
    least: int
    desired: int
    most: int
    labels: Mapping[str, str]
    """Its own, and those that Kubernetes and EKS give every node."""
    taints: tuple[tuple[str, str, str], ...]
    """Key, value and effect of those that keep pods off."""
    zones: tuple[str, ...] = ()
    """Where its subnets lie; none where that is not known."""


def max_pods(vcpus: int) -> int:
    """Pods a node of a managed node group whose network interfaces hold prefixes."""
    return _SMALL_PODS if vcpus < _SMALL_VCPUS else _LARGE_PODS


def reserved_millicores(vcpus: int) -> int:
    """What the kubelet keeps for itself: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of
    the rest."""
    reserved, below = 0.0, 0
    for upto, share in _CPU_STEPS:
        reserved += max(min(vcpus, upto) - below, 0) * share * 1000
        below = upto
    return int(reserved)


def reserved_mebibytes(pods: int) -> int:
    """Memory that the kubelet keeps for itself: 255 MiB and 11 MiB for each pod that may run."""
    return 255 + 11 * pods


def offer(machine: Machine, disk_gib: int = DEFAULT_DISK_GIB) -> Offer:
    """What is left of a machine for pods, with a volume of so many GiB."""
    pods = max_pods(machine.vcpus)
    visible = int(machine.memory_mib * (1 - _OVERHEAD))
    return Offer(
        cpu=machine.vcpus * 1000 - reserved_millicores(machine.vcpus),
        memory=max(visible - reserved_mebibytes(pods) - _EVICTION_MIB, 0),
        gpus=machine.gpus,
        pods=pods,
        disk=max(int(disk_gib * 1024 * (1 - _DISK_EVICTION)) - _DISK_RESERVED_MIB, 0),
    )


def groups(graph: Graph) -> tuple[Group, ...]:
    """The node groups of a graph, in order of registration."""
    return tuple(_group(graph, node) for node in graph.of_type(NODE_GROUP))


def _group(graph: Graph, node: Node) -> Group:
    types = node.at("instanceTypes").texts() or (DEFAULT_TYPE,)
    known = [machines()[name] for name in types if name in machines()]
    scaling = node.at("scalingConfig")
    desired = scaling.at("desiredSize").whole()
    taints = ((one, one.at("effect").text()) for one in node.at("taints"))
    return Group(
        node=node,
        machine=known[0] if known else None,
        offer=offer(known[0], _disk_gib(graph, node)) if known else Offer(cpu=0, memory=0, gpus=0, pods=0, disk=0),
        least=scaling.at("minSize").whole(),
        desired=desired,
        most=max(scaling.at("maxSize").whole(), desired),
        labels={
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "arm64" if "ARM_64" in node.at("amiType").text() else "amd64",
            "eks.amazonaws.com/capacityType": node.at("capacityType").text("ON_DEMAND"),
            "eks.amazonaws.com/nodegroup": node.at("nodeGroupName").text(node.name),
            "node.kubernetes.io/instance-type": types[0],
            "topology.kubernetes.io/region": "",
            **node.at("labels").labels(),
        },
        taints=tuple(
            (one.at("key").text(), one.at("value").text(), effect) for one, effect in taints if effect != _SOFT
        ),
        zones=_zones(graph, node),
    )


def _zones(graph: Graph, node: Node) -> tuple[str, ...]:
    """The zones of a group's subnets; none where only the deployment will tell."""
    named = set(node.at("subnetIds").texts())
    urns = node.property_dependencies.get("subnetIds", ())
    own = [subnet for subnet in graph.of_type(SUBNET) if subnet.urn in urns or subnet.id in named]
    return tuple(sorted({zone for subnet in own if (zone := subnet.at("availabilityZone").text())}))


def _disk_gib(graph: Graph, node: Node) -> int:
    """GiB of the volume for what pods write: the launch template's largest, the group's own, or EKS's default."""
    urns, name = node.property_dependencies.get("launchTemplate", ()), node.at("launchTemplate.id").text()
    templates = [one for one in graph.of_type(TEMPLATE) if one.urn in urns or (name and one.id == name)]
    sizes = [one.at("ebs.volumeSize").whole() for template in templates for one in template.at("blockDeviceMappings")]
    return max([*sizes, node.at("diskSize").whole()]) or DEFAULT_DISK_GIB
