"""Printing a published bill beside what the rules make of it."""

from mlops.cli import ui
from mlops.cli.errors import BadInputError
from mlops.core.problems import closest
from mlops.cost.bills import BILLS, Comparison, compare
from mlops.cost.book import load
from mlops.cost.report import amount, grouped, money, total, total_text, unit_price


def print_bill(name: str, *, as_json: bool) -> None:
    """The comparison of one bill."""
    if name not in BILLS:
        raise BadInputError(f'There is no bill "{name}".{closest(name, list(BILLS))} Allowed: {", ".join(BILLS)}.')
    found = compare(BILLS[name], load())
    if as_json:
        ui.print_json(_json(found))
        return
    console, bill = ui.out(), found.bill
    console.print(f"[bold]{bill.title}[/], {found.estimate.region}, {money(bill.total_usd)} a month as published")
    console.print(bill.remark)
    console.print()
    if found.lines:
        _print_named(found)
    rows = [
        (row.label, f"{amount(row.quantity)} {row.unit}", unit_price(row.unit_price), money(row.monthly))
        for row in grouped(found.forgotten)
    ]
    title = "What it forgot" if found.lines else "What such a fleet costs"
    columns = (("Quantity", "right"), ("Price", "right"), ("Monthly", "right"))
    console.print(ui.table(title, "Line", *columns, rows=rows))
    console.print(f"[bold]{total_text(found.estimate)} a month[/] by the rules, {money(bill.total_usd)} published.")


def _print_named(found: Comparison) -> None:
    rows = [
        (
            row.said.label,
            money(row.said.usd),
            money(row.usd),
            money(row.usd - row.said.usd, sign=True),
            f"${row.implied:.4f} a {row.ours[0].unit}",
            f"${row.ours[0].unit_price:.4f}",
        )
        for row in found.lines
    ]
    said, ours = total(row.said.usd for row in found.lines), total(row.usd for row in found.lines)
    rows.append(("Sum", money(said), money(ours), money(ours - said, sign=True), "", ""))
    names = ("Published", "By the rules", "Difference", "It implies", "The book says")
    ui.out().print(ui.table("What it names", "Line", *((name, "right") for name in names), rows=rows))


def _json(found: Comparison) -> dict[str, object]:
    return {
        "bill": found.bill.name,
        "title": found.bill.title,
        "published": float(found.bill.total_usd),
        "total": float(found.estimate.total),
        "lines": [
            {
                "label": row.said.label,
                "published": float(row.said.usd),
                "monthly": float(row.usd),
                "implied_unit_price": float(row.implied),
            }
            for row in found.lines
        ],
        "forgotten": [{"label": row.label, "monthly": float(row.monthly)} for row in grouped(found.forgotten)],
    }
