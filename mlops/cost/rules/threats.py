"""Features of GuardDuty, and Security Hub. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.core.machines import machines
from mlops.cost.model import HOURS, Context, Item, Rule, number, tiered, used
from mlops.cost.schedules import share_of_week
from mlops.plan.graph import Node

FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
HUB = "aws:securityhub/account:Account"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DATABASE = "aws:rds/instance:Instance"
MILLION = 1_000_000
_S3_EVENTS = (("s3_data_events_first_500m", 500), ("s3_data_events_next_4500m", float("inf")))
"""In millions. Beyond 5,000 million it gets cheaper still; the price of the tier below is the most that it costs."""


def feature(node: Node, context: Context) -> Iterator[Item]:
    """What a feature reads, or the cores that it watches. Malware scans only follow a finding: none is expected."""
    if node.at("status").text() != "ENABLED":
        return
    match node.at("name").text():
        case "S3_DATA_EVENTS":
            events = context.figure("logs.trail_events") / MILLION
            yield from tiered("S3 events looked at for threats", "guardduty", _S3_EVENTS, events)
        case "EKS_AUDIT_LOGS":
            sku = ("guardduty", "eks_audit_logs_first_100m")
            calls = context.figure("logs.cluster_audit_events") / MILLION
            yield used("Kubernetes calls looked at for threats", sku, calls)
        case "RUNTIME_MONITORING":
            yield watched(context.once("watched cores", lambda: _all_cores(context)))
        case "RDS_LOGIN_EVENTS":
            count = Decimal(context.count(DATABASE))
            yield Item(label="databases whose logins are watched", sku=("guardduty", "rds_logins"), quantity=count)
        case "LAMBDA_NETWORK_LOGS":
            functions = Decimal(context.count("aws:lambda/function:Function"))
            sku = ("guardduty", "lambda_network_logs")
            yield Item(label="functions whose connections are watched", sku=sku, quantity=functions)
        case _:
            return


def _all_cores(context: Context) -> Decimal:
    return sum((cores(group, context) for group in context.of_type(NODE_GROUP)), Decimal(0))


def cores(group: Node, context: Context) -> Decimal:
    """Cores of a group's nodes over the hours that they run, in vCPU-months; 0 for a type that nobody knows."""
    assumed = number(context.figure("compute.node_hours")) / HOURS
    types = group.at("instanceTypes").texts()
    machine = machines().get(types[0]) if types else None
    running = min(assumed, share_of_week(group, context))
    return Decimal(context.nodes_needed(group) * (machine.vcpus if machine else 0)) * running


def watched(vcpus: Decimal) -> Item:
    """What the runtime agent costs on so many cores."""
    sku = ("guardduty", "runtime_monitoring_first_500_vcpu")
    return Item(label="cores watched by the runtime agent", sku=sku, quantity=vcpus)


def hub(node: Node, context: Context) -> Iterator[Item]:
    checks = context.share("logs.security_checks", HUB)
    yield used("security checks", ("security_hub", "checks_first_100k"), checks)


RULES: dict[str, Rule] = {FEATURE: feature, HUB: hub}
