"""From two graphs to what happens to each resource, and what is lost."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mlops.change.facts import ABSENT, Facts, Fate, applies, at
from mlops.change.matching import match
from mlops.change.model import ChangeSet, Danger, Kind, PropertyChange, ResourceChange
from mlops.change.table import facts_of
from mlops.change.translation import Translation, without_defaults
from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN, differing_paths

_ALWAYS_UPDATED = ("tags", "tagsAll")
"""Tags of AWS resources; `tftags.TagsSchema()` of the provider is optional and never `ForceNew`."""
_EMPTY = (None, "", [], {})
_PROVIDER = "pulumi:providers:"
_RANK = list(Danger)


def classify(before: Graph, after: Graph, *, deployed: bool = False) -> ChangeSet:
    """What it takes to come from one graph to the other.

    Args:
        deployed: `before` is the state of a deployed stack, so that its outputs are real.
    """
    matching = match(before, after)
    translation = Translation()
    replaced: dict[str, Node] = {}
    changes: list[ResourceChange] = []
    for old, new in matching.pairs:
        change = _changed(old, new, after, translation, replaced, deployed=deployed) if new.custom else None
        if change is not None:
            changes.append(change)
        if change is not None and change.kind is Kind.REPLACE:
            replaced[new.urn] = old
        else:
            translation.learn(old, new)
    added = [node for node in matching.added if node.custom]
    changes += [_added(node, after) for node in added]
    changes += [_deleted(node, before, added) for node in matching.removed if node.custom]
    return ChangeSet(changes=tuple(sorted(changes, key=lambda change: _RANK.index(change.danger))))


def is_stateful(node: Node) -> bool:
    """Whether it holds data: by its type, or because whoever protects it says so."""
    facts = facts_of(node.type)
    return node.protect or bool(facts and facts.holds)


def _added(node: Node, graph: Graph) -> ResourceChange:
    return ResourceChange(kind=Kind.ADD, danger=Danger.NONE, node=node, module=graph.module(node))


def _deleted(node: Node, graph: Graph, added: Iterable[Node]) -> ResourceChange:
    change = ResourceChange(kind=Kind.DELETE, danger=Danger.NONE, node=node, module=graph.module(node))
    facts = facts_of(node.type)
    if not is_stateful(node):
        stops = facts.stops if facts else ""
        return replace(change, danger=Danger.STOPS if stops else Danger.NONE)
    return replace(
        change,
        danger=Danger.LOSS,
        holds=_holds(facts),
        fate=fate_of(node, facts, "delete"),
        instead=_instead_of_deletion(node, added),
    )


def _instead_of_deletion(node: Node, added: Iterable[Node]) -> str:
    successors = [other.name for other in added if other.type == node.type]
    if successors:
        return (
            f"If {' or '.join(successors)} is the same resource under a new name, give it "
            f'aliases=[pulumi.Alias(name="{node.name}")]: then nothing is deleted. Otherwise copy the data first.'
        )
    return (
        "Keep it in the program; or set retain_on_delete=True and deploy that first: then it stays in the account, "
        "outside the stack."
    )


def _changed(
    old: Node, new: Node, after: Graph, translation: Translation, replaced: Mapping[str, Node], *, deployed: bool
) -> ResourceChange | None:
    facts = facts_of(new.type)
    inputs = translation(without_defaults(old.inputs, new.inputs))
    was = replace(old, inputs=inputs)
    properties = _properties(was, new, facts, replaced, deployed=deployed)
    options = _options(old, new)
    if not properties and not options:
        return None
    kind = _kind(new, properties, facts)
    change = ResourceChange(
        kind=kind,
        danger=Danger.NONE,
        node=new,
        module=after.module(new),
        properties=(*properties, *options),
        former_name=old.name if old.name != new.name else "",
        source=facts.source if facts and kind is Kind.REPLACE else "",
    )
    return _judged(change, was, new, facts)


def _judged(change: ResourceChange, old: Node, new: Node, facts: Facts | None) -> ResourceChange:
    if change.kind is Kind.REPLACE and is_stateful(old):
        return replace(
            change,
            danger=Danger.LOSS,
            holds=_holds(facts),
            fate=fate_of(old, facts, "replace"),
            instead=facts.instead if facts else "",
        )
    if change.kind is Kind.REPLACE and facts and facts.stops:
        return replace(change, danger=Danger.STOPS, fate=facts.stops)
    if change.kind is Kind.NOT_KNOWN:
        return replace(change, danger=Danger.NOT_KNOWN, holds=_holds(facts) if is_stateful(old) else "")
    before, after = fate_of(old, facts, "delete"), fate_of(new, facts, "delete")
    if is_stateful(old) and before != after and _safety(old, facts) > _safety(new, facts):
        return replace(
            change, danger=Danger.UNGUARDED, holds=_holds(facts), fate=f"deletion meant: {before}; then: {after}"
        )
    return change


def _safety(node: Node, facts: Facts | None) -> int:
    """Rank of what happens on deletion, the safest highest."""
    if node.protect:
        return 3
    if node.retain_on_delete:
        return 2
    fate = _fate(node, facts)
    return int(fate is not None and fate.keeps)


def _fate(node: Node, facts: Facts | None) -> Fate | None:
    return next((fate for fate in facts.fates if applies(fate, node.inputs)), None) if facts else None


def _holds(facts: Facts | None) -> str:
    return facts.holds if facts and facts.holds else "what somebody protected"


def fate_of(node: Node, facts: Facts | None, what: str) -> str:
    """What happens to a resource's data when it is deleted or replaced as it is."""
    if node.protect:
        return f"blocked by protect: Pulumi refuses to {what} it, and what comes before it in the order is done"
    if node.retain_on_delete:
        return "kept by retainOnDelete: it stays in the account, outside the stack"
    fate = _fate(node, facts)
    return fate.words.format(value=at(node.inputs, fate.path)) if fate else "deleted"


