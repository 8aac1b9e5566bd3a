"""`mlops cost`: what a stack costs a month, before anything exists."""

import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.core.budget import BudgetConfig
    from mlops.cost.book import Book
    from mlops.cost.estimate import Estimate

OVER_BUDGET = 3
"""Exit code when a stack costs more than its budget, or when nobody can know because something has no price."""


class Format(StrEnum):
    """How an estimate is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


def cost(
    stack: options.Stack = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="STACK", help="Show the difference to another stack.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", metavar="FILE", help="Price a stack export, a preview or - instead of the plan."),
    ] = None,
    state: options.State = None,
    usage: Annotated[
        Path | None, typer.Option("--usage", metavar="FILE", help="YAML with other usage than the settings say.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="USD", min=0, help="Monthly budget instead of the settings'.")
    ] = None,
    short: Annotated[bool, typer.Option("--short", help="Totals by module only.")] = False,
    free: Annotated[bool, typer.Option("--free", help="List what costs nothing, and why.")] = False,
    bill: Annotated[
        str | None,
        typer.Option("--bill", metavar="NAME", help="Hold a published bill against the rules: dev or scale."),
    ] = None,
    why: Annotated[
        str | None, typer.Option("--why", metavar="LINE", help="Show how lines named like this come about.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if anything has no price.")] = False,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Hold a budget against what has a price, and let the rest pass.")
    ] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to print it; html is one page that needs nothing else.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The same as --format markdown.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show what a stack costs in a month: by module, line by line, with a band, before anything exists.

    Every resource of the plan is priced by a rule, hidden lines included; what follows from use is marked and
    reckoned with the `usage` of the stack's settings. 730 hours a month, list prices, no taxes, no free tiers.
    A total that lacks a price says "at least", and is within no budget. Ends with exit code 3 when the stack is over
    its budget, or when nobody can know.

    \b
    mlops cost -s prod
    mlops cost -s prod --against dev     what prod costs more, module by module
    mlops cost -s prod --usage busy.yaml with another idea of its use
    mlops cost --graph export.json       a deployed stack: pulumi stack export --file export.json
    pulumi preview --json --show-sames | mlops cost --graph -
    mlops cost -s prod --why "data events"   what the line follows from, step by step
    mlops cost -s prod --strict          fail on anything that has no price
    mlops cost -s prod --markdown        for a comment below a pull request
    mlops cost -s prod --format html     a page for whoever pays
    mlops cost --bill dev                what a published $336 bill for such a platform forgot
    """
    from mlops.core.clock import today
    from mlops.cost import report
    from mlops.cost.steps import next_steps

    if bill:
        from mlops.cli.views.bill import print_bill

        print_bill(bill, as_json=as_json)
        return
    made, book, own_budget = estimated(stack, graph, usage, state)
    allowed = budget if budget is not None else own_budget and own_budget.monthly_usd
    limit = Decimal(str(allowed)) if allowed is not None else None
    other = estimated(against, None, usage)[0] if against else None
    chosen = _format(format_, markdown=markdown, as_json=as_json)
    if why:
        from mlops.cli.views.cost import print_why

        print_why(made, why, book, as_json=chosen is Format.JSON)
        return
    if chosen is Format.JSON:
        document = report.to_json(made, book, own_budget, today())
        document["budget"] = float(limit) if limit is not None else None
        document["next"] = [
            {"what": step.what, "monthly": float(step.usd), "complete": step.complete}
            for step in next_steps(made, book)
        ]
        if other:
            document["against"] = report.to_json(other, book, None, today())
        ui.print_json(document)
    elif chosen is Format.MARKDOWN:
        sys.stdout.write(report.to_markdown(made, other, limit))
    elif chosen is Format.HTML:
        from mlops.cost.html import to_html

        sys.stdout.write(to_html(made, other, book, limit))
    else:
        from mlops.cli.views import cost as cost_view

        if other:
            cost_view.print_comparison(other, made)
            cost_view.print_budget(made, limit)
        else:
            cost_view.print_estimate(made, limit, book, lines=not short)
        if free:
            cost_view.print_free(made)
        cost_view.print_notes(made, book, today())
    if words := report.objection(made, limit, allow_incomplete=allow_incomplete, strict=strict):
        ui.note(words)
        raise typer.Exit(OVER_BUDGET)


def _format(chosen: Format | None, *, markdown: bool, as_json: bool) -> Format:
    asked = {
        *([chosen] if chosen else []),
        *([Format.MARKDOWN] if markdown else []),
        *([Format.JSON] if as_json else []),
    }
    if len(asked) > 1:
        raise BadInputError(f"One format at a time: {', '.join(sorted(asked))} were asked for.")
    return asked.pop() if asked else Format.TEXT


def estimated(
    stack: str | None, graph: Path | None = None, usage: Path | None = None, state: Path | None = None
) -> "tuple[Estimate, Book, BudgetConfig | None]":
    """The estimate of a stack or of a file with its graph, the price book, and the stack's budget.

    Raises:
        BadInputError: the file, the usage or the region cannot be used.
    """
    from mlops.cli.planning import graph_in, planned, tier_of
    from mlops.cost.book import BookError, load
    from mlops.cost.estimate import estimate
    from mlops.cost.usage import budget_of, usage_of

    try:
        if graph and not stack:
            book, found = load(), graph_in(graph, state)
            return estimate(found, usage_of(tier_of(found), (), usage), book), book, None
        target = options.target(stack)
        plan = planned(target)
        book = load(target.root)
        priced = graph_in(graph, state) if graph else plan.graph
        made = estimate(priced, usage_of(plan.tier, plan.choices, usage), book)
        return made, book, budget_of(plan.choices)
    except BookError as error:
        raise BadInputError(str(error)) from None
