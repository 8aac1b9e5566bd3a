"""EKS, EC2, ECS. Source of what is charged: the pricing pages of EKS, EC2, EBS, Fargate and CloudWatch."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.core import versions
from mlops.cost.model import HOURS, Context, Item, Rule, Sku, hours, number, used
from mlops.cost.rules.credits import credit_items
from mlops.cost.rules.network import PUBLIC_IPV4
from mlops.cost.rules.storage import volume_items
from mlops.cost.schedules import share_of_week
from mlops.cost.support import month_split, since
from mlops.plan.graph import Node
from mlops.plan.reading import Gap

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
FARGATE_PROFILE = "aws:eks/fargateProfile:FargateProfile"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SUBNET = "aws:ec2/subnet:Subnet"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"

DETAILED_METRICS = 7
"""CloudWatch metrics that detailed monitoring of an instance makes (EC2 pricing, "Amazon CloudWatch")."""
EKS_DEFAULT_TYPE, EKS_DEFAULT_DISK_GB = "t3.medium", 20
"""What EKS takes for a managed node group that names none (CreateNodegroup API)."""


def on_demand(instance_type: str) -> Sku:
    return ("ec2_on_demand_linux", instance_type)


def spot(instance_type: str) -> Sku:
    return ("ec2_spot_linux_typical", instance_type)


def cluster(node: Node, context: Context) -> Iterator[Item]:
    """The control plane, which costs six times as much once its version has left standard support."""
    version = node.at("version")
    shown = f"[{version.gap}]" if version.hidden else version.text()
    release = versions.EKS.get(shown)
    if version.gap is Gap.ABSENT:
        # EKS takes its default, which is always in standard support.
        yield hours("EKS control plane", ("eks", "cluster_standard_support"))
    elif release is None:
        yield hours(f"EKS control plane of version {shown}", ("eks", f"support of version {shown}"))
    else:
        standard, extended = month_split(release.standard_until)
        if standard:
            yield hours("EKS control plane", ("eks", "cluster_standard_support"), 1, standard)
        if extended:
            label = f"EKS control plane {release.version} in extended support{since(release.standard_until)}"
            yield hours(label, ("eks", "cluster_extended_support"), 1, extended)
    tier = node.at("controlPlaneScalingConfig.tier").text() or "standard"
    if tier != "standard":
        yield hours(f"provisioned control plane, {tier}", ("eks", f"control_plane_{tier}"))


def node_group(node: Node, context: Context) -> Iterator[Item]:
    """Instances, their disks, their detailed monitoring, and their addresses where subnets give public ones."""
    types = [*node.at("instanceTypes").texts()] or [EKS_DEFAULT_TYPE]
    count = context.nodes_needed(node)
    scheduled = share_of_week(node, context) * HOURS
    running = number(count) * min(number(context.figure("compute.node_hours")), scheduled)
    by_schedule = f", {float(scheduled / HOURS * 168):.4g} of 168 hours a week" if scheduled < HOURS else ""
    if node.at("capacityType").text() == "SPOT":
        # EKS takes the type with the most room to spare: one stands for all. At worst it costs what on demand does.
        yield Item(
            label=f"{count} × {' or '.join(types)} spot, typical price{by_schedule}",
            sku=spot(types[0]),
            instead=tuple(map(spot, types[1:])),
            quantity=running,
            high=tuple(map(on_demand, types)),
        )
    else:
        # On demand EKS takes the first type that is to be had.
        yield Item(label=f"{count} × {types[0]} on demand{by_schedule}", sku=on_demand(types[0]), quantity=running)
    if count:
        yield from credit_items(node, context)
    template = context.behind(node, "launchTemplate", LAUNCH_TEMPLATE)
    yield from _disks(node, template, count, running / HOURS)
    if template and template.at("monitoring.enabled"):
        metrics = running / HOURS * DETAILED_METRICS
        sku = ("cloudwatch", "custom_metric_first_10k")
        yield Item(label=f"detailed monitoring of {_nodes(count)}", sku=sku, quantity=metrics)
    if _public_addresses(node, context):
        yield Item(label=f"public IPv4 addresses of {_nodes(count)}", sku=PUBLIC_IPV4, quantity=running)


def _disks(node: Node, template: Node | None, count: int, share_of_month: Decimal) -> Iterator[Item]:
    """Disks live as long as their nodes."""
    mappings = [row.at("ebs") for row in template.at("blockDeviceMappings") if row.at("ebs")] if template else []
    if not mappings:
        gb = node.at("diskSize").number(EKS_DEFAULT_DISK_GB)
        yield from volume_items(f"disks of {_nodes(count)}, {gb} GB gp3 each", "gp3", gb, share_of_month)
    for volume in mappings:
        gb = volume.at("volumeSize").number(EKS_DEFAULT_DISK_GB)
        kind = volume.at("volumeType").text() or "gp3"
        label = f"disks of {_nodes(count)}, {gb} GB {kind} each"
        iops, throughput = volume.at("iops").number(), volume.at("throughput").number()
        yield from volume_items(label, kind, gb, share_of_month, iops, throughput)


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"


def _public_addresses(node: Node, context: Context) -> bool:
    subnets = [context.graph[urn] for urn in node.property_dependencies.get("subnetIds", ()) if urn in context.graph]
    return any(subnet.type == SUBNET and subnet.at("mapPublicIpOnLaunch").flag() for subnet in subnets)


def instance(node: Node, context: Context) -> Iterator[Item]:
    """A single machine with its disks."""
    name = node.at("instanceType").text() or EKS_DEFAULT_TYPE
    yield hours(f"{name} on demand", on_demand(name), 1, context.figure("compute.node_hours"))
    yield from credit_items(node, context)
    for volume in (node.at("rootBlockDevice"), *node.at("ebsBlockDevices")):
        kind, gb = volume.at("volumeType").text() or "gp3", volume.at("volumeSize").number(8)
        yield from volume_items(f"disk, {gb} GB {kind}", kind, gb, Decimal(1))
    if node.at("associatePublicIpAddress").flag():
        yield hours("public IPv4 address", PUBLIC_IPV4)


def ecs_service(node: Node, context: Context) -> Iterator[Item]:
    """Tasks on Fargate by the vCPU and GB that they ask for, on Spot by their share: at worst those cost what on demand
    does. Tasks on EC2 use instances that are paid as such."""
    if node.at("launchType").text() == "EC2":
        return
    task = context.behind(node, "taskDefinition", TASK_DEFINITION)
    size = task or node
    count = node.at("desiredCount").number(1)
    arm = size.at("runtimePlatform.cpuArchitecture").text() == "ARM64"
    platform = "arm" if arm else "x86"
    hours_each = number(context.figure("compute.node_hours"))
    vcpus, gb = size.at("cpu").number(256) / 1024, size.at("memory").number(512) / 1024
    spot_tasks = _on_spot(node, count)
    for tasks, word, kind in ((count - spot_tasks, "", ""), (spot_tasks, " Spot", "spot_")):
        if not tasks:
            continue
        label, running = f"{float(tasks):g} Fargate{word} tasks", tasks * hours_each
        for what, unit, each in (("vcpu", "vCPU", vcpus), ("memory", "GB", gb)):
            dearest: Sku = ("fargate", f"{what}_linux_{platform}")
            yield Item(
                label=f"{label}, {each} {unit} each",
                sku=("fargate", f"{what}_{kind}linux_{platform}"),
                quantity=running * each,
                high=(dearest,) if kind else (),
            )


def _on_spot(node: Node, count: Decimal) -> Decimal:
    """How many of a service's tasks run on Spot in the long run: what is beyond the bases, by the weights.

    Source: ECS API, CapacityProviderStrategyItem.
    """
    bases = dict.fromkeys(("FARGATE", "FARGATE_SPOT"), Decimal(0))
    weights = dict(bases)
    for one in node.at("capacityProviderStrategies"):
        provider = one.at("capacityProvider").text()
        if provider in bases:
            bases[provider], weights[provider] = one.at("base").number(), one.at("weight").number()
    whole = sum(weights.values())
    based = min(bases["FARGATE_SPOT"], count)
    beyond = max(count - sum(bases.values()), Decimal(0))
    return based + (beyond * weights["FARGATE_SPOT"] / whole if whole else Decimal(0))


def fargate_profile(node: Node, context: Context) -> Iterator[Item]:
    """Pods that a profile takes pay for the vCPU and GB that they ask for; which those are the profile does not say."""
    vcpu_hours = context.share("compute.fargate_vcpu_hours", FARGATE_PROFILE)
    yield used("pods on Fargate: vCPU", ("fargate", "vcpu_linux_x86"), vcpu_hours)
    yield used("pods on Fargate: memory", ("fargate", "memory_linux_x86"), vcpu_hours * 2)


RULES: dict[str, Rule] = {
    CLUSTER: cluster,
    NODE_GROUP: node_group,
    FARGATE_PROFILE: fargate_profile,
    "aws:ec2/instance:Instance": instance,
    "aws:ecs/service:Service": ecs_service,
}
