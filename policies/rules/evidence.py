"""What one property decides: the tests of a value that checks of data services name in one word."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops.plan.graph import Node
from policies.answers import is_own_key
from policies.model import ABSENT, Judgement, judge
from policies.registry import resource_rule


def demand(
    rule_id: str,
    path: str | Mapping[str, str],
    holds: Callable[[Any], bool],
    message: str,
    *,
    absent_is_met: bool = False,
) -> None:
    """Register a rule that one property decides.

    Args:
        rule_id: the rule.
        path: the property; or type -> property, where types name it differently. Other types are not judged.
        holds: whether a value that is known is right.
        message: what is wrong where it is not.
        absent_is_met: whether AWS's own default is right.
    """

    @resource_rule(rule_id)
    def _(node: Node) -> Iterable[Judgement]:  # pyright: ignore[reportUnusedFunction]
        where = path if isinstance(path, str) else path.get(node.type)
        if where:
            yield judge(node, where, holds, message, absent_is_met=absent_is_met)


def given(value: Any) -> bool:
    """Whether a key, name or role is set. A secret one is."""
    return value not in (ABSENT, None, "", [], {})


def own_key(value: Any) -> bool:
    """Whether a KMS key is set that is not one of AWS's own, by whatever name."""
    return is_own_key(value) is True


def yes(value: Any) -> bool:
    """Whether a switch is on."""
    return value is True


def not_on(value: Any) -> bool:
    """Whether a switch that has to stay off is off."""
    return value is False


def not_off(value: Any) -> bool:
    """Whether a switch that is on by default is left on."""
    return value is not False


def at_least(least: int) -> Callable[[Any], bool]:
    """Whether a number reaches `least`."""
    return lambda value: isinstance(value, int | float) and value >= least


def one_of(*allowed: str) -> Callable[[Any], bool]:
    """Whether a text is one of those that are allowed."""
    return lambda value: value in allowed
