"""The questions of `mlops init`: which tier, with what it is for and costs; which module fills each slot."""

import importlib
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops.cli import ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.choice.catalogue import Slot

NONE = "none"
"""The answer that leaves a slot empty."""


def ask(option: str, question: str, default: str) -> str:
    """One answer, on a line of its own.

    Raises:
        BadInputError: nobody can be asked; the option that is missing is named.
    """
    if not sys.stdin.isatty():
        raise BadInputError(f"--{option} is missing, and there is nobody to ask. `mlops init --help` shows how.")
    return str(typer.prompt(question, default=default, err=True)).strip()


def ask_tier(root: Path) -> str:
    """The tier, after a table of what each is for and costs."""
    from mlops.tiers import TIERS

    if sys.stdin.isatty():
        prices = monthly(root)
        rows = [(name, _purpose(name), f"${prices[name]:,.0f}" if name in prices else "") for name in TIERS]
        title = "Tiers, and what each costs a month in us-east-1 at list prices"
        ui.err().print(ui.table(title, "Tier", "For", ("A month", "right"), rows=rows))
    return ask("tier", f"Tier ({', '.join(TIERS)})", "dev")


def ask_modules(tier_name: str) -> list[str]:
    """Settings, as --set takes them, for the slots that are to be filled otherwise than the tier does. Slots that a
    platform can well be without are named and not asked for, unless the tier fills them."""
    from mlops.choice.catalogue import slots
    from mlops.choice.grid import SLOTS
    from mlops.tiers import TIERS, tier

    if tier_name not in TIERS:
        return []
    settings = tier(tier_name)
    chosen, further = list[str](), list[str]()
    for slot in slots():
        now = getattr(getattr(settings, slot.name), "kind", NONE)
        if now == NONE and slot.name not in SLOTS:
            further.append(f"{slot.name} ({', '.join(slot.kinds)})")
            continue
        _describe(slot)
        kind = ask(slot.name, f"{slot.name} ({', '.join((*slot.kinds, NONE))})", now)
        if kind != now:
            chosen.append(f"{slot.name}=null" if kind == NONE else f"{slot.name}.kind={kind}")
    ui.note(f"Further slots, each empty unless you fill it (`mlops modules`): {'; '.join(further)}.")
    return chosen


def monthly(root: Path) -> dict[str, Decimal]:
    """US dollars a month of each tier as it stands, priced like any stack; without those that cannot be priced."""
    from mlops.choice.trials import tried
    from mlops.cost.book import BookError
    from mlops.tiers import TIERS

    found: dict[str, Decimal] = {}
    with ui.err().status("Pricing the tiers …"):
        for name in TIERS:
            try:
                found[name] = tried(root, name, name=name).estimate.total
            except BookError:
                continue
    return found


def _purpose(name: str) -> str:
    """The first sentence of a tier's file, without its name."""
    text = importlib.import_module(f"mlops.tiers.{name}").__doc__ or ""
    return text.strip().splitlines()[0].partition(": ")[2].removesuffix(".")


def _describe(slot: "Slot") -> None:
    from mlops.core.module import kind_of, variants

    console = ui.err()
    console.print(f"{slot.name}: {slot.purpose}", markup=False, soft_wrap=True)
    for variant in variants(slot.config):
        card = variant.card
        console.print(f"  {kind_of(variant)}: {card.title}. {card.best_for}; not for {card.not_for}", markup=False)
