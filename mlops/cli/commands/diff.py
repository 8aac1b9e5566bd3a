"""`mlops diff`: what a change does to what exists, and what data it would cost."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.plan.graph import Graph

DANGER = 4
"""Exit code when a resource that holds data would go and nobody has acknowledged it, or when a change is refused."""


def diff(
    stack: options.Stack = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REV", help="Compare with a git revision: origin/main, v1.2, HEAD~1."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Compare with a deployed stack: pulumi stack export --file FILE."),
    ] = None,
    acknowledged: Annotated[
        Path | None,
        typer.Option("--acknowledged", metavar="FILE", help="Losses that are wanted; else acknowledged.yaml here."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show what a change adds, updates in place, replaces and deletes, and what data goes with it.

    The head is the working tree, uncommitted changes included. Without --base
    and --state it is compared with what `mlops up -s STACK --here` brought up
    on this machine. A renamed resource with an alias is the same resource.

    Ends with exit code 4 when AWS or Kubernetes refuses a change on the way, or
    when a resource that holds data would be replaced or deleted, unless
    acknowledged.yaml names it with a reason and a last day:

    \b
    - {resource: storage-raw, change: delete, reason: ..., expires: 2026-12-31}

    \b
    mlops diff -s prod --base origin/main              what this branch does
    mlops diff -s prod --state export.json             what the next up does
    mlops diff -s prod --base origin/main --markdown   for a pull request
    """
    from mlops.change import acknowledged as acknowledgements
    from mlops.change import report
    from mlops.change.acknowledged import AcknowledgementError
    from mlops.change.classify import classify
    from mlops.cli import ui
    from mlops.cli.planning import planned
    from mlops.core.clock import today

    target = options.target(stack)
    if base is not None and state is not None:
        raise BadInputError("--base and --state cannot both be the base; choose one.")
    file = acknowledged or target.root / acknowledgements.FILE
    if acknowledged and not acknowledged.is_file():
        raise BadInputError(f"--acknowledged {acknowledged}: there is no such file.")
    try:
        entries = acknowledgements.of_stack(acknowledgements.read(file), target.stack)
        head = planned(target).graph
        before, words, head_words = _base(target, base, state)
        changes = classify(_named(before, head), head, deployed=base is None)
        allowed = acknowledgements.accepted(entries, changes, today(), file.name)
    except AcknowledgementError as error:
        raise BadInputError(str(error)) from None
    made = report.Report(stack=target.stack, base=words, head=head_words, changes=changes, acknowledged=allowed)
    if as_json:
        ui.print_json(report.to_json(made))
    elif markdown:
        sys.stdout.write(report.to_markdown(made))
    else:
        from mlops.cli.views import diff as diff_view

        diff_view.show(made)
    if not made.stands:
        raise typer.Exit(DANGER)


def _base(target: options.Target, base: str | None, state: Path | None) -> "tuple[Graph, str, str]":
    """The graph to compare with, what it is in words, and what the head is."""
    if base is not None:
        from mlops.cli import revision, ui

        found = revision.resolve(target, base)
        dirty = revision.has_uncommitted(target)
        with ui.err().status(f"Planning {target.stack} at {found} …"):
            graph = revision.planned_at(target, found)
        return graph, str(found), "the working tree, with uncommitted changes" if dirty else "the working tree"
    if state is not None:
        from mlops.cli.planning import graph_in
        from mlops.plan.sources import named

        return graph_in(state), f"the state in {named(state)}", "the working tree"
    from mlops.cli.local.state import read

    return read(target, ", or compare with a git revision: --base REV"), "what runs on this machine", "the working tree"


def _named(before: "Graph", head: "Graph") -> "Graph":
    """The base under the head's project and stack: an export may be that of another stack of the program."""
    return replace(before, project=head.project, stack=head.stack)
