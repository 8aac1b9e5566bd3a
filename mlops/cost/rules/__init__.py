"""A rule for each type of resource that costs money, one file a service, and the reasons why the others cost none."""

from mlops.cost.model import Rule
from mlops.cost.rules import (
    batch,
    compute,
    databases,
    detectors,
    files,
    flink,
    integration,
    kubernetes,
    machine_learning,
    modes,
    monitoring,
    network,
    observability,
    security,
    serverless,
    storage,
    streams,
    threats,
    traffic,
)
from mlops.cost.rules.charts import RELEASE, chart_name, is_known
from mlops.cost.rules.free import FREE, free_reason
from mlops.cost.rules.kubernetes_free import group_and_kind
from mlops.plan.graph import Node

RULES: dict[str, Rule] = {
    **network.RULES,
    **compute.RULES,
    **batch.RULES,
    **storage.RULES,
    **files.RULES,
    **databases.RULES,
    **streams.RULES,
    **flink.RULES,
    **serverless.RULES,
    **integration.RULES,
    **machine_learning.RULES,
    **observability.RULES,
    **security.RULES,
    **threats.RULES,
    **detectors.RULES,
    **modes.RULES,
    **monitoring.RULES,
}
_IDLE = {**batch.NOTHING_ASKED, **modes.NOTHING_ASKED, **monitoring.NOTHING_ASKED}
STACK_RULE = traffic.of_stack
"""What belongs to no single resource."""


def rule_of(type_: str) -> Rule | None:
    """The rule of a type; kinds of Kubernetes have one for all their versions."""
    return kubernetes.BY_KIND.get(_kind(type_)) if _is_object(type_) else RULES.get(type_)


def idle_reason(type_: str) -> str | None:
    """Why a resource whose type has a rule may cost nothing."""
    return kubernetes.NOTHING_ASKED.get(_kind(type_)) if _is_object(type_) else _IDLE.get(type_)


def unknown_part(node: Node) -> str | None:
    """What of a resource nobody can price, by name; None if it has a rule or a reason to be free."""
    if node.type == RELEASE and not is_known(node):
        return f"{RELEASE} of chart {chart_name(node)}"
    return None if rule_of(node.type) or free_reason(node.type) else node.type


def _is_object(type_: str) -> bool:
    return type_.startswith("kubernetes:")


def _kind(type_: str) -> str:
    return ":".join(group_and_kind(type_))


__all__ = ["FREE", "RULES", "STACK_RULE", "free_reason", "idle_reason", "rule_of", "unknown_part"]
