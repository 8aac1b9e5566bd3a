"""`mlops capacity`: what pods request against what nodes offer, and what would stay Pending."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import FAILED

if TYPE_CHECKING:
    from decimal import Decimal

    from mlops.capacity.fit import Capacity, GroupLoad
    from mlops.capacity.nodes import Group
    from mlops.capacity.remedy import Remedy
    from mlops.plan.graph import Graph

WHY = {
    "grows": "the autoscaler adds a node for them",
    "full": "the group is at its largest: raise max_size",
    "too large": "no node of the group is large enough: take a larger instance type",
    "no group": "no group has the labels they ask for, or all are tainted",
    "apart": "their own rules (affinity, spread, ports of the node) leave no node for them: loosen them, or add zones",
    "unknown machine": "nobody knows what this instance type offers: name one of the table",
}
NOT_KNOWN = 3
"""Exit code when what is counted fits, and something is not counted."""


def capacity(
    stack: options.Stack = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", metavar="FILE", help="Fill a stack export, a preview or - instead of the plan."),
    ] = None,
    state: options.State = None,
    pods: Annotated[bool, typer.Option("--pods", help="List every kind of pod with its requests.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show whether what runs on the cluster fits on its nodes, group by group, before there is a cluster.

    Offered is what is left of a node after the hypervisor, the kubelet and the eviction threshold. Daemons are
    counted on every node, add-ons, charts and GuardDuty's agent included. Rules
    of pods that are required (affinity, spread over zones, ports) keep them
    apart as the scheduler does. Ends with exit code 1 when pods would stay
    Pending, and with 3 when what is counted fits and something is not counted.

    \b
    mlops capacity -s prod
    mlops capacity -s prod --pods
    """
    from mlops.capacity.fit import capacity as fill
    from mlops.capacity.remedy import remedies
    from mlops.cli.commands.timeline import read_graph

    read = read_graph(stack, graph, state)
    made = fill(read)
    advice = [in_words(one, read) for one in remedies(read, made)]
    if as_json:
        ui.print_json({**_json(made), "remedies": advice})
    else:
        _print(made, pods=pods)
        for sentence in advice:
            ui.note(sentence)
    if made.stuck:
        raise typer.Exit(FAILED)
    if not made.complete:
        raise typer.Exit(NOT_KNOWN)


def in_words(remedy: "Remedy", graph: "Graph") -> str:
    """What to write into the stack file, and what it costs in a month."""
    from mlops.capacity.remedy import MoreNodes, setting

    group, where = remedy.group, setting(remedy.group)
    machine = group.machine.name if group.machine else "its type"
    if isinstance(remedy, MoreNodes):
        each = _monthly(graph, group, machine)
        price = f", ${each * remedy.more:,.0f} a month more at most" if each is not None else ""
        return f"{where}: set max_size to {remedy.nodes} (now {group.most}): {remedy.more} more {machine}{price}."
    wanted = f"{remedy.cpu / 1000:g} CPU and {remedy.memory / 1024:.1f} GiB"
    asks = f"{remedy.pods} asks for {wanted}, and {machine} has no room"
    if remedy.instance_type is None:
        return f"{where}: {asks}, nor has any of its family; choose a larger family for instance_types."
    each = _monthly(graph, group, remedy.instance_type)
    price = f", ${each:,.0f} a month each" if each is not None else ""
    return f"{where}: {asks}; set instance_types to {remedy.instance_type}{price}."


def _monthly(graph: "Graph", group: "Group", machine: str) -> "Decimal | None":
    """US dollars of a node for a month, without its volume; None where the book has no price."""
    from mlops.core.usage import MONTH_HOURS
    from mlops.cost.book import load
    from mlops.cost.estimate import region_of
    from mlops.cost.rules.compute import on_demand, spot

    wanted = spot if group.node.at("capacityType").text() == "SPOT" else on_demand
    price = load().find(region_of(graph), *wanted(machine))
    return price.usd * MONTH_HOURS if price else None


