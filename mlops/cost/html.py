"""An estimate as one page of HTML that needs nothing else: for a mail, a wiki, an artefact of a build."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from mlops.cost.book import Book
from mlops.cost.estimate import Estimate
from mlops.cost.report import (
    STACK_LEVEL,
    amount,
    band_text,
    differences,
    module_total,
    money,
    objection,
    problems,
    rows,
    total_text,
    unit_price,
)
from mlops.cost.steps import next_steps

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%;margin:1em 0}"
    "td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:left}"
    ".n{text-align:right;white-space:nowrap}.bad{color:#a00;font-weight:bold}"
)


def to_html(estimate: Estimate, before: Estimate | None, book: Book, budget: Decimal | None) -> str:
    """Totals by module, what comes next, every line with its derivation and source, and what is not in the total."""
    title = f"{estimate.project}/{estimate.stack}: {total_text(estimate)} a month"
    parts = f"{money(estimate.fixed)} for being there, {money(estimate.usage)} for use; {band_text(estimate)}"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(f'{estimate.region}; {parts}.')}</p>"]
    if words := objection(estimate, budget):
        body.append(f'<p class="bad">{escape(words)}</p>')
    body += [f'<p class="bad">{escape(problem)}</p>' for problem in problems(estimate)]
    if before:
        changes = [
            (row.module or STACK_LEVEL, money(row.before), money(row.after), money(row.change, sign=True))
            for row in differences(before, estimate)
        ]
        changes.append(
            ("Total", total_text(before), total_text(estimate), money(estimate.total - before.total, sign=True))
        )
        body += _table(("Module", before.stack, estimate.stack, "Change"), changes)
    modules = [
        (name or STACK_LEVEL, *(money(module_total(held, kind)) for kind in ("fixed", "usage", None)))
        for name, held in estimate.by_module().items()
    ]
    modules.append(("Total", money(estimate.fixed), money(estimate.usage), total_text(estimate)))
    body += ["<h2>By module</h2>", *_table(("Module", "Fixed", "Usage", "Monthly"), modules)]
    if steps := [(step.what, money(step.usd, sign=True)) for step in next_steps(estimate, book)]:
        body += ["<h2>Next on the bill</h2>", *_table(("What", "A month"), steps)]
    lines = [
        (
            row.label,
            row.module or STACK_LEVEL,
            f"{amount(row.quantity)} {row.unit}",
            *_prices(row.unit_price, row.monthly),
        )
        for row in rows(estimate)
    ]
    body += ["<h2>Every line</h2>", *_table(("What", "Module", "Quantity", "Price", "Monthly"), lines)]
    sources = sorted({(price.source, book.source(price)) for price in estimate.prices()})
    body += ["<h2>Sources of the prices</h2>", *_table(("Source", "What it is"), sources)]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _prices(price: Decimal, monthly: Decimal) -> tuple[str, str]:
    return unit_price(price), money(monthly)


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    return ["<table>", _row("th", head), *(_row("td", cells) for cells in body), "</table>"]


def _row(tag: str, cells: Sequence[str]) -> str:
    made = (f"<{tag}{_number(cell)}>{escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{''.join(made)}</tr>"


def _number(cell: str) -> str:
    return ' class="n"' if cell.lstrip("+-<").startswith(("$", "at least $")) else ""
