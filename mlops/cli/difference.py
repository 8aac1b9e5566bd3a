"""Printing what tells two stacks apart."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from rich.table import Table

from mlops.cli import ui
from mlops.plan.graph import Change, ChangedNode, Difference, Graph, Node, difference
from mlops.plan.plan import Plan
from mlops.plan.summary import STACK_LEVEL, short_type, summarise


def print_difference(before: Plan, after: Plan, *, as_json: bool) -> None:
    """What `after` has, lacks and says otherwise than `before`."""
    found = difference(before.graph, after.graph)
    if as_json:
        ui.print_json(asdict(found))
        return
    old, new = before.graph.stack, after.graph.stack
    console = ui.out()
    sizes = [summarise(plan.graph).resources for plan in (before, after)]
    console.print(
        f"[bold]{old} → {new}[/] · tier {before.tier} → {after.tier} · {sizes[0]:,} → {sizes[1]:,} resources: "
        f"[green]{len(found.added)} more[/], [red]{len(found.removed)} fewer[/], "
        f"[yellow]{len(found.changed)} different[/]"
    )
    if not found:
        return
    console.print()
    if found.added:
        console.print(_by_module(f"Only in {new}", found.added, after.graph))
    if found.removed:
        console.print(_by_module(f"Only in {old}", found.removed, before.graph))
    _print_changes(found, before.graph, after.graph)


def _by_module(title: str, nodes: tuple[Node, ...], graph: Graph) -> Table:
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


def _print_changes(found: Difference, before: Graph, after: Graph) -> None:
    rows, names_only = [], 0
    for node in found.changed:
        for change in node.changes:
            if _is_the_name(change, before, after):
                names_only += 1
            else:
                rows.append(_row(node, change, after))
    if rows:
        console = ui.out()
        console.print(ui.table("Different", "Module", "Resource", "Property", before.stack, after.stack, rows=rows))
    if names_only:
        ui.note(f"Not shown: {names_only} properties that differ in the stack's name only.")


def _row(node: ChangedNode, change: Change, after: Graph) -> tuple[str, ...]:
    values = ["-" if value is None else ui.shortened(value, 44) for value in (change.before, change.after)]
    return (after.module(node.after) or STACK_LEVEL, node.after.name, change.path, *values)


def _is_the_name(change: Change, before: Graph, after: Graph) -> bool:
    """Names and tags carry the stack's name; that two stacks are called differently is no news."""
    if not isinstance(change.before, str) or not isinstance(change.after, str):
        return False
    return change.before.replace(before.stack, after.stack) == change.after
