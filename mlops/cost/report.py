"""An estimate as data for machines and as Markdown for a review; and what tells two estimates apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from mlops.core.budget import BudgetConfig
from mlops.cost.book import Book, Price
from mlops.cost.estimate import Estimate
from mlops.cost.model import Kind, Line
from mlops.cost.rules.unread import NO_RULE

STACK_LEVEL = "(stack)"
"""Where lines that belong to no module are shown."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Lines of one module that say the same of several resources, taken together."""

    module: str
    label: str
    resources: tuple[str, ...]
    quantity: Decimal
    unit: str
    unit_price: Decimal
    monthly: Decimal
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class ModuleDifference:
    """A module in two estimates; 0 where one has it not. US dollars a month."""

    module: str
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        return self.after - self.before


def rows(estimate: Estimate) -> tuple[Row, ...]:
    """The lines, equal ones taken together, dearest first within each module."""
    order = list(estimate.by_module())
    return tuple(sorted(grouped(estimate.lines), key=lambda row: order.index(row.module)))


def grouped(lines: Iterable[Line]) -> tuple[Row, ...]:
    """Lines that say the same of several resources of a module taken together, dearest first."""
    alike: dict[tuple[str, str, str, Decimal, Kind], list[Line]] = {}
    for line in lines:
        alike.setdefault((line.module, line.label, line.unit, line.unit_price, line.kind), []).append(line)
    made = (
        Row(
            module=module,
            label=label,
            resources=tuple(dict.fromkeys(line.resource for line in held)),
            quantity=total(line.quantity for line in held),
            unit=unit,
            unit_price=price,
            monthly=total(line.monthly for line in held),
            kind=kind,
        )
        for (module, label, unit, price, kind), held in alike.items()
    )
    return tuple(sorted(made, key=lambda row: -row.monthly))


def differences(before: Estimate, after: Estimate) -> tuple[ModuleDifference, ...]:
    """Module by module, the largest change first."""
    sums = [{module: module_total(lines) for module, lines in one.by_module().items()} for one in (before, after)]
    modules = dict.fromkeys([*sums[1], *sums[0]])
    made = [
        ModuleDifference(module=name, before=sums[0].get(name, Decimal(0)), after=sums[1].get(name, Decimal(0)))
        for name in modules
    ]
    return tuple(sorted(made, key=lambda row: -abs(row.change)))


def module_total(lines: Iterable[Line], kind: Kind | None = None) -> Decimal:
    """US dollars a month."""
    return total(line.monthly for line in lines if kind in (None, line.kind))


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def ages(prices: Iterable[Price], today: date) -> tuple[int, int] | None:
    """Days of the newest and the oldest of some prices; None if none is dated."""
    days = [age for price in prices if (age := price.age_days(today)) is not None]
    return (min(days), max(days)) if days else None


def money(amount: Decimal, *, sign: bool = False) -> str:
    """`$1,234.56`, with a sign where asked for; what is there but less than a cent says so."""
    if 0 < abs(amount) < _CENT:
        return f"{'+' if sign and amount > 0 else '-' if amount < 0 else ''}<$0.01"
    mark = "-" if amount < 0 else "+" if sign else ""
    return f"{mark}${abs(amount):,.2f}"


def amount(quantity: Decimal) -> str:
    """A quantity without digits that nobody needs."""
    if 0 < quantity < Decimal("0.001"):
        return f"{quantity:.1g}"
    text = f"{quantity:,.3f}" if quantity < 100 else f"{quantity:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_price(price: Decimal) -> str:
    """A price per unit, all digits that matter."""
    text = f"{price:.8f}".rstrip("0")
    whole, _, digits = text.partition(".")
    return f"${whole}.{digits:0<2}"


def over_budget(estimate: Estimate, budget: Decimal | None) -> Decimal:
    """By how many US dollars an estimate exceeds a budget at the least; 0 if it does not."""
    return max(estimate.total - budget, Decimal(0)) if budget is not None else Decimal(0)


def objection(
    estimate: Estimate, budget: Decimal | None, *, allow_incomplete: bool = False, strict: bool = False
) -> str:
    """Why an estimate does not pass, as one sentence; empty if it does. What is not known in full is within no
    budget, unless somebody allows it."""
    if excess := over_budget(estimate, budget):
        return f"{total_text(estimate)} a month is {money(excess)} over the budget of {money(budget or Decimal(0))}."
    gaps = len(estimate.missing) + len(estimate.unpriced) + len(estimate.hidden)
    if not gaps:
        return ""
    if strict:
        return f"{gaps} parts of the stack have no price or no size, and --strict allows none."
    if budget is not None and not allow_incomplete:
        return (
            f"{gaps} parts of the stack have no price or no size, so that nobody knows whether it stays within "
            f"{money(budget)}. Add the prices (`mlops prices refresh`), or pass --allow-incomplete."
        )
    return ""


def total_text(estimate: Estimate) -> str:
    """The total, `at least $12.34` where something has no price."""
    return money(estimate.total) if estimate.complete else f"at least {money(estimate.total)}"


