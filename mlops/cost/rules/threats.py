"""Features of GuardDuty, and Security Hub. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.capacity.nodes import machines
from mlops.cost.model import HOURS, Context, Item, Rule, number, used
from mlops.cost.schedules import share_of_week
from mlops.plan.graph import Node

FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
HUB = "aws:securityhub/account:Account"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DATABASE = "aws:rds/instance:Instance"
MILLION = 1_000_000


def feature(node: Node, context: Context) -> Iterator[Item]:
    """What a feature reads, or the cores that it watches. Malware scans only follow a finding: none is expected."""
    if node.inputs.get("status") != "ENABLED":
        return
    match node.inputs.get("name"):
        case "S3_DATA_EVENTS":
            sku = ("guardduty", "s3_data_events_first_500m")
            yield used("S3 events looked at for threats", sku, context.figure("logs.trail_events") / MILLION)
        case "EKS_AUDIT_LOGS":
            sku = ("guardduty", "eks_audit_logs_first_100m")
            calls = context.figure("logs.cluster_audit_events") / MILLION
            yield used("Kubernetes calls looked at for threats", sku, calls)
        case "RUNTIME_MONITORING":
            cores = _cores(context)
            sku = ("guardduty", "runtime_monitoring_first_500_vcpu")
            yield Item(label="cores watched by the runtime agent", sku=sku, quantity=cores)
        case "RDS_LOGIN_EVENTS":
            count = Decimal(context.count(DATABASE))
            yield Item(label="databases whose logins are watched", sku=("guardduty", "rds_logins"), quantity=count)
        case "LAMBDA_NETWORK_LOGS":
            functions = Decimal(context.count("aws:lambda/function:Function"))
            sku = ("guardduty", "lambda_network_logs")
            yield Item(label="functions whose connections are watched", sku=sku, quantity=functions)
        case _:
            return


def _cores(context: Context) -> Decimal:
    """Cores of all nodes over the hours that they run, in vCPU-months; types that nobody knows are left out."""
    assumed = number(context.figure("compute.node_hours")) / HOURS
    cores = Decimal(0)
    for group in context.of_type(NODE_GROUP):
        types = [str(name) for name in group.inputs.get("instanceTypes") or ()]
        machine = machines().get(types[0]) if types else None
        running = min(assumed, share_of_week(group, context))
        cores += Decimal(context.nodes_needed(group) * (machine.vcpus if machine else 0)) * running
    return cores


def hub(node: Node, context: Context) -> Iterator[Item]:
    checks = context.share("logs.security_checks", HUB)
    yield used("security checks", ("security_hub", "checks_first_100k"), checks)


RULES: dict[str, Rule] = {FEATURE: feature, HUB: hub}
