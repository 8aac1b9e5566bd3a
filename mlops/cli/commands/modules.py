"""`mlops modules`: the catalogue of slots and variants."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.choice.catalogue import Slot
    from mlops.choice.modules import Added
    from mlops.core.module import SlotConfig

    Row = tuple[Slot, type[SlotConfig], str]


def modules(
    slot: Annotated[str | None, typer.Argument(help="Only this slot, with every setting of its variants.")] = None,
    kind: Annotated[str | None, typer.Argument(help="Only this variant of the slot.")] = None,
    prices: Annotated[
        str | None,
        typer.Option("--prices", metavar="TIER", help="Add what each would cost a month in this tier, by planning it."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write docs/modules.md, the reference of all.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the slots of the platform and the variants that can fill them.

    Each variant says what it is best for, what not, what running it asks of a
    team, and what it trades.

    \b
    mlops modules                     every slot and variant
    mlops modules data_pipeline       one slot, with all settings
    mlops modules data_pipeline kafka
    mlops modules --prices dev        with what each would cost in a stack of this tier
    mlops modules --write             docs/modules.md, after a setting or a variant has changed
    mlops modules --json

    A stack file chooses a variant by its kind:

    \b
    platform:
      data_pipeline: {kind: kafka, brokers: 3}
    """
    if write:
        _write(as_json=as_json)
        return
    from mlops.choice.catalogue import slots

    every = slots()
    chosen = [one for one in every if slot in (None, one.name)]
    if not chosen:
        raise BadInputError(f'There is no slot "{slot}". Slots: {", ".join(one.name for one in every)}.')
    found = [(one, variant, name) for one in chosen for name, variant in _variants(one) if kind in (None, name)]
    if not found and kind:
        raise BadInputError(f'The slot {slot} has no variant "{kind}". Variants: {", ".join(chosen[0].kinds)}.')
    priced = _priced(prices, found) if prices else {}
    if as_json:
        ui.print_json({"variants": [{**_json(*row), **_price(priced, row)} for row in found]})
    elif slot:
        for row in found:
            _print_variant(*row)
            if one := priced.get((slot, row[2])):
                ui.out().print(f"A month in {prices}:", _words(one), markup=False)
    else:
        _print_slots(chosen, prices, priced)


def _write(*, as_json: bool) -> None:
    from mlops.choice.reference import FILE, reference

    root = options.project_root()
    with ui.err().status("Planning every module in two tiers …"):
        text = reference(root)
    (root / FILE).parent.mkdir(exist_ok=True)
    (root / FILE).write_text(text, encoding="utf-8")
    if as_json:
        ui.print_json({"file": FILE.as_posix()})
    else:
        ui.out().print(f"Wrote {FILE.as_posix()}.")


def _priced(tier: str, rows: "Sequence[Row]") -> "dict[tuple[str, str], Added]":
    from mlops.choice.modules import Module, added
    from mlops.tiers import TIERS

    if tier not in TIERS:
        raise BadInputError(f'There is no tier "{tier}". Tiers: {", ".join(TIERS)}.')
    root, found = options.project_root(), {}
    with ui.err().status("") as status:
        for slot, variant, kind in rows:
            status.update(f"Planning {tier} with {slot.name} {kind} …")
            found[slot.name, kind] = added(Module(slot=slot.name, kind=kind, config=variant), tier, root)
    return found


def _price(priced: "dict[tuple[str, str], Added]", row: "Row") -> dict[str, Any]:
    one = priced.get((row[0].name, row[2]))
    if one is None:
        return {}
    monthly = None if one.refused else round(float(one.monthly), 2)
    return {"tier": one.tier, "monthly": monthly, "complete": one.complete, "refused": one.refused or None}


def _words(one: "Added") -> str:
    if one.refused:
        return f"not as it stands: {one.refused}"
    return f"{'' if one.complete else 'at least '}${one.monthly:,.0f}"


def _variants(slot: "Slot") -> "list[tuple[str, type[SlotConfig]]]":
    from mlops.core.module import kind_of, variants

    return [(kind_of(variant), variant) for variant in variants(slot.config)]


def _json(slot: "Slot", variant: "type[SlotConfig]", kind: str) -> dict[str, Any]:
    from mlops.choice.catalogue import knobs

    return {
        "slot": slot.name,
        "kind": kind,
        **asdict(variant.card),
        "needs": sorted(variant.needs),
        "settings": [dict(zip(("name", "type", "default", "description"), row, strict=True)) for row in knobs(variant)],
    }


def _print_slots(chosen: "list[Slot]", tier: str | None, priced: "dict[tuple[str, str], Added]") -> None:
    for slot in chosen:
        rows = [
            (
                kind,
                variant.card.title,
                *([_words(priced[slot.name, kind])] if tier else []),
                variant.card.complexity,
                variant.card.best_for,
                variant.card.not_for,
            )
            for kind, variant in _variants(slot)
        ]
        money = [(f"A month in {tier}", "right")] if tier else []
        title = f"{slot.name}: {slot.purpose[:1].lower()}{slot.purpose[1:].removesuffix('.')}"
        ui.out().print(ui.table(title, "Kind", "What", *money, "Complexity", "Best for", "Not for", rows=rows))
    ui.note("`mlops modules SLOT` shows the settings of each variant.")


def _print_variant(slot: "Slot", variant: "type[SlotConfig]", kind: str) -> None:
    from mlops.choice.catalogue import knobs

    card = variant.card
    console = ui.out()
    console.print(f"[bold]{slot.name}: kind {kind}[/] ({card.title})")
    lines = {
        "Best for": card.best_for,
        "Not for": card.not_for,
        "Complexity": card.complexity,
        "Trade-offs": card.trade_offs,
        "State": card.state,
        "Needs": ", ".join(sorted(variant.needs)) or "nothing beside the core",
    }
    for name, text in lines.items():
        console.print(f"  [dim]{name}:[/] {text}")
    console.print(ui.table("", "Setting", "Type", "Default", "What", rows=knobs(variant)))
