"""`mlops timeline`: how long a stack takes to come up, or to go, and what it waits for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui

if TYPE_CHECKING:
    from mlops.plan.graph import Graph
    from mlops.timeline.schedule import Schedule

BAR_WIDTH = 32


def timeline(
    stack: options.Stack = None,
    teardown: Annotated[bool, typer.Option("--teardown", help="The way down instead of the way up.")] = False,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", metavar="FILE", help="Time a stack export, a preview or - instead of the plan."),
    ] = None,
    state: options.State = None,
    as_json: options.Json = False,
) -> None:
    """Show how long a stack takes to come up: the critical path, the total, and the bound that no ordering beats.

    Times by type of resource come from logs of real deployments where there are any; each step says how many. The
    engine does as much at once as the dependencies allow, and so does this.

    \b
    mlops timeline -s prod
    mlops timeline -s prod --teardown    the order of deletion, and what is known to block it
    """
    from mlops.plan.reading import noted, told
    from mlops.timeline.schedule import schedule

    found = read_graph(stack, graph, state)
    with noted() as hidden:
        made = schedule(found, "delete" if teardown else "create")
    if words := told(hidden):
        ui.note(words)
    if as_json:
        ui.print_json(_json(made, found, teardown=teardown))
        return
    _print_headline(made, teardown=teardown)
    _print_path(made)
    _print_modules(made)
    if teardown:
        _print_obstacles(found)
    else:
        _print_savings(made)
    assumed = {step.node.type for step in made.steps.values() if step.duration.basis == "assumed"}
    ui.note(f"Nothing is known of {ui.counted(len(assumed), 'type')}: their times are assumed.")


def read_graph(stack: str | None, file: Path | None, state: Path | None = None) -> "Graph":
    """The graph of a stack's plan, or the one in a file."""
    from mlops.cli.planning import graph_in, planned

    return graph_in(file, state) if file else planned(options.target(stack)).graph


def _print_headline(made: "Schedule", *, teardown: bool) -> None:
    word = "down" if teardown else "up"
    steps = sum(step.end > step.start for step in made.steps.values())
    ui.out().print(
        f"[bold]{made.graph.project}/{made.graph.stack}[/] {word} in [bold]{ui.clock(made.total)}[/] "
        f"(between {ui.clock(made.sum_of('low'))} and {ui.clock(made.sum_of('high'))}), "
        f"{ui.counted(steps, 'resource')}; no ordering takes less than {ui.clock(made.bound)}, "
        f"this one {made.excess:.0%} more"
    )
    ui.out().print()


def _print_path(made: "Schedule") -> None:
    rows = []
    for step in made.critical_path():
        edge = step.waits_for
        why = "" if edge is None else f"{edge.why} ({edge.kind})" if edge.why else "ordered by hand, no known need"
        basis = f"{step.duration.basis}, {step.duration.samples} logs" if step.duration.samples else step.duration.basis
        rows.append((ui.clock(step.start), ui.clock(step.end - step.start), step.node.name, why, basis))
    columns = (("At", "right"), ("Takes", "right"))
    ui.out().print(ui.table("Critical path", *columns, "Resource", "Waits because of", "Known from", rows=rows))


def _print_modules(made: "Schedule") -> None:
    """A bar for each module, from its first step to its last."""
    spans: dict[str, tuple[float, float]] = {}
    for step in made.steps.values():
        if step.end > step.start:
            name = made.graph.module(step.node) or "(stack)"
            start, end = spans.get(name, (step.start, step.end))
            spans[name] = (min(start, step.start), max(end, step.end))
    rows = []
    for name, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        left = round(start / made.total * BAR_WIDTH)
        length = max(round((end - start) / made.total * BAR_WIDTH), 1)
        rows.append((name, ui.clock(start), ui.clock(end), " " * min(left, BAR_WIDTH - 1) + "█" * length))
    ui.out().print(ui.table("Modules in time", "Module", ("From", "right"), ("To", "right"), "", rows=rows))


def _print_savings(made: "Schedule") -> None:
    from mlops.timeline.schedule import savings

    graph = made.graph
    rows = [
        (graph[edge.after].name, graph[edge.before].name, ui.clock(seconds))
        for edge, seconds in savings(made)
        if seconds >= 1
    ]
    if rows:
        title = "Ordered by hand without a known need, on the critical path"
        ui.out().print(ui.table(title, "Resource", "Waits for", ("Alone costs", "right"), rows=rows))


def _print_obstacles(graph: "Graph") -> None:
    from mlops.timeline.obstacles import obstacles

    rows = []
    for obstacle in obstacles(graph):
        shown = ", ".join(obstacle.resources[:4]) + (", …" if len(obstacle.resources) > 4 else "")
        rows.append((obstacle.verdict, obstacle.what, shown, obstacle.advice))
    ui.out().print(ui.table("What is known to block a teardown", "", "What", "Resources", "", rows=rows))


def _json(made: "Schedule", graph: "Graph", *, teardown: bool) -> dict[str, Any]:
    from mlops.timeline.obstacles import obstacles

    document: dict[str, Any] = {
        "project": graph.project,
        "stack": graph.stack,
        "operation": made.operation,
        "seconds": {
            "total": made.total,
            "low": made.sum_of("low"),
            "high": made.sum_of("high"),
            "bound": made.bound,
        },
        "critical_path": [step.node.urn for step in made.critical_path()],
        "steps": [
            {
                "urn": urn,
                "type": step.node.type,
                "start": step.start,
                "end": step.end,
                "basis": step.duration.basis,
                "samples": step.duration.samples,
                "confidence": step.duration.confidence,
                "waits_for": step.waits_for and (step.waits_for.before if not teardown else step.waits_for.after),
                "kind": step.waits_for and step.waits_for.kind,
            }
            for urn, step in made.steps.items()
        ],
    }
    if teardown:
        document["obstacles"] = [
            {
                "what": obstacle.what,
                "verdict": obstacle.verdict,
                "resources": list(obstacle.resources),
                "advice": obstacle.advice,
                "seconds": obstacle.known.seconds if obstacle.known else None,
                "sources": list(obstacle.known.sources) if obstacle.known else [],
            }
            for obstacle in obstacles(graph)
        ]
    return document
