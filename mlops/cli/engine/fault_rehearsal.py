"""Rehearsing failures: resources that cannot be made the first time, and the way back.

All happens in one life of the stack. Every chosen resource fails when it is tried first, and the engine then stops
what it has not begun; the next up has to make it, while others, tried first now, fail in their turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.engine import Result
from localcloud.faults import Fault
from mlops.cli import ui
from mlops.cli.engine.driver import stack_in
from mlops.cli.engine.real_server import OnServer
from mlops.cli.engine.rehearsal import Rehearsal, rehearsal, unprotected
from mlops.cli.errors import INTERRUPTED, BadInputError, FailedError
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.cli.views.board import tally
from mlops.plan.graph import Graph, Node
from mlops.plan.summary import short_type

TYPES, EACH = "types", "each"


@dataclass(frozen=True, kw_only=True)
class Round:
    """One up: who failed in it. Whoever failed in the round before was made."""

    struck: tuple[Node, ...]
    seconds: float


def faults(target: Target, which: str, *, on: OnServer | None, as_json: bool) -> None:
    """Let resources fail until each of the chosen ones has failed and been made by the next up.

    Raises:
        FailedError: a resource failed twice or for another reason, a last up changed something, or something was
            left over.
        BadInputError: no such resource.
    """
    graph = planned(target).graph
    chosen = victims(graph, which)
    with rehearsal(target, graph, on=on) as run:
        rounds = _rounds(run, graph, chosen)
        stack = stack_in(run.cloud, target, unprotected(target))
        again = run.up("up again", stack, graph)
        run.expect(again)
        if again.changed:
            raise FailedError(f"After all has healed, a further up is not without change: {tally(again.counts)}.")
        run.destroy(stack)
        _show(run, rounds, as_json)


def victims(graph: Graph, which: str) -> Sequence[Node]:
    """The resources that shall fail: the first of every type, each, or the one of a URN or a name.

    Raises:
        BadInputError: there is no such resource.
    """
    every = [node for node in graph.topological() if node.custom and not node.type.startswith("pulumi:")]
    if which == EACH:
        return every
    if which == TYPES:
        first: dict[str, Node] = {}
        for node in every:
            first.setdefault(node.type, node)
        return list(first.values())
    found = [node for node in every if which in (node.urn, node.name)]
    if not found:
        raise BadInputError(
            f'--fault takes {TYPES}, {EACH}, or the URN or name of a resource, and there is no "{which}" in '
            f"{graph.stack}. `mlops plan -s {graph.stack} --json` lists them."
        )
    return found


def _rounds(run: Rehearsal, graph: Graph, chosen: Sequence[Node]) -> list[Round]:
    """Ups until one succeeds. Protection is off from the start: it is no part of this."""
    stack = stack_in(run.cloud, run.target, unprotected(run.target))
    faults = run.cloud.faults
    faults.pending.extend(Fault(selector=node.urn) for node in chosen)
    rounds: list[Round] = []
    while True:
        before = len(faults.struck)
        result = run.up(f"up {len(rounds) + 1}, {before} of {len(chosen)} have failed", stack, graph)
        struck = [node for node in chosen if node.urn in faults.struck[before:]]
        rounds.append(Round(struck=tuple(struck), seconds=result.seconds))
        if result.ok:
            break
        _check(result, struck)
    made = {node.urn for node in stack.graph()}
    missing = [node.name for node in chosen if node.urn not in made or node.urn not in faults.struck]
    if missing:
        raise FailedError(f"The last up succeeded, but these were not made, or never failed: {', '.join(missing)}.")
    return rounds


def _check(failed: Result, struck: Sequence[Node]) -> None:
    """The up must have failed by the faults that are new in it, and by nothing else."""
    if failed.interrupted:
        raise SystemExit(INTERRUPTED)
    others = [failure for failure in failed.failures if failure.urn not in {node.urn for node in struck}]
    if others:
        lines = [f"  {failure.name or 'the program'}: {failure.message}" for failure in others]
        raise FailedError("\n".join(["An up failed otherwise than by a first fault:", *lines]))


def _show(run: Rehearsal, rounds: Sequence[Round], as_json: bool) -> None:
    struck = sum(len(one.struck) for one in rounds)
    seconds = sum(step.seconds for step in run.steps)
    if as_json:
        rows = [{"struck": [node.urn for node in one.struck], "seconds": round(one.seconds, 2)} for one in rounds]
        ui.print_json({"stack": run.target.stack, "healed": struck, "seconds": round(seconds, 2), "ups": rows})
        return
    table = [
        (str(number), str(len(one.struck)), _types(one.struck) or "none: all has healed", f"{one.seconds:.1f}")
        for number, one in enumerate(rounds, 1)
    ]
    columns = (("Up", "right"), ("Failed", "right"), "Of type", ("Seconds", "right"))
    ui.out().print(ui.table(f"Faults in {run.target.stack}", *columns, rows=table))
    noun = "resource" if struck == 1 else "resources"
    ui.out().print(
        f"[green]✓[/] {struck:,} {noun} failed once and came up with the next up; a last up changed nothing and "
        f"destroy left nothing ({seconds:.0f} s in all)."
    )


def _types(nodes: Sequence[Node]) -> str:
    return ", ".join(dict.fromkeys(short_type(node.type) for node in nodes))
