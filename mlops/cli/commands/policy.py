"""`mlops policy`: whether a stack is allowed, before anything exists."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from policies.engine import Report
    from policies.exemptions import Exemption

NOT_ALLOWED = 3
"""Exit code when a mandatory rule is broken and nobody has exempted it."""


def policy(
    stack: options.Stack = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", metavar="FILE", help="Judge a stack export, a preview or - instead of the plan."),
    ] = None,
    state: options.State = None,
    framework: Annotated[
        str | None,
        typer.Option("--framework", metavar="NAME", help="Only rules mapped to it: soc2, gdpr, hipaa, pci, cis."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show what is met as well.")] = False,
    rule: Annotated[str | None, typer.Option("--rule", metavar="ID", help="Explain a rule, and stop.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every rule, and stop.")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="List each type of resource with its rules, or why it has none.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show whether a stack is allowed: which rules its resources break, and how to mend that.

    Every resource of the plan is judged by the rules of its type: encryption,
    ways in, rights, backups, logs, pods. A value that is known only after the
    deployment is reported as unknown, never as met. What prod and enterprise
    must keep, dev may only be advised. Accept a breach for a while, with a
    reason and a last day, in exemptions.yaml. Ends with exit code 3 when a
    mandatory rule is broken without an exemption.

    \b
    mlops policy -s prod
    mlops policy -s prod --framework soc2
    mlops policy --rule k8s-run-as-non-root    what it demands, why, and the controls that it maps to
    mlops policy --coverage                    which type of resource is judged by what
    mlops policy --graph export.json           a deployed stack: pulumi stack export --file export.json
    mlops policy -s prod --markdown            for a comment below a pull request
    """
    from mlops.cli.views import policy as policy_view

    if rule or rules:
        policy_view.print_rules(rule, as_json=as_json)
        return
    if coverage:
        policy_view.print_coverage(_types(stack), as_json=as_json)
        return
    from policies.report import to_json, to_markdown

    report = judged(stack, graph, state)
    if framework:
        report = policy_view.of_framework(report, framework)
    if as_json:
        ui.print_json(to_json(report))
    elif markdown:
        sys.stdout.write(to_markdown(report))
    else:
        policy_view.print_report(report, every=every)
    policy_view.print_notes(report)
    if report.blocking:
        raise typer.Exit(NOT_ALLOWED)


def judged(stack: str | None, graph: Path | None = None, state: Path | None = None) -> "Report":
    """What the rules say of a stack, or of a file with its graph.

    Raises:
        BadInputError: the file or an exemption cannot be used.
    """
    from mlops.cli.planning import graph_in, planned, tier_of
    from policies import engine

    if graph and not stack:
        found = graph_in(graph, state)
        return engine.judge(found, tier_of(found), exemptions(Path.cwd()))
    target = options.target(stack)
    plan = planned(target)
    return engine.judge(graph_in(graph, state) if graph else plan.graph, plan.tier, exemptions(target.root))


def exemptions(root: Path) -> "tuple[Exemption, ...]":
    """What a project accepts for now.

    Raises:
        BadInputError: an entry cannot be used.
    """
    from mlops.core.clock import today
    from policies.exemptions import FILE, ExemptionError, read
    from policies.facts import facts

    try:
        return read(root / FILE, facts().rules, today())
    except ExemptionError as error:
        raise BadInputError(str(error)) from None


def _types(stack: str | None) -> set[str]:
    """The types of resources that the platform knows, and those that the stacks of the project make."""
    from localcloud.catalogue import KINDS
    from mlops.cli.planning import planned

    root = options.project_root()
    stacks = [stack] if stack else options.stack_names(root)
    made = {node.type for name in stacks for node in planned(options.target(name)).graph if node.custom}
    return made | KINDS.keys()
