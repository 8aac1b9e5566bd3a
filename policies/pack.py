"""The rules as policies of the official pack: the same `Rule` objects, the same check functions.

The engine hands a resource's inputs to the checks of one resource, and outputs to those of the stack. Rules read what
the program asks for, so the inputs are kept for the stack's checks too: where a preview foresees no outputs, and where
a cloud adds defaults, both judge the same. A value that a preview cannot know ends the official way, as a note and
never as met.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import proxy as engine

from mlops.core.clock import today
from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN, normalise
from policies import exemptions
from policies.canonical import may_read_as, readings
from policies.engine import applicable
from policies.exemptions import Exemption
from policies.facts import Rule, facts
from policies.model import Judgement, Level, ResourceCheck, StackCheck, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from policies.rules import load

NAME = "mlops-platform"
ROOT = Path(__file__).resolve().parent.parent
"""The project's folder, where its exemptions lie."""

_UNKNOWNS = frozenset(
    {
        engine.UNKNOWN_BOOLEAN_VALUE,
        engine.UNKNOWN_NUMBER_VALUE,
        engine.UNKNOWN_STRING_VALUE,
        engine.UNKNOWN_ARRAY_VALUE,
        engine.UNKNOWN_ASSET_VALUE,
        engine.UNKNOWN_ARCHIVE_VALUE,
        engine.UNKNOWN_OBJECT_VALUE,
    }
)


def tier_of(environment: Mapping[str, str]) -> str:
    """The tier of the stack that the engine works on, from the configuration that it hands over; empty where it
    hands none, and then the rules are as strict as for prod."""
    config = json.loads(environment.get("PULUMI_CONFIG") or "{}")
    return str(config.get(f"{environment.get('PULUMI_PROJECT', '')}:tier", ""))


def policies(tier: str, accepted: Sequence[Exemption] = ()) -> list[Policy]:
    """A policy for each rule that the tier does not disable, at the tier's level. A pack's configuration may change
    the level of each by its id."""
    load()
    registered: dict[str, Any] = {}
    return [_policy(rule, tier, accepted, registered) for rule, _ in applicable(tier)]


def own_exemptions() -> tuple[Exemption, ...]:
    """What the project accepts for now.

    Raises:
        ExemptionError: an entry cannot be used.
    """
    return exemptions.read(ROOT / exemptions.FILE, facts().rules, today())


def _policy(rule: Rule, tier: str, accepted: Sequence[Exemption], registered: dict[str, Any]) -> Policy:
    level = rule.level(tier)
    kind, validate = _validation(rule, level, accepted, registered)
    return kind(
        name=rule.id,
        description=rule.condition,
        validate=validate,
        enforcement_level=EnforcementLevel(level.value),
        severity=Severity(rule.severity),
        remediation_steps=rule.fix,
        tags=[f"{framework}:{id_}" for framework, ids in rule.frameworks.items() for id_ in ids],
    )


def _validation(rule: Rule, level: Level, accepted: Sequence[Exemption], registered: dict[str, Any]) -> tuple[Any, Any]:
    if rule.id in STACK_CHECKS:
        return StackValidationPolicy, _of_stack(rule, STACK_CHECKS[rule.id], level, accepted, registered)
    return ResourceValidationPolicy, _of_resource(rule, RESOURCE_CHECKS[rule.id], level, accepted, registered)


def _of_resource(
    rule: Rule, check: ResourceCheck, level: Level, accepted: Sequence[Exemption], registered: dict[str, Any]
) -> Any:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        # The engine asks every such policy about every resource, before it asks about the stack.
        registered[args.urn] = args.props
        if not may_read_as(args.resource_type, rule.types):
            return
        judged = [
            one for reading in readings(resource_node(args)) if reading.type in rule.types for one in check(reading)
        ]
        _report(rule, level, judged, {args.urn: args.name}, accepted, report_violation)

    return validate


def _of_stack(
    rule: Rule, check: StackCheck, level: Level, accepted: Sequence[Exemption], registered: Mapping[str, Any]
) -> Any:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        graph = stack_graph(args.resources, registered)
        names = {node.urn: node.name for node in graph}
        _report(rule, level, check(graph), names, accepted, report_violation)

    return validate


def _report(
    rule: Rule,
    level: Level,
    judgements: Iterable[Judgement],
    names: Mapping[str, str],
    accepted: Sequence[Exemption],
    report_violation: ReportViolation,
) -> None:
    """Report what is broken and not accepted. A policy has one level, so what a mandatory rule only advises is left
    to `mlops policy`. No value is printed: the engine hands secrets over in clear."""
    unknown: list[Judgement] = []
    for judged in judgements:
        if judged.verdict is Verdict.UNKNOWN:
            unknown.append(judged)
        if judged.verdict is not Verdict.BROKEN or (judged.advisory and level is Level.MANDATORY):
            continue
        if not any(one.covers(rule.id, judged.urn, names.get(judged.urn, "")) for one in accepted):
            report_violation(violation(rule, judged.path, judged.message), judged.urn or None)
    if unknown:
        raise engine.UnknownValueError(engine.UNKNOWN_STRING_VALUE, [unknown[0].path])


def violation(rule: Rule, path: str, message: str) -> str:
    """The sentence that the engine prints of a breach."""
    where = f"{path}: " if path else ""
    return f"{where}{message.rstrip('.')}. To mend it: {rule.fix}."


def resource_node(args: ResourceValidationArgs) -> Node:
    """What the engine knows of a resource, as the checks read it."""
    return Node(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        parent=args.opts.parent or "",
        inputs=plain(args.props),
        provider=args.provider.urn if args.provider else "",
        protect=args.opts.protect,
    )


def stack_graph(resources: Iterable[PolicyResource], registered: Mapping[str, Any]) -> Graph:
    """The stack as the engine sees it after the program has run.

    Args:
        registered: URN -> the inputs that the engine told before, as far as it told any.
    """
    nodes = tuple(_stack_node(resource, registered) for resource in resources)
    project_stack = nodes[0].urn.removeprefix("urn:pulumi:").split("::") if nodes else ["", ""]
    return Graph(project=project_stack[1], stack=project_stack[0], nodes=nodes)


def _stack_node(resource: PolicyResource, registered: Mapping[str, Any]) -> Node:
    properties = plain(resource.props)
    by_property = resource.property_dependencies.items()
    return Node(
        urn=resource.urn,
        type=resource.resource_type,
        name=resource.name,
        parent=resource.parent.urn if resource.parent else "",
        custom=resource.resource_type != "pulumi:pulumi:Stack" and ":index:" not in resource.resource_type,
        inputs=plain(registered[resource.urn]) if resource.urn in registered else properties,
        outputs=properties,
        dependencies=tuple(sorted(one.urn for one in resource.dependencies)),
        property_dependencies={key: tuple(sorted(one.urn for one in needed)) for key, needed in by_property if needed},
        provider=resource.provider.urn if resource.provider else "",
        protect=resource.opts.protect,
    )


def plain(value: Any) -> Any:
    """Properties without the wrapping that refuses to show what is not known: that reads `[unknown]`."""
    return normalise(_unwrapped(value))


def _unwrapped(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else value
    if isinstance(value, Mapping):
        items: Mapping[str, Any] = value if isinstance(value, dict) else value["__target"]
        return {key: _unwrapped(item) for key, item in items.items()}
    if isinstance(value, Sequence):
        entries: Any = value if isinstance(value, list | tuple) else value["__target"]  # type: ignore[call-overload]
        return [_unwrapped(item) for item in entries]
    return value if value is None or isinstance(value, bool | int | float) else {}
