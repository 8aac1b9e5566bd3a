"""From two graphs to what happens to each resource, and what is lost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mlops.change.cascade import Replaced
from mlops.change.facts import Facts, Fate, applies, at, covers, effective, replaces
from mlops.change.held import held
from mlops.change.matching import match
from mlops.change.model import ChangeSet, Danger, Kind, PropertyChange, ResourceChange
from mlops.change.table import facts_of
from mlops.change.transitions import Step, kept, refusals
from mlops.change.translation import Translation, without_defaults
from mlops.plan.graph import Graph, Node
from mlops.plan.values import differing_paths

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
    replaced = Replaced()
    changes: list[ResourceChange] = []
    for old, new in matching.pairs:
        change = _changed(old, new, after, translation, replaced, deployed=deployed) if new.custom else None
        if change is not None:
            changes.append(change)
        if change is not None and change.kind is Kind.REPLACE:
            replaced.add(old, new, facts_of(new.type))
        else:
            translation.learn(old, new)
    added = [node for node in matching.added if node.custom]
    changes += [_added(node, after) for node in added]
    gone = {node.urn for node in matching.removed}
    changes += [_deleted(node, before, added, gone) for node in matching.removed if node.custom]
    changes = [held(change, changes, before, after, replaced) for change in changes]
    return ChangeSet(changes=tuple(sorted(changes, key=lambda change: _RANK.index(change.danger))))


def is_stateful(node: Node) -> bool:
    """Whether it holds data: by its type, or because whoever protects it says so."""
    facts = facts_of(node.type)
    return node.protect or bool(facts and facts.holds)


def _added(node: Node, graph: Graph) -> ResourceChange:
    return ResourceChange(kind=Kind.ADD, danger=Danger.NONE, node=node, module=graph.module(node))


def _deleted(node: Node, graph: Graph, added: Iterable[Node], gone: set[str]) -> ResourceChange:
    change = ResourceChange(kind=Kind.DELETE, danger=Danger.NONE, node=node, module=graph.module(node))
    facts = facts_of(node.type)
    # What belongs to something that goes as well, goes with it.
    if facts and facts.stays and not node.retain_on_delete and not gone.intersection(node.dependencies):
        return replace(change, danger=Danger.STAYS, fate=facts.stays, instead=facts.instead, source=facts.source)
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
    old: Node, new: Node, after: Graph, translation: Translation, replaced: Replaced, *, deployed: bool
) -> ResourceChange | None:
    facts = facts_of(new.type)
    inputs = translation(without_defaults(old.inputs, new.inputs))
    was = replace(old, inputs=inputs)
    properties = (*_tainted(old), *_properties(was, new, facts, replaced, deployed=deployed))
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
    judged = _judged(change, was, new, facts)
    if kind is Kind.REPLACE or judged.danger is Danger.LOSS:
        return judged
    return _refused(judged, was, new, replaced) or _waiting(judged, new, facts)


def _tainted(old: Node) -> tuple[PropertyChange, ...]:
    if not old.tainted:
        return ()
    note = "somebody tainted it; `pulumi state untaint` takes that back"
    return (PropertyChange(path="taint", before=True, after=None, replaces=True, note=note),)


def _refused(change: ResourceChange, old: Node, new: Node, replaced: Replaced) -> ResourceChange | None:
    """The change, if AWS or Kubernetes refuses it."""
    step = Step(before=old.inputs, after=kept(old, new), moved=replaced.moved(new))
    found = list(refusals(new.type, step))
    if not found:
        return None
    return replace(
        change,
        danger=Danger.REFUSED,
        fate="; ".join(refusal.words for refusal in found),
        instead=" ".join(dict.fromkeys(refusal.instead for refusal in found)),
        source="; ".join(dict.fromkeys(refusal.source for refusal in found)),
    )


def _waiting(change: ResourceChange, new: Node, facts: Facts | None) -> ResourceChange:
    """The change, with what of it happens later."""
    waits = facts.waits if facts else None
    if change.danger is not Danger.NONE or waits is None or not waits.properties & _tops(change.properties):
        return change
    if new.at(waits.at_once).flag():
        return replace(change, danger=Danger.STOPS, fate=f"at once, with a restart: {waits.at_once} is on")
    window = new.at(waits.window)
    hours = window.text() or " ".join(window.labels().values()) or f"that AWS chose, as no {waits.window} is given"
    return replace(
        change,
        danger=Danger.WAITS,
        fate=f"waits for the maintenance window, {hours}; until then it is as before",
        instead=f"{waits.at_once} brings it at once, with a restart.",
        source=waits.source,
    )


def _tops(properties: Iterable[PropertyChange]) -> set[str]:
    return {change.path.partition(".")[0].partition("[")[0] for change in properties}


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
    tops = _tops(properties) - set(_ALWAYS_UPDATED)
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
    old: Node, new: Node, facts: Facts | None, replaced: Replaced, *, deployed: bool
) -> tuple[PropertyChange, ...]:
    ignored = (*new.ignore_changes, *(("version",) if new.type.startswith(_PROVIDER) else ()))
    plain = [
        PropertyChange(path=path, before=one, after=two)
        for path, one, two in differing_paths(old.inputs, new.inputs)
        if not any(covers(other, path) for other in ignored) and not (one in _EMPTY and two in _EMPTY)
    ]
    plain += _renewed(new, [*(change.path for change in plain), *ignored], replaced)
    if facts is None:
        return tuple(plain)
    changes = [
        change
        for path in (*facts.replaced_by, *facts.sometimes)
        if not any(covers(other, path.rstrip("#")) for other in ignored)
        and (change := _replacing(path, old, new, facts, replaced, deployed=deployed)) is not None
    ]
    if reason := replaced.provider_reason(new, facts):
        changes.append(PropertyChange(path="provider", before=None, after=None, replaces=True, note=reason))
    same = [path for path in facts.sets if effective(old.inputs, path, facts) == effective(new.inputs, path, facts)]
    told = [*(change.path.rstrip("#") for change in changes), *same]
    return (*changes, *(change for change in plain if not any(covers(path, change.path) for path in told)))


def _renewed(new: Node, told: Sequence[str], replaced: Replaced) -> Iterator[PropertyChange]:
    """Properties that read the same and carry the identity of a replaced resource."""
    for path in new.property_dependencies:
        value = new.inputs.get(path)
        if not any(covers(path, other) or covers(other, path) for other in told) and (
            reason := replaced.reason(path, value, new, replacing=False)
        ):
            yield PropertyChange(path=path, before=value, after=value, note=reason)


def _replacing(
    path: str, old: Node, new: Node, facts: Facts, replaced: Replaced, *, deployed: bool
) -> PropertyChange | None:
    """The change of a property that replaces, or nothing where it does not."""
    one, two = (effective(node.inputs, path, facts) for node in (old, new))
    outputs = old.outputs if deployed else {}
    if path not in facts.sometimes and (note := replaced.reason(path, two, new, replacing=True)):
        return PropertyChange(path=path, before=one, after=two, replaces=True, note=note)
    if not replaces(facts, path, old.inputs, new.inputs, outputs):
        return None
    real = at(outputs, path) if one is None else one
    unsure = path in facts.chosen and real is None
    note = "unless it is what was chosen for it already" if unsure else ""
    return PropertyChange(path=path, before=real, after=two, replaces=True, note=note)
