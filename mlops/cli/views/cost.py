"""Printing estimates for people."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.core import clock
from mlops.core.problems import closest
from mlops.cost import report
from mlops.cost.book import Book
from mlops.cost.estimate import Estimate
from mlops.cost.report import STACK_LEVEL, amount, module_total, money, unit_price
from mlops.cost.steps import idle_groups, next_steps

if TYPE_CHECKING:
    from rich.table import Table


def headline(estimate: Estimate) -> str:
    total = f"[bold]{report.total_text(estimate)} a month[/]"
    return (
        f"[bold]{estimate.project}/{estimate.stack}[/] · {estimate.region} · {total}: "
        f"{money(estimate.fixed)} for being there, {money(estimate.usage)} for use; {report.band_text(estimate)}"
    )


def print_estimate(estimate: Estimate, budget: Decimal | None, book: Book, *, lines: bool) -> None:
    """Totals by module, then every line."""
    console = ui.out()
    console.print(headline(estimate))
    console.print()
    console.print(_modules(estimate))
    if lines:
        console.print(_lines(estimate))
    print_budget(estimate, budget)
    print_steps(estimate, book)


def print_steps(estimate: Estimate, book: Book) -> None:
    """What the bill is of, and what comes next on it."""
    if idle := idle_groups(estimate):
        verb = "has" if len(idle) == 1 else "have"
        ui.out().print(f"This is the platform at rest: {' and '.join(idle)} {verb} no node yet.")
    if found := next_steps(estimate, book):
        words = "; ".join(
            f"{step.what} {'' if step.complete else 'at least '}{money(step.usd, sign=True)}" for step in found
        )
        ui.out().print(f"Next on the bill: {words}.")


def print_why(estimate: Estimate, word: str, book: Book, *, as_json: bool) -> None:
    """How each line came about whose label or resource holds a word."""
    held = [line for line in estimate.lines if word.lower() in f"{line.label} {line.resource}".lower()]
    absent = [problem for problem in report.problems(estimate) if word.lower() in problem.lower()]
    for problem in absent:
        ui.note(problem)
    if not held and not absent:
        labels = list(dict.fromkeys(line.label for line in estimate.lines))
        raise BadInputError(f'No line is named like "{word}".{closest(word, labels)} Without --why all are listed.')
    if as_json:
        ui.print_json({"lines": [report.line_json(line, book, clock.today()) for line in held]})
        return
    console = ui.out()
    for row in report.grouped(held):
        first = next(line for line in held if line.label == row.label and line.module == row.module)
        console.print(f"[bold]{row.label}[/]: {money(row.monthly)} a month", highlight=False)
        console.print(f"  {amount(row.quantity)} {row.unit} × {unit_price(row.unit_price)}", highlight=False)
        names = ", ".join(row.resources)
        console.print(f"  of {names} ({first.type or 'the stack'})", highlight=False, markup=False)
        for step in first.why or ("follows from the resource as it is",):
            console.print(f"  · {step}", highlight=False, markup=False)
        source = f"{book.source(first.price)} ({first.price.as_of})"
        console.print(f"  price of {first.price.region}: {source}", highlight=False, markup=False)


def print_budget(estimate: Estimate, budget: Decimal | None) -> None:
    if budget is None:
        return
    excess = report.over_budget(estimate, budget)
    left = f"[green]{money(budget - estimate.total)} left[/]" if estimate.complete else "[red]not known[/]"
    state = f"[red]{money(excess)} over[/]" if excess else left
    ui.out().print(f"Budget {money(budget)} a month: {state}.")


def print_comparison(before: Estimate, after: Estimate) -> None:
    """Two stacks side by side."""
    console = ui.out()
    console.print(headline(before))
    console.print(headline(after))
    console.print()
    rows = [
        (row.module or STACK_LEVEL, money(row.before), money(row.after), money(row.change, sign=True))
        for row in report.differences(before, after)
    ]
    rows.append(
        ("Total", report.total_text(before), report.total_text(after), money(after.total - before.total, sign=True)),
    )
    console.print(
        ui.table(
            "By module, a month",
            "Module",
            (before.stack, "right"),
            (after.stack, "right"),
            ("Change", "right"),
            rows=rows,
        )
    )


def print_notes(estimate: Estimate, book: Book, today: date) -> None:
    """What the figures do not hold, and how far they can be trusted."""
    for problem in report.problems(estimate):
        ui.note(problem)
    free = sum(row.count for row in estimate.free)
    used = estimate.prices()
    unverified = [price for price in used if not price.verified]
    stood_in = [price for price in used if price.asked_in]
    ui.note(f"{ui.counted(free, 'resource')} cost nothing by themselves (`--free` says why).")
    if age := report.ages(used, today):
        ui.note(
            f"{ui.counted(len(used), 'price')} used, {age[0]} to {age[1]} days old; "
            f"`mlops prices` shows the source and age of each, `mlops prices refresh` renews them."
        )
    if unverified:
        names = ", ".join(f"{price.service} {price.sku}" for price in unverified)
        ui.note(f"Of these from memory or derived, unverified: {names}.")
    if stood_in:
        borrowed = f"{ui.counted(len(stood_in), 'price')} of {stood_in[0].region} stand in for {estimate.region}"
        ui.note(f"{borrowed}: they are the same in every region, or in these two wherever both are known.")


def print_free(estimate: Estimate) -> None:
    """What costs nothing, and why."""
    rows = [(row.type, str(row.count), row.reason) for row in sorted(estimate.free, key=lambda row: row.type)]
    ui.out().print(ui.table("Free", "Type", ("Number", "right"), "Why", rows=rows))


def _modules(estimate: Estimate) -> "Table":
    rows = []
    for name, lines in estimate.by_module().items():
        monthly = module_total(lines)
        share = f"{monthly / estimate.total:.0%}" if estimate.total else ""
        amounts = (money(module_total(lines, "fixed")), money(module_total(lines, "usage")), money(monthly))
        rows.append((name or STACK_LEVEL, *amounts, share))
    rows.append(("Total", money(estimate.fixed), money(estimate.usage), report.total_text(estimate), ""))
    columns = (("Fixed", "right"), ("Usage", "right"), ("Monthly", "right"), ("Share", "right"))
    return ui.table("By module, a month", "Module", *columns, rows=rows)


def _lines(estimate: Estimate) -> "Table":
    rows, last = [], None
    for row in report.rows(estimate):
        count = f" ({len(row.resources)})" if len(row.resources) > 1 else ""
        rows.append(
            (
                "" if row.module == last else row.module or STACK_LEVEL,
                f"{row.label}{count}",
                f"{amount(row.quantity)} {row.unit}",
                unit_price(row.unit_price),
                money(row.monthly) + (" *" if row.kind == "usage" else "  "),
            )
        )
        last = row.module
    columns = (("Quantity", "right"), ("Price", "right"), ("Monthly", "right"))
    return ui.table("By line (* follows from use: see `usage` in the settings)", "Module", "What", *columns, rows=rows)
