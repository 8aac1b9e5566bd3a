"""`mlops modules`: the catalogue of slots and variants."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from mlops.cli.catalogue import Slot
    from mlops.core.module import SlotConfig


def modules(
    slot: Annotated[str | None, typer.Argument(help="Only this slot, with every setting of its variants.")] = None,
    kind: Annotated[str | None, typer.Argument(help="Only this variant of the slot.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the slots of the platform and the variants that can fill them.

    Each variant says what it is best for, what not, what running it asks of a
    team, and what it trades.

    \b
    mlops modules                     every slot and variant
    mlops modules data_pipeline       one slot, with all settings
    mlops modules data_pipeline kafka
    mlops modules --json

    A stack file chooses a variant by its kind:

    \b
    platform:
      data_pipeline: {kind: kafka, brokers: 3}
    """
    from mlops.cli.catalogue import slots

    every = slots()
    chosen = [one for one in every if slot in (None, one.name)]
    if not chosen:
        raise BadInputError(f'There is no slot "{slot}". Slots: {", ".join(one.name for one in every)}.')
    found = [(one, variant, name) for one in chosen for name, variant in _variants(one) if kind in (None, name)]
    if not found and kind:
        raise BadInputError(f'The slot {slot} has no variant "{kind}". Variants: {", ".join(chosen[0].kinds)}.')
    if as_json:
        ui.print_json({"variants": [_json(*row) for row in found]})
    elif slot:
        for row in found:
            _print_variant(*row)
    else:
        _print_slots(chosen)


def _variants(slot: "Slot") -> "list[tuple[str, type[SlotConfig]]]":
    from mlops.core.module import kind_of, variants

    return [(kind_of(variant), variant) for variant in variants(slot.config)]


def _json(slot: "Slot", variant: "type[SlotConfig]", kind: str) -> dict[str, Any]:
    from mlops.cli.catalogue import knobs

    return {
        "slot": slot.name,
        "kind": kind,
        **asdict(variant.card),
        "needs": sorted(variant.needs),
        "settings": [dict(zip(("name", "type", "default", "description"), row, strict=True)) for row in knobs(variant)],
    }


def _print_slots(chosen: "list[Slot]") -> None:
    for slot in chosen:
        rows = [
            (kind, variant.card.title, variant.card.complexity, variant.card.best_for, variant.card.not_for)
            for kind, variant in _variants(slot)
        ]
        title = f"{slot.name}: {slot.purpose[:1].lower()}{slot.purpose[1:].removesuffix('.')}"
        ui.out().print(ui.table(title, "Kind", "What", "Complexity", "Best for", "Not for", rows=rows))
    ui.note("`mlops modules SLOT` shows the settings of each variant.")


def _print_variant(slot: "Slot", variant: "type[SlotConfig]", kind: str) -> None:
    from mlops.cli.catalogue import knobs

    card = variant.card
    console = ui.out()
    console.print(f"[bold]{slot.name}: kind {kind}[/] ({card.title})")
    lines = {
        "Best for": card.best_for,
        "Not for": card.not_for,
        "Complexity": card.complexity,
        "Trade-offs": card.trade_offs,
        "Needs": ", ".join(sorted(variant.needs)) or "nothing beside the core",
    }
    for name, text in lines.items():
        console.print(f"  [dim]{name}:[/] {text}")
    console.print(ui.table("", "Setting", "Type", "Default", "What", rows=knobs(variant)))
