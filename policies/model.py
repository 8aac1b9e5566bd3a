"""What a rule is and what it says of a resource.

A rule is a pure function over resources of a `Graph`. Its facts (types, severity, level, frameworks) are data; its
check is code that is registered under its id by `resource_rule` or `stack_rule`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.reading import Gap, reading
from mlops.plan.values import SECRET, UNKNOWN


class Verdict(StrEnum):
    """What a resource's properties show."""

    MET = "met"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    """A value is known only after the deployment; never counted as met."""


class Level(StrEnum):
    """Pulumi's enforcement levels."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one rule says of one resource, or of the stack where nothing that it wants exists."""

    verdict: Verdict
    path: str
    """The property that shows it, `spec.template.spec.containers[0].image` style; empty where a resource is missing."""
    value: Any = None
    """What the property holds; None where it is absent. Secrets read `[secret]`."""
    message: str = ""
    """For a broken rule: what is wrong here, one sentence."""
    urn: str = ""
    """The resource; empty for the stack itself."""
    advisory: bool = False
    """Whether this part of a rule only advises, whatever the rule's level is."""


Answer = bool | None
"""Whether something is right; None where the deployment has to come first, which never counts as yes."""
ResourceCheck = Callable[[Node], Iterable[Judgement]]
StackCheck = Callable[[Graph], Iterable[Judgement]]


class _Absent:
    """Tells a missing property from one that is null."""

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()
_GAPS: Mapping[Gap, Any] = {Gap.ABSENT: ABSENT, Gap.UNKNOWN: UNKNOWN, Gap.SECRET: SECRET}


def look(properties: Any, path: str) -> Any:
    """The value at a dotted path (`spec.replicas`, `ingress[0].cidrBlocks`), `ABSENT`; or `UNKNOWN` or `SECRET`, where
    it or something on the way is."""
    if isinstance(properties, Mapping) and "." not in path and "[" not in path:
        # Most look-ups are of one property, and there are a hundred thousand of them in a large stack.
        value = properties.get(path)
        return ABSENT if value is None else value
    found = reading(properties).at(path)
    return found.value if found.gap is None else _GAPS[found.gap]


def say(node: Node | None, path: str, answer: Answer, message: str, *, advisory: bool = False) -> Judgement:
    """The judgement that an answer to "is it right?" makes of a property; of the stack where no resource is named."""
    value = look(node.inputs, path) if node else ABSENT
    verdict = Verdict.UNKNOWN if answer is None else Verdict.MET if answer else Verdict.BROKEN
    return Judgement(
        verdict=verdict,
        path=path,
        value=None if value is ABSENT else value,
        message=message if verdict is Verdict.BROKEN else "",
        urn=node.urn if node else "",
        advisory=advisory,
    )


def judge(
    node: Node,
    path: str,
    holds: Callable[[Any], bool],
    message: str,
    *,
    absent_is_met: bool = False,
    advisory: bool = False,
) -> Judgement:
    """The judgement of one property: met where `holds` says so, unknown where its value is not known yet."""
    value = look(node.inputs, path)
    if value == UNKNOWN:
        answer = None
    elif value is ABSENT:
        answer = absent_is_met
    else:
        answer = bool(holds(value))
    return say(node, path, answer, message, advisory=advisory)
