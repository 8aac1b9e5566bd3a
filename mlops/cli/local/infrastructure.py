"""A stack kept on this machine: `up` and `destroy` on the stand-in cloud, state in `.local/`."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from localcloud.world import Thing
from mlops.cli import ui
from mlops.cli.engine import protection
from mlops.cli.engine.driver import as_data, cloud_for, demand, operate, stack_in
from mlops.cli.errors import BadInputError, FailedError
from mlops.cli.local import cluster as clusters
from mlops.cli.options import Target, belongs_here
from mlops.cli.planning import planned
from mlops.cli.views.board import tally
from mlops.local.stack import LocalStack
from mlops.plan.graph import Graph, Node
from mlops.plan.plan import Plan
from mlops.plan.summary import STACK_LEVEL, short_type

NAMES_SHOWN = 4


def folder(target: Target) -> Path:
    """Where the stack's state, its pretend cloud and its Kubernetes objects lie."""
    return target.root / ".local" / "stacks" / target.stack


@dataclass(frozen=True, kw_only=True)
class Up:
    """A stack that has come up."""

    outputs: Mapping[str, Any]
    things: tuple[Thing, ...]
    """What the stand-in cloud now holds."""
    data: Mapping[str, Any]
    """The same for a machine."""


def bring_up(target: Target, plan: Plan, *, as_json: bool, cluster: str | None = None, working: bool = False) -> Up:
    """Bring the stack up and show what there is; with `as_json` only its progress.

    Args:
        cluster: where its Kubernetes objects go besides the files; None for where they are already, if anywhere.
        working: whether the pods there are to work, on an emulated AWS.

    Raises:
        FailedError: a resource failed; with `as_json` the result was printed.
        BadInputError: the cluster cannot be used.
    """
    place = clusters.chosen(target, folder(target), cluster)
    server = clusters.opened(target, place, plan.graph, folder(target), working=working) if place else None
    with cloud_for(target, folder(target), api_server=server) as cloud:
        stack = stack_in(cloud, target)
        result, board = operate(f"up {target.stack}", plan.graph, stack.up)
        graph = stack.graph()
        kubernetes = cloud.kubernetes_folder
        things = tuple(cloud.world)
    data = {"stack": target.stack, **as_data(result, board), "outputs": result.outputs}
    if place and server:
        data |= {"cluster": place.context, "left_out": sorted(set(server.left_out))}
    if as_json and not result.ok:
        ui.print_json(data)
    demand(result, f"Bringing {target.stack} up", _goes_on("up", target))
    up = Up(outputs=result.outputs, things=things, data=data)
    if as_json:
        return up
    console = ui.out()
    if result.changed:
        console.print(_tree(graph, plan.graph))
    console.print(_outputs(result.outputs))
    if result.changed:
        console.print(f"[green]✓[/] {target.stack} is up: {tally(board.counts)} in {result.seconds:.1f} s.")
    else:
        held = sum(node.custom for node in graph)
        console.print(
            f"[green]✓[/] No change: the {ui.counted(held, 'resource')} of {target.stack} are as they should be "
            f"({result.seconds:.1f} s)."
        )
    shown = kubernetes.relative_to(target.root)
    console.print(f"  Kubernetes objects as YAML: {shown}. Down again: {_command('destroy', target)}", markup=False)
    if place and server:
        console.print(
            f"  The objects are on cluster {place.context} as well; `mlops local status` shows their pods.",
            markup=False,
        )
        if server.left_out:
            left_out = ", ".join(sorted(set(server.left_out)))
            console.print(f"  Not sent (Helm installs these, or the kinds they need): {left_out}", markup=False)
    return up


