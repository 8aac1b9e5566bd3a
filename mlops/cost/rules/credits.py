"""CPU credits: what machines of the T families cost when they work above their baseline for long.

EC2 launches T3, T3a and T4g in unlimited mode unless told otherwise, RDS runs its T classes in it always; MSK does not.
Source: EC2 user guide, "Unlimited mode for burstable performance instances"; RDS pricing page.
"""

from collections.abc import Iterator

from mlops.cost.model import Context, Item, Sku, part_of, used
from mlops.plan.graph import Node

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
RDS_INSTANCE = "aws:rds/instance:Instance"

_BY_FAMILY: dict[str, Sku] = {
    "t3": ("ec2", "t3_unlimited_cpu_credit"),
    "t3a": ("ec2", "t3_unlimited_cpu_credit"),
    "t4g": ("ec2", "t4g_unlimited_cpu_credit"),
}


def credit_items(node: Node, context: Context) -> Iterator[Item]:
    """Each burstable machine or group has an equal part of the stack's hours above the baseline."""
    sku = _sku(node)
    if sku:
        sharing = sum(1 for one in context.of_type(NODE_GROUP, INSTANCE, RDS_INSTANCE) if _sku(one))
        hours = part_of(context.figure("compute.burst_vcpu_hours"), sharing)
        yield used("CPU credits above the baseline", sku, hours)


def _sku(node: Node) -> Sku | None:
    if node.type == RDS_INSTANCE:
        family = node.at("instanceClass").text("unknown").removeprefix("db.").partition(".")[0]
        engine = node.at("engine").text() or "postgres"
        return (f"rds_{engine}", "t_class_cpu_credit") if family in _BY_FAMILY else None
    if node.at("creditSpecification.cpuCredits").text() == "standard":
        return None
    types = node.at("instanceTypes").texts() or (node.at("instanceType").text(),)
    return _BY_FAMILY.get(types[0].partition(".")[0])