def _kind(node: Node, properties: tuple[PropertyChange, ...], facts: Facts | None) -> Kind:
    if any(change.replaces for change in properties):
        return Kind.REPLACE
    tops = {change.path.partition(".")[0].partition("[")[0] for change in properties} - set(_ALWAYS_UPDATED)
    if tops and (facts is None or tops & facts.unread):
        return Kind.NOT_KNOWN
    return Kind.UPDATE


def _options(old: Node, new: Node) -> tuple[PropertyChange, ...]:
    """Changes of the options that decide about deletion."""
    options = (
        ("protect", old.protect, new.protect),
        ("retainOnDelete", old.retain_on_delete, new.retain_on_delete),
    )
    return tuple(
        PropertyChange(path=path, before=before, after=after) for path, before, after in options if before != after
    )


def _properties(
    old: Node, new: Node, facts: Facts | None, replaced: Mapping[str, Node], *, deployed: bool
) -> tuple[PropertyChange, ...]:
    ignored = (*new.ignore_changes, *(("version",) if new.type.startswith(_PROVIDER) else ()))
    plain = [
        PropertyChange(path=path, before=one, after=two)
        for path, one, two in differing_paths(old.inputs, new.inputs)
        if not any(_covers(other, path) for other in ignored) and not (one in _EMPTY and two in _EMPTY)
    ]
    if facts is None:
        return tuple(plain)
    changes = [
        change
        for path in (*facts.replaced_by, *facts.sometimes)
        if not any(_covers(other, path) for other in ignored)
        and (change := _replacing(path, old, new, facts, replaced, deployed=deployed)) is not None
    ]
    same = [path for path in facts.sets if _value(old, path, facts) == _value(new, path, facts)]
    told = [*(change.path for change in changes), *same]
    return (*changes, *(change for change in plain if not any(_covers(path, change.path) for path in told)))


def _value(node: Node, path: str, facts: Facts) -> Any:
    """The value in effect: defaults filled in, unset as None, lists without order sorted."""
    value = at(node.inputs, path)
    if value in ABSENT:
        return facts.defaults.get(path)
    return sorted(value, key=json.dumps) if path in facts.sets and isinstance(value, list) else value


def _replacing(
    path: str, old: Node, new: Node, facts: Facts, replaced: Mapping[str, Node], *, deployed: bool
) -> PropertyChange | None:
    """The change of a property that replaces, or nothing where it does not."""
    one, two = (_value(node, path, facts) for node in (old, new))
    renewed = _renewed(path, two, new, replaced)
    if renewed:
        return PropertyChange(
            path=path, before=one, after=two, replaces=True, note=f"{renewed} is replaced, so this is new"
        )
    if one == two:
        return None
    if path in facts.sometimes:
        return (
            PropertyChange(path=path, before=one, after=two, replaces=True)
            if facts.sometimes[path](old.inputs, new.inputs)
            else None
        )
    if path in facts.chosen and two is None:
        return None
    if path in facts.chosen and one is None:
        real = at(old.outputs, path) if deployed else None
        if real is not None and real == two:
            return None
        note = "" if real is not None else "unless it is what was chosen for it already"
        return PropertyChange(path=path, before=real, after=two, replaces=True, note=note)
    return PropertyChange(path=path, before=one, after=two, replaces=True)


def _renewed(path: str, value: Any, node: Node, replaced: Mapping[str, Node]) -> str:
    """Name of a replaced resource whose new identity this value carries."""
    text = json.dumps(value)
    for urn in node.property_dependencies.get(path.partition(".")[0], ()):
        source = replaced.get(urn)
        if source is not None and source.id and _is_generated(source) and (source.id in text or UNKNOWN in text):
            return source.name
    return ""


def _is_generated(node: Node) -> bool:
    """Whether AWS makes its id up; one that is a given name is the same afterwards."""
    return node.id not in _leaves(node.inputs)


def _leaves(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set[str]().union(*(_leaves(item) for item in value.values()))
    return {value} if isinstance(value, str) else set()


def _covers(path: str, other: str) -> bool:
    """Whether `other` lies at or under `path`."""
    one, two = (text.replace("[", ".").split(".") for text in (path, other))
    return two[: len(one)] == one