def take_down(target: Target, *, yes: bool, exclude_protected: bool, as_json: bool) -> None:
    """Destroy the stack and remove what it left on this machine.

    Raises:
        FailedError: something is protected, failed, or is left over.
    """
    if not folder(target).exists():
        _remove(target)
        _report({"stack": target.stack, "existed": False}, f"{target.stack} is not up; nothing to destroy.", as_json)
        _tell_stranded(target)
        return
    place = clusters.Cluster.noted(folder(target))
    server = clusters.opened(target, place, planned(target).graph, folder(target)) if place else None
    with cloud_for(target, folder(target), api_server=server) as cloud:
        stack = stack_in(cloud, target)
        graph = stack.graph()
        protected = protection.check(target, graph, exclude=exclude_protected, up=_command("up", target))
        _confirm(target, len(graph), yes=yes)

        def destroy(**options: Any) -> Any:
            return stack.destroy(**options, exclude_protected=exclude_protected)

        result, board = operate(f"destroy {target.stack}", graph, destroy)
        demand(result, f"Destroying {target.stack}", _goes_on("destroy", target))
        left = [*stack.graph(), *cloud.world]
    if left and not protected:
        names = ", ".join(sorted({one.name for one in left}))
        raise FailedError(f"{target.stack} is destroyed, but something is left over: {names}.")
    if place and not left:
        clusters.left_behind(target, place, graph.project)
    if not left:
        _remove(target)
    done = f"{tally(board.counts)} in {result.seconds:.1f} s"
    kept = f"; {len(protected)} protected ones and what they stand on are kept" if protected else ", nothing is left"
    _report(
        {"stack": target.stack, "existed": True, **as_data(result, board)}, f"{target.stack}: {done}{kept}.", as_json
    )


def _command(name: str, target: Target) -> str:
    """The command as it has to be given to mean this machine: without --here, another stack is one in the cloud."""
    here = "" if belongs_here(target) else " --here"
    return f"mlops {name} -s {target.given}{here}"


def _goes_on(name: str, target: Target) -> str:
    """What an operation that failed or was interrupted leaves."""
    return f"What had begun is finished and nothing is lost; `{_command(name, target)}` goes on from there."


def _confirm(target: Target, number: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInputError(f"Destroying {target.stack} needs --yes where nobody can be asked.")
    typer.confirm(f"Destroy {target.stack} with its {number} resources?", abort=True, err=True)


def _remove(target: Target) -> None:
    """Remove the stack's folder, and with the last stack everything that was kept for stacks."""
    services = LocalStack(target.root)
    if services.owner() == target.stack or (services.owner() is None and belongs_here(target)):
        services.remove()
    shutil.rmtree(folder(target), ignore_errors=True)
    above = folder(target).parent
    if not above.exists() or not any(above.iterdir()):
        shutil.rmtree(above.parent, ignore_errors=True)


def _tell_stranded(target: Target) -> None:
    from mlops.cli.local.stranded import hint

    if words := hint(target.root):
        ui.note(words)


def _report(data: Mapping[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        ui.print_json(data)
    else:
        ui.out().print(f"[green]✓[/] {escape(text)}")


def _tree(graph: Graph, plan: Graph) -> Tree:
    """Modules, below them types, and beside these the names, in the order of the plan: the engine's is by chance."""
    place = {node.urn: number for number, node in enumerate(plan)}
    modules: dict[str, dict[str, list[str]]] = {}
    for node in sorted(graph, key=lambda node: place.get(node.urn, len(place))):
        if node.custom and not _made_by_engine(node):
            types = modules.setdefault(graph.module(node) or STACK_LEVEL, {})
            types.setdefault(short_type(node.type), []).append(node.name)
    tree = Tree(f"[bold]{graph.project}/{graph.stack}[/]", guide_style="dim")
    for module, types in modules.items():
        branch = tree.add(f"[bold]{module}[/] [dim]{sum(map(len, types.values()))}[/]")
        for kind, names in types.items():
            number = f" ×{len(names)}" if len(names) > 1 else ""
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            branch.add(f"{kind}{number}  [dim]{escape(', '.join(names[:NAMES_SHOWN]) + more)}[/]")
    return tree


def _made_by_engine(node: Node) -> bool:
    """Default providers, which the engine adds for itself."""
    return node.type.startswith("pulumi:providers:") and "::default" in node.urn


def _outputs(outputs: Mapping[str, Any]) -> Table:
    rows = []
    for name, value in sorted(outputs.items()):
        if isinstance(value, Mapping):
            rows += [(f"{name}.{key}", str(item)) for key, item in sorted(value.items())]
        else:
            rows.append((name, str(value)))
    return ui.table("Outputs", "Name", "Value", rows=rows)
