"""Printing estimates for people."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from mlops.cli import ui
from mlops.cost import report
from mlops.cost.book import Book
from mlops.cost.estimate import Estimate
from mlops.cost.report import STACK_LEVEL, amount, module_total, money, unit_price

if TYPE_CHECKING:
    from rich.table import Table


def headline(estimate: Estimate) -> str:
    return (
        f"[bold]{estimate.project}/{estimate.stack}[/] · {estimate.region} · [bold]{money(estimate.total)} a month[/]: "
        f"{money(estimate.fixed)} for being there, {money(estimate.usage)} for use; "
        f"between {money(estimate.low)} and {money(estimate.high)}"
    )


def print_estimate(estimate: Estimate, budget: Decimal | None, *, lines: bool) -> None:
    """Totals by module, then every line."""
    console = ui.out()
    console.print(headline(estimate))
    console.print()
    console.print(_modules(estimate))
    if lines:
        console.print(_lines(estimate))
    print_budget(estimate, budget)


def print_budget(estimate: Estimate, budget: Decimal | None) -> None:
    if budget is None:
        return
    excess = report.over_budget(estimate, budget)
    state = f"[red]{money(excess)} over[/]" if excess else f"[green]{money(budget - estimate.total)} left[/]"
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
        ("Total", money(before.total), money(after.total), money(after.total - before.total, sign=True)),
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
        ui.note(f"{ui.counted(len(stood_in), 'price')} of {stood_in[0].region} stand in for {estimate.region}.")


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
    rows.append(("Total", money(estimate.fixed), money(estimate.usage), money(estimate.total), ""))
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
