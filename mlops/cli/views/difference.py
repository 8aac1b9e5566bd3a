"""The view of what tells two stacks apart."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from mlops.cli import ui
from mlops.plan.graph import Change, Difference, Graph, Node, difference
from mlops.plan.plan import Plan
from mlops.plan.summary import STACK_LEVEL, short_type, summarise

NAMES_SHOWN = 3
VALUE_WIDTH = 44


def show(before: Plan, after: Plan, *, as_json: bool) -> None:
    """What `after` has, lacks and says otherwise than `before`. Components are left out, except from the JSON."""
    found = difference(before.graph, after.graph)
    if as_json:
        ui.print_json(asdict(found))
        return
    old, new = before.graph, after.graph
    added, removed = _custom(found.added), _custom(found.removed)
    changes, names_only = _changes(found, old, new)
    sizes = [summarise(graph).resources for graph in (old, new)]
    console = ui.out()
    console.print(
        f"[bold]{old.stack} → {new.stack}[/] · tier {before.tier} → {after.tier} · "
        f"{sizes[0]:,} → {sizes[1]:,} resources: "
        f"[green]{len(added)} more[/], [red]{len(removed)} fewer[/], "
        f"[yellow]{ui.counted(len(changes), 'difference')}[/] in settings"
    )
    if added:
        console.print(_by_module(f"Only in {new.stack}", added, new))
    if removed:
        console.print(_by_module(f"Only in {old.stack}", removed, old))
    if changes:
        rows = [(module, _names(nodes), path, *values) for (module, path, *values), nodes in changes.items()]
        console.print(ui.table("Different", "Module", "Resources", "Property", old.stack, new.stack, rows=rows))
    if names_only:
        ui.note(f"Not shown: {names_only} properties that differ in the stack's name only.")


def _custom(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if node.custom]


def _by_module(title: str, nodes: list[Node], graph: Graph) -> Table:
    modules: dict[str, list[Node]] = {}
    for node in nodes:
        modules.setdefault(graph.module(node) or STACK_LEVEL, []).append(node)
    rows = [
        (name, str(len(held)), ", ".join(_many(short_type(node.type) for node in held)))
        for name, held in modules.items()
    ]
    return ui.table(title, "Module", ("Number", "right"), "Of which", rows=rows)


def _many(words: Iterable[str]) -> list[str]:
    return [f"{word} {number}" if number > 1 else word for word, number in Counter(words).most_common()]


_Key = tuple[str, str, str, str]
"""Module, property, value before, value after."""


def _changes(found: Difference, before: Graph, after: Graph) -> tuple[dict[_Key, list[str]], int]:
    """Resources by what changes in them, module by module; and how many changes are those of the stack's name."""
    changes: dict[_Key, list[str]] = {}
    names_only = 0
    for node in found.changed:
        module = after.module(node.after) or STACK_LEVEL
        for change in node.changes if node.after.custom else ():
            if _is_the_name(change, before, after):
                names_only += 1
                continue
            old, new = _shown(change.before, change.after), _shown(change.after, change.before)
            changes.setdefault((module, change.path, old, new), []).append(node.after.name)
    order = list(dict.fromkeys(after.module(node) or STACK_LEVEL for node in after))
    return dict(sorted(changes.items(), key=lambda item: order.index(item[0][0]))), names_only


def _shown(value: Any, other: Any) -> str:
    """A value; of a list, the entries that the other one lacks."""
    if value is None:
        return "-"
    if isinstance(value, list) and isinstance(other, list):
        own = [entry for entry in value if entry not in other]
        same = len(value) - len(own)
        value = ", ".join(ui.shortened(entry, VALUE_WIDTH) for entry in own)
        return f"{value or '-'}{f' (and {same} that both have)' if same else ''}"
    return ui.shortened(value, VALUE_WIDTH)


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


def _is_the_name(change: Change, before: Graph, after: Graph) -> bool:
    """Names and tags carry the stack's name; that two stacks are called differently is no news."""
    if not isinstance(change.before, str) or not isinstance(change.after, str):
        return False
    return change.before.replace(before.stack, after.stack) == change.after
