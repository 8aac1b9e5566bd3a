"""Rehearsing failures: resources that cannot be made the first time, and the way back.

Many are rehearsed in one life of the stack: resources of which none needs another fail in the same up, each for
its own sake, and one further up has to heal them all. Whom a failure kept from being tried waits for the next life.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.engine import Result
from localcloud.faults import Fault
from mlops.cli import ui
from mlops.cli.board import tally
from mlops.cli.engine import stack_in
from mlops.cli.errors import INTERRUPTED, BadInputError, FailedError
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.cli.rehearsal import rehearsal, unprotected
from mlops.plan.graph import Graph, Node
from mlops.plan.summary import short_type

TYPES, EACH = "types", "each"


@dataclass(frozen=True, kw_only=True)
class Life:
    """One life of the stack: who failed, and how long the way back took."""

    struck: tuple[Node, ...]
    heal_seconds: float
    seconds: float


def faults(target: Target, which: str, *, kubeconfig: Path | None, as_json: bool) -> None:
    """Let resources fail until each of the chosen ones has failed and been healed.

    Raises:
        FailedError: an up after a failure did not heal it, changed something later, or something was left over.
        BadInputError: no such resource.
    """
    graph = planned(target).graph
    waiting = list(victims(graph, which))
    total = len(waiting)
    lives: list[Life] = []
    while waiting:
        ui.err().print(f"{target.stack}: {total - len(waiting)} of {total} healed so far", markup=False, style="bold")
        lives.append(_live(target, graph, independent(graph, waiting), kubeconfig))
        waiting = [node for node in waiting if node not in lives[-1].struck]
    _show(target, lives, as_json)


def victims(graph: Graph, which: str) -> Sequence[Node]:
    """The resources that shall fail: the first of every type, each, or the one of a URN or a name.

    Raises:
        BadInputError: there is no such resource.
    """
    every = [node for node in graph.topological() if node.custom and not node.type.startswith("pulumi:")]
    if which == EACH:
        return every
    if which == TYPES:
        return list({node.type: node for node in reversed(every)}.values())[::-1]
    found = [node for node in every if which in (node.urn, node.name)]
    if not found:
        raise BadInputError(
            f'--fault takes {TYPES}, {EACH}, or the URN or name of a resource, and there is no "{which}" in '
            f"{graph.stack}. `mlops plan -s {graph.stack} --json` lists them."
        )
    return found


def independent(graph: Graph, waiting: Sequence[Node]) -> list[Node]:
    """Of the waiting, in order of need, those that need none of the others."""
    chosen: list[Node] = []
    below: set[str] = set()
    for node in graph.topological():
        needs = {*node.dependencies, node.parent, node.provider}
        if needs & below:
            below.add(node.urn)
        elif node in waiting:
            chosen.append(node)
            below.add(node.urn)
    return chosen


def _live(target: Target, graph: Graph, chosen: Sequence[Node], kubeconfig: Path | None) -> Life:
    """One life: an up in which they fail, one that heals, one without change, destroy to nothing."""
    started = time.monotonic()
    with rehearsal(target, kubeconfig) as run:
        stack = stack_in(run.cloud, target, unprotected(target))
        run.cloud.faults.pending.extend(Fault(selector=node.urn) for node in chosen)
        failed = run.up(f"up, {len(chosen)} to fail", stack, graph)
        struck = tuple(node for node in chosen if node.urn in run.cloud.faults.struck)
        run.cloud.faults.pending.clear()
        _check_failure(failed, struck, chosen)
        healed = run.up("up that heals", stack, graph)
        run.expect(healed)
        again = run.up("up again", stack, graph)
        run.expect(again)
        if again.changed:
            raise FailedError(f"After healing, a further up is not without change: {tally(again.counts)}.")
        run.destroy(stack)
    return Life(struck=struck, heal_seconds=healed.seconds, seconds=time.monotonic() - started)


def _check_failure(failed: Result, struck: Sequence[Node], chosen: Sequence[Node]) -> None:
    """The up must have failed, and for no other reason than the faults."""
    if failed.interrupted:
        raise SystemExit(INTERRUPTED)
    if not struck:
        raise FailedError(f"No fault struck of: {', '.join(node.name for node in chosen)}.")
    others = [failure for failure in failed.failures if failure.urn not in {node.urn for node in struck}]
    if others or not failed.failures:
        reasons = "; ".join(f"{failure.name or 'the program'}: {failure.message}" for failure in others)
        raise FailedError(f"The up with faults failed otherwise than by them: {reasons or 'it did not fail at all'}.")


def _show(target: Target, lives: Sequence[Life], as_json: bool) -> None:
    healed = sum(len(life.struck) for life in lives)
    seconds = sum(life.seconds for life in lives)
    if as_json:
        rows = [{**asdict(life), "struck": [node.urn for node in life.struck]} for life in lives]
        ui.print_json({"stack": target.stack, "healed": healed, "seconds": round(seconds, 2), "lives": rows})
        return
    table = [
        (str(number), str(len(life.struck)), _types(life.struck), f"{life.heal_seconds:.1f}", f"{life.seconds:.1f}")
        for number, life in enumerate(lives, 1)
    ]
    columns = (("Life", "right"), ("Failed", "right"), "Types", ("Healing, s", "right"), ("In all, s", "right"))
    ui.out().print(ui.table(f"Faults in {target.stack}", *columns, rows=table))
    ui.out().print(
        f"[green]✓[/] {ui.counted(healed, 'resource')} failed once; the next up healed each, and destroy left nothing "
        f"({seconds:.0f} s)."
    )


def _types(nodes: Sequence[Node]) -> str:
    return ", ".join(dict.fromkeys(short_type(node.type) for node in nodes))
