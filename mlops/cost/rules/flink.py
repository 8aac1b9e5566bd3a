"""Amazon Managed Service for Apache Flink. Source of what is charged: its developer guide, "Per second billing": a KPU
is a vCPU with 4 GB, each application has one more for orchestration, and 50 GB of running storage come with each."""

import math
from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context, Item, Rule, hours
from mlops.plan.graph import Node

APPLICATION = "aws:kinesisanalyticsv2/application:Application"
_STORAGE_GB = 50
_CONFIGURATION = "applicationConfiguration.flinkApplicationConfiguration.parallelismConfiguration"


def application(node: Node, context: Context) -> Iterator[Item]:
    """By KPU: parallelism over parallelism a KPU, rounded up. What autoscaling adds is not known beforehand."""
    told = node.at(_CONFIGURATION)
    kpus = Decimal(math.ceil(told.at("parallelism").number(1) / told.at("parallelismPerKpu").number(1)))
    yield hours(f"{kpus} KPUs", ("managed_flink", "kpu"), kpus)
    yield hours("KPU for orchestration", ("managed_flink", "kpu"))
    gb = kpus * _STORAGE_GB
    yield Item(label=f"running storage, {gb} GB", sku=("managed_flink", "running_storage"), quantity=gb)


RULES: dict[str, Rule] = {APPLICATION: application}
