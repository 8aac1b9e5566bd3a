"""Where checks are registered under the ids of their rules."""

from collections.abc import Callable

from policies.model import ResourceCheck, StackCheck

RESOURCE_CHECKS: dict[str, ResourceCheck] = {}
"""Rule id -> check of one resource of the rule's types."""
STACK_CHECKS: dict[str, StackCheck] = {}
"""Rule id -> check of the whole graph, for what takes several resources to see, or what must exist."""


def resource_rule(rule_id: str) -> Callable[[ResourceCheck], ResourceCheck]:
    """Register a check that judges each resource of the rule's types by itself."""

    def register(check: ResourceCheck) -> ResourceCheck:
        if rule_id in RESOURCE_CHECKS or rule_id in STACK_CHECKS:
            raise ValueError(f"{rule_id} has a check already")
        RESOURCE_CHECKS[rule_id] = check
        return check

    return register


def stack_rule(rule_id: str) -> Callable[[StackCheck], StackCheck]:
    """Register a check that judges the graph; it yields nothing where the rule has nothing to judge."""

    def register(check: StackCheck) -> StackCheck:
        if rule_id in RESOURCE_CHECKS or rule_id in STACK_CHECKS:
            raise ValueError(f"{rule_id} has a check already")
        STACK_CHECKS[rule_id] = check
        return check

    return register
