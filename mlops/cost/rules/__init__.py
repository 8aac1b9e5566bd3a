"""A rule for each type of resource that costs money, one file a service, and the reasons why the others cost none."""

from mlops.cost.model import Rule
from mlops.cost.rules import (
    compute,
    databases,
    files,
    integration,
    kubernetes,
    machine_learning,
    network,
    observability,
    security,
    serverless,
    storage,
    streams,
    threats,
    traffic,
)
from mlops.cost.rules.free import FREE, free_reason

RULES: dict[str, Rule] = {
    **network.RULES,
    **compute.RULES,
    **storage.RULES,
    **files.RULES,
    **databases.RULES,
    **streams.RULES,
    **serverless.RULES,
    **integration.RULES,
    **machine_learning.RULES,
    **observability.RULES,
    **security.RULES,
    **threats.RULES,
    **kubernetes.RULES,
}
STACK_RULE = traffic.of_stack
"""What belongs to no single resource."""

__all__ = ["FREE", "RULES", "STACK_RULE", "free_reason"]