def _print(made: "Capacity", *, pods: bool) -> None:
    console = ui.out()
    if not made.groups:
        console.print("This stack has no node groups.")
        return
    columns = tuple((name, "right") for name in ("Nodes", "CPU", "", "Memory", "", "GPUs", "Pods"))
    rows = [_row(load) for load in made.groups]
    console.print(ui.table("Requested of what is offered", "Group", "Machine", *columns, rows=rows))
    if made.pending:
        waiting = [(row.pods.name, str(row.count), row.group or "-", WHY[row.why]) for row in made.pending]
        title = "No room at the desired size"
        console.print(ui.table(title, "Pods", ("Number", "right"), "Group", "", rows=waiting))
    if pods:
        console.print(_pods(made))
    if made.not_counted:
        ui.note(f"Not counted, because their pods are not known: {', '.join(made.not_counted)}.")
    if made.hidden:
        ui.note(f"Known only after the deployment; a default stands for it: {', '.join(map(str, made.hidden))}.")
    ui.note(_sentence(made))
    ui.note("Pods without requests count as one pod and no more; memory is what the kubelet lets pods have.")


def _sentence(made: "Capacity") -> str:
    if made.stuck:
        count = sum(row.count for row in made.stuck)
        return f"{count} pod{'' if count == 1 else 's'} would stay Pending."
    if made.complete:
        return "Everything that the stack runs fits."
    return "What is counted fits; whether the rest does is not known."


def _row(load: "GroupLoad") -> tuple[str, ...]:
    group = load.group
    size = f"{load.nodes}" + (f" of {group.least}–{group.most}" if group.least != group.most else "")
    return (
        group.node.name,
        group.machine.name if group.machine else "unknown type",
        size,
        f"{load.cpu / 1000:.1f} / {load.offered_cpu / 1000:.1f}",
        _share(load.cpu, load.offered_cpu),
        f"{load.memory / 1024:.1f} / {load.offered_memory / 1024:.1f} GiB",
        _share(load.memory, load.offered_memory),
        f"{load.gpus} / {group.offer.gpus * load.nodes}" if group.offer.gpus else "",
        f"{load.pods} / {group.offer.pods * load.nodes}",
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _pods(made: "Capacity") -> Any:
    rows = [
        (
            pods.module,
            pods.name,
            "each node" if pods.daemon else str(pods.replicas),
            f"{pods.cpu}m",
            f"{pods.memory} MiB",
            f"{pods.disk} MiB" if pods.disk else "",
            str(pods.gpus or ""),
            pods.assumed,
        )
        for pods in made.pods
    ]
    columns = tuple((name, "right") for name in ("Replicas", "CPU", "Memory", "Disk", "GPUs"))
    return ui.table("Pods and what each requests", "Module", "Pods", *columns, "Assumed from", rows=rows)


def _json(made: "Capacity") -> dict[str, Any]:
    return {
        "groups": [
            {
                "name": load.group.node.name,
                "instance_type": load.group.machine.name if load.group.machine else None,
                "nodes": {
                    "min": load.group.least,
                    "desired": load.group.desired,
                    "needed": load.nodes,
                    "max": load.group.most,
                },
                "offered_a_node": asdict(load.group.offer),
                "requested": {
                    "cpu": load.cpu,
                    "memory": load.memory,
                    "gpus": load.gpus,
                    "disk": load.disk,
                    "pods": load.pods,
                },
                "daemons_a_node": {"cpu": load.daemon_cpu, "memory": load.daemon_memory},
            }
            for load in made.groups
        ],
        "pending": [
            {"pods": row.pods.name, "count": row.count, "group": row.group, "why": row.why} for row in made.pending
        ],
        "not_counted": list(made.not_counted),
        "hidden": [str(one) for one in made.hidden],
    }
