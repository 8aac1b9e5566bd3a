"""Types that cost nothing in the mode that most take, and something in another.

Source of what is charged: the pricing pages of Systems Manager, Inspector, S3, IAM Access Analyzer, ECS, VPC, AWS
Budgets, AWS Certificate Manager, EventBridge and AWS Backup.
"""

from collections.abc import Iterator
from decimal import Decimal

from mlops.core.usage import MONTH_HOURS
from mlops.cost.model import HOURS, Context, Item, Rule, used
from mlops.cost.writers import BUCKET, FLOW_LOG
from mlops.plan.graph import Node

REPOSITORY = "aws:ecr/repository:Repository"
ROLE, USER = "aws:iam/role:Role", "aws:iam/user:User"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"

REQUEST_METRICS = 16
"""CloudWatch metrics of a bucket that is watched request by request (S3 user guide, "Request metrics")."""
CONTAINER_METRICS = 9
"""Metrics that Container Insights makes of a cluster itself (CloudWatch user guide, "Amazon ECS metrics"); those of
services and tasks come on top."""
_IMAGE_GB = 1
"""What an image is taken to hold where only gigabytes of images are known."""
_LISTINGS = {"Daily": Decimal(MONTH_HOURS) / 24, "Weekly": Decimal(MONTH_HOURS) / 168}


def parameter(node: Node, context: Context) -> Iterator[Item]:
    """Standard parameters are free; advanced ones cost by the month, and intelligent tiering may make one of each."""
    if node.at("tier").text() in ("Advanced", "Intelligent-Tiering"):
        yield Item(label="advanced parameter", sku=("ssm", "advanced_parameter"), quantity=Decimal(1))


def scanning(node: Node, context: Context) -> Iterator[Item]:
    """Basic scanning is free; enhanced scanning is Inspector's, by image that is pushed."""
    if node.at("scanType").text() == "ENHANCED":
        images = context.figure("storage.images_gb") / _IMAGE_GB
        images = images.because(f"images of {_IMAGE_GB} GB, each pushed anew once a month")
        yield used("images scanned by Inspector", ("inspector", "ecr_image"), images)


def inventory(node: Node, context: Context) -> Iterator[Item]:
    """By object listed, daily or weekly."""
    if node.at("enabled").flag(default=True):
        frequency = node.at("schedule.frequency").text() or "Daily"
        sharing = max(context.count(BUCKET) - len(context.log_buckets), 1)
        objects = context.figure("storage.data_gb") / sharing * 1_000 / context.figure("storage.object_mb")
        listed = objects * _LISTINGS.get(frequency, _LISTINGS["Daily"]) / 1_000_000
        yield used("objects listed in inventories", ("s3", "inventory"), listed)


def request_metrics(node: Node, context: Context) -> Iterator[Item]:
    yield Item(
        label="metrics of a bucket's requests",
        sku=("cloudwatch", "custom_metric_first_10k"),
        quantity=Decimal(REQUEST_METRICS),
    )


def analyzer(node: Node, context: Context) -> Iterator[Item]:
    """Looking for access from outside is free; for access that nobody uses it costs by role and user."""
    if "UNUSED_ACCESS" in node.at("type").text():
        identities = Decimal(context.count(ROLE, USER))
        sku = ("access_analyzer", "unused_access")
        yield Item(label="roles and users looked at for unused access", sku=sku, quantity=identities)
    elif "INTERNAL_ACCESS" in node.at("type").text():
        sku = ("access_analyzer", "internal_access")
        yield Item(label="resources looked at for internal access", sku=sku, quantity=Decimal(1))


def container_cluster(node: Node, context: Context) -> Iterator[Item]:
    """The cluster is free; Container Insights makes metrics."""
    asked = {row.at("name").text(): row.at("value").text() for row in node.at("settings")}
    if asked.get("containerInsights") in ("enabled", "enhanced"):
        sku = ("cloudwatch", "custom_metric_first_10k")
        yield Item(label="metrics of Container Insights", sku=sku, quantity=Decimal(CONTAINER_METRICS))


def flow_log(node: Node, context: Context) -> Iterator[Item]:
    """Into CloudWatch it is charged as logs; into S3 and Firehose by what is delivered."""
    kind = node.at("logDestinationType").text() or "cloud-watch-logs"
    if kind != "cloud-watch-logs":
        gb = context.share("logs.flow_gb", FLOW_LOG)
        target = "s3" if kind == "s3" else "firehose"
        yield used(f"flow logs delivered to {kind}", ("cloudwatch", f"vended_logs_to_{target}"), gb)


def budget_action(node: Node, context: Context) -> Iterator[Item]:
    """A budget that acts costs by the day; two of them are free once an account."""
    days = HOURS / 24
    yield Item(label="budget with actions", sku=("budgets", "action_enabled_budget"), quantity=days)


def certificate(node: Node, context: Context) -> Iterator[Item]:
    """Public certificates are free while they stay in AWS; an exportable one is bought."""
    if node.at("options.export").text() == "ENABLED":
        yield Item(label="exportable certificate", sku=("acm", "exportable"), quantity=Decimal(1) / 12)


RULES: dict[str, Rule] = {
    "aws:ssm/parameter:Parameter": parameter,
    SCANNING: scanning,
    "aws:s3/inventory:Inventory": inventory,
    "aws:s3/bucketMetric:BucketMetric": request_metrics,
    "aws:accessanalyzer/analyzer:Analyzer": analyzer,
    "aws:ecs/cluster:Cluster": container_cluster,
    FLOW_LOG: flow_log,
    "aws:budgets/budgetAction:BudgetAction": budget_action,
    "aws:acm/certificate:Certificate": certificate,
}

NOTHING_ASKED: dict[str, str] = {
    "aws:ssm/parameter:Parameter": "a standard parameter is free",
    SCANNING: "basic scanning is free",
    "aws:s3/inventory:Inventory": "is switched off",
    "aws:accessanalyzer/analyzer:Analyzer": "looking for access from outside is free",
    "aws:ecs/cluster:Cluster": "a grouping without Container Insights; what runs in it is priced",
    FLOW_LOG: "is charged as the logs that it writes",
    "aws:acm/certificate:Certificate": "a public certificate that stays in AWS is free",
}
"""Why a resource of these types costs nothing in the mode that it is in."""