def band_text(estimate: Estimate) -> str:
    """`between $1.00 and $2.00`, or why there is no band."""
    if estimate.band is None:
        return "no band, because not everything has a price"
    low, high = estimate.band
    return f"between {money(low)} and {money(high)}"


def to_json(estimate: Estimate, book: Book, budget: BudgetConfig | None, today: date) -> dict[str, Any]:
    """Everything, as plain JSON. Amounts are numbers in US dollars a month."""
    return {
        "project": estimate.project,
        "stack": estimate.stack,
        "region": estimate.region,
        "currency": "USD",
        "monthly": {
            "total": float(estimate.total),
            "fixed": float(estimate.fixed),
            "usage": float(estimate.usage),
            "low": float(estimate.low) if estimate.complete else None,
            "high": float(estimate.high) if estimate.complete else None,
            "complete": estimate.complete,
        },
        "budget": budget.monthly_usd if budget else None,
        "modules": {name or STACK_LEVEL: float(module_total(lines)) for name, lines in estimate.by_module().items()},
        "lines": [line_json(line, book, today) for line in estimate.lines],
        "missing": [
            {
                "module": row.module,
                "resource": row.resource,
                "label": row.label,
                "quantity": float(row.quantity),
                "service": row.sku[0],
                "sku": row.sku[1],
                "region": row.region,
            }
            for row in estimate.missing
        ],
        "unpriced": [{"type": row.type, "resources": list(row.resources)} for row in estimate.unpriced],
        "hidden": [{"resource": row.resource, "path": row.path, "why": str(row.gap)} for row in estimate.hidden],
        "free": [{"type": row.type, "count": row.count, "reason": row.reason} for row in estimate.free],
    }


def line_json(line: Line, book: Book, today: date) -> dict[str, Any]:
    """A line with how it came about and where its price is from, as plain JSON."""
    return {
        "module": line.module or STACK_LEVEL,
        "resource": line.resource,
        "type": line.type,
        "label": line.label,
        "kind": line.kind,
        "quantity": float(line.quantity),
        "unit": line.unit,
        "unit_price": float(line.unit_price),
        "monthly": float(line.monthly),
        "low": float(line.low),
        "high": float(line.high),
        "why": list(line.why),
        "price": {
            "service": line.price.service,
            "sku": line.price.sku,
            "region": line.price.region,
            "as_of": line.price.as_of,
            "age_days": line.price.age_days(today),
            "source": book.source(line.price),
            "verified": line.price.verified,
        },
    }


def to_markdown(estimate: Estimate, before: Estimate | None, budget: Decimal | None) -> str:
    """For a comment below a pull request."""
    lines = [f"### {estimate.project}/{estimate.stack}: {total_text(estimate)} a month", ""]
    parts = f"{money(estimate.fixed)} for being there, {money(estimate.usage)} for use"
    lines += [f"{estimate.region}; {parts}; {band_text(estimate)}.", ""]
    if words := objection(estimate, budget):
        lines += [f"**{words}**", ""]
    if before:
        lines += _table(
            ("Module", before.stack, estimate.stack, "Change"),
            [
                (row.module or STACK_LEVEL, money(row.before), money(row.after), money(row.change, sign=True))
                for row in differences(before, estimate)
            ]
            + [("**Total**", *_totals(before, estimate))],
        )
    else:
        lines += _table(
            ("Module", "Fixed", "Usage", "Monthly"),
            [
                (name or STACK_LEVEL, *(money(module_total(held, kind)) for kind in ("fixed", "usage", None)))
                for name, held in estimate.by_module().items()
            ]
            + [("**Total**", money(estimate.fixed), money(estimate.usage), f"**{total_text(estimate)}**")],
        )
        lines += ["", "<details><summary>Every line</summary>", ""]
        lines += _table(
            ("Module", "What", "Quantity", "Price", "Monthly"),
            [
                (row.module or STACK_LEVEL, row.label, f"{amount(row.quantity)} {row.unit}", *_prices(row))
                for row in rows(estimate)
            ],
        )
        lines += ["", "</details>"]
    for problem in problems(estimate):
        lines += ["", f"> {problem}"]
    return "\n".join(lines) + "\n"


def problems(estimate: Estimate) -> Sequence[str]:
    """What the totals do not hold, one sentence each."""
    found = [
        f"Not in the total: {row.resource}, {row.label}: no rule reads {row.sku[1]}."
        if row.sku[0] == NO_RULE
        else f"Not in the total: {row.resource}, {row.label} ({amount(row.quantity)} a month): the price book has no "
        f"price of {row.sku[0]} {row.sku[1]} in {row.region}."
        for row in estimate.missing
    ]
    found += [
        f"Not in the total: {row.type} ({', '.join(row.resources)}): no rule knows what this type costs."
        for row in estimate.unpriced
    ]
    found += [f"Reckoned with a default: {one}." for one in estimate.hidden]
    return found


def _prices(row: Row) -> tuple[str, str]:
    return unit_price(row.unit_price), money(row.monthly)


def _totals(before: Estimate, after: Estimate) -> tuple[str, str, str]:
    return total_text(before), f"**{total_text(after)}**", f"**{money(after.total - before.total, sign=True)}**"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rule = [":--", *("--:" for _ in head[1:])]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (head, rule, *body)]
