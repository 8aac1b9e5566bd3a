"""The view of one plan for people: what will exist, what is protected, what the tier chose."""

from itertools import groupby

from rich.table import Table

from mlops.cli import ui
from mlops.plan.graph import Node
from mlops.plan.plan import Choice, Plan
from mlops.plan.summary import ModuleSummary, Summary, short_type, summarise
from mlops.plan.workloads import Workload, workloads

TYPES_SHOWN = 6


def show(made: Plan) -> None:
    """The whole view for people."""
    summary = summarise(made.graph)
    console = ui.out()
    console.print(headline(made, summary))
    console.print()
    console.print(_modules(summary.modules))
    if running := workloads(made.graph):
        console.print(_workloads(running))
    if summary.protected:
        console.print(_protected(summary.protected, made))
    console.print(_choices(made))


def headline(made: Plan, summary: Summary) -> str:
    packages = ", ".join(f"{number:,} {name}" for name, number in summary.packages)
    return (
        f"[bold]{made.graph.project}/{made.graph.stack}[/] · tier {made.tier} · "
        f"[bold]{ui.counted(summary.resources, 'resource')}[/] in {ui.counted(len(summary.modules), 'module')} "
        f"({packages}; {ui.counted(summary.components, 'component')})"
    )


def _modules(modules: tuple[ModuleSummary, ...]) -> Table:
    rows = [(row.name, f"{row.resources:,}", str(row.protected or ""), _types(row)) for row in modules]
    return ui.table("What will exist", "Module", ("Resources", "right"), ("Protected", "right"), "Of which", rows=rows)


def _types(module: ModuleSummary) -> str:
    shown = [f"{name} {number}" if number > 1 else name for name, number in module.types[:TYPES_SHOWN]]
    more = len(module.types) - TYPES_SHOWN
    return ", ".join(shown) + (f", and {more} more types" if more > 0 else "")


def _workloads(running: tuple[Workload, ...]) -> Table:
    rows = [
        (
            "/".join(filter(None, (one.namespace, one.name))),
            one.kind,
            one.replicas,
            one.image.rpartition(".amazonaws.com/")[2],
            one.role,
        )
        for one in running
    ]
    title = "What runs where; charts beside these: `mlops capacity`"
    return ui.table(title, "Namespace/name", "Kind", "Replicas", "Image", "IAM role", rows=rows)


def _protected(nodes: tuple[Node, ...], made: Plan) -> Table:
    rows = [(node.name, short_type(node.type), made.graph.module(node)) for node in nodes]
    title = "Protected: destroy refuses while these are"
    return ui.table(title, "Resource", "Type", "Module", rows=rows)


def _choices(made: Plan) -> Table:
    rows = [
        (part, ", ".join(_choice(choice) for choice in group))
        for part, group in groupby(made.choices, key=lambda choice: choice.part)
    ]
    return ui.table(
        f"Chosen by tier {made.tier}, and by the stack file (marked *), where it is not the default",
        "Part",
        "Settings",
        rows=rows,
    )


def _choice(choice: Choice) -> str:
    mark = "*" if choice.source == "stack file" else ""
    value = ui.shortened(choice.value, 48)
    return f"{choice.setting}{mark} {value}" if choice.setting else f"{value}{mark}"
