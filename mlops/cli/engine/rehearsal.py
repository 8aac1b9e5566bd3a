"""A rehearsal: the life of a stack on the stand-in cloud, step by step, with state that is thrown away."""

import json
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from localcloud.engine import LocalCloud, LocalStack, Result
from mlops import settings, stacks
from mlops.cli import ui
from mlops.cli.engine.driver import as_data, cloud_for, demand, operate, stack_in
from mlops.cli.engine.real_server import OnServer, opened
from mlops.cli.errors import FailedError
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.cli.views.board import tally
from mlops.core.merge import merge
from mlops.plan.graph import Graph

PROTECTIONS = ("protect", "deletion_protection")
"""Settings that keep a resource from being deleted: by Pulumi, by the service itself."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation of a rehearsal, for the table and for machines."""

    name: str
    data: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        return float(self.data["seconds"])


@dataclass(kw_only=True)
class Rehearsal:
    """A stack in a cloud of its own, and the steps taken so far."""

    target: Target
    cloud: LocalCloud
    left_out: Sequence[str] = ()
    """Objects that a real API server was not sent: Helm releases, and kinds that only these would have brought."""
    steps: list[Step] = field(default_factory=list)

    def up(self, name: str, stack: LocalStack, graph: Graph) -> Result:
        return self._take(name, graph, stack.up)

    def destroy(self, stack: LocalStack) -> Result:
        """Destroy, and look whether anything is left.

        Raises:
            FailedError: something is.
        """
        result = self._take("destroy to nothing", stack.graph(), stack.destroy)
        self.expect(result)
        left = [*stack.graph(), *self.cloud.world]
        if left:
            names = ", ".join(sorted({one.name for one in left}))
            raise FailedError(f"After destroy something is left over: {names}.")
        return result

    def expect(self, result: Result) -> None:
        """Go on only after a success.

        Raises:
            FailedError: the operation failed.
            SystemExit: it was interrupted.
        """
        demand(result, f"The rehearsal of {self.target.stack}", "A rehearsal keeps nothing.")

    def _take(self, name: str, graph: Graph, call: Callable[..., Result]) -> Result:
        result, board = operate(f"{self.target.stack}: {name}", graph, call)
        self.steps.append(Step(name=name, data=as_data(result, board)))
        return result


@contextmanager
def rehearsal(target: Target, *graphs: Graph, on: OnServer | None = None) -> Generator[Rehearsal]:
    """A rehearsal in a folder that is gone afterwards, however it ends, as is what it made on a real API server.

    Args:
        graphs: what it will make at one time or another.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-rehearsal-")))
        server = stack.enter_context(opened(on, graphs)) if on else None
        cloud = stack.enter_context(cloud_for(target, folder / "cloud", api_server=server, throwaway=True))
        yield Rehearsal(target=target, cloud=cloud, left_out=server.left_out if server else ())


def life(target: Target, *, start: Target | None, on: OnServer | None, as_json: bool) -> None:
    """Up (from another stack's settings where asked for), up again without a change, destroy to nothing.

    Raises:
        FailedError: a step failed, the second up changed something, or something is left over.
    """
    graph = planned(target).graph
    before = [planned(start).graph] if start else []
    with rehearsal(target, *before, graph, on=on) as run:
        try:
            if start:
                _begin_as(run, start, graph)
            stack = stack_in(run.cloud, target)
            run.expect(run.up(f"change to {target.stack}" if start else "up", stack, graph))
            again = run.up("up again", stack, graph)
            run.expect(again)
            if again.changed:
                raise FailedError(f"A second up of {target.stack} is not without change: {tally(again.counts)}.")
            if any(node.protect for node in graph):
                stack = stack_in(run.cloud, target, unprotected(target))
                run.expect(run.up("up without protection", stack, graph))
            run.destroy(stack)
        finally:
            _show(run, as_json)
    if not as_json:
        there = f", on the API server of {escape(str(on.kubeconfig))} too" if on else ""
        said = f"[green]✓[/] {target.stack} came up, stayed as it was, and went without a trace{there}."
        ui.out().print(said, soft_wrap=True)


def _begin_as(run: Rehearsal, start: Target, then: Graph) -> None:
    """Bring another stack's settings up; what they protect and the change would delete loses its protection first."""
    graph = planned(start).graph
    first = stack_in(run.cloud, run.target, stacks.read(start.stack, start.root).config)
    run.expect(run.up(f"up as {start.stack}", first, graph))
    kept = {node.key for node in then}
    if any(node.protect and node.key not in kept for node in graph):
        first = stack_in(run.cloud, run.target, unprotected(start))
        run.expect(run.up(f"{start.stack} without protection", first, graph))


def unprotected(target: Target) -> dict[str, str]:
    """The stack's configuration with every protection off: what somebody does who means to destroy it."""
    file = stacks.read(target.stack, target.root)
    key = f"{file.project}:platform"
    platform = settings.resolve(file).platform.model_dump(mode="json")
    return {**file.config, key: json.dumps(merge(settings.override(file), _switched_off(platform)))}


def _switched_off(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that protect, turned off, and nothing else."""
    off: dict[str, Any] = {name: False for name, value in tree.items() if name in PROTECTIONS and value is True}
    for name, value in tree.items():
        if isinstance(value, Mapping) and (below := _switched_off(value)):
            off[name] = below
    return off


def _show(run: Rehearsal, as_json: bool) -> None:
    if as_json:
        steps = [{"step": step.name, **step.data} for step in run.steps]
        ui.print_json({"stack": run.target.stack, "steps": steps, "left_out": sorted(set(run.left_out))})
        return
    rows = [(step.name, tally(step.data["counts"]), f"{step.seconds:.1f}") for step in run.steps]
    if rows:
        ui.out().print(ui.table(f"Rehearsal of {run.target.stack}", "Step", "What", ("Seconds", "right"), rows=rows))
    if run.left_out:
        names = ", ".join(sorted(set(run.left_out)))
        ui.out().print(
            f"The API server was not sent (Helm installs these, or the kinds they need): {names}", markup=False
        )
