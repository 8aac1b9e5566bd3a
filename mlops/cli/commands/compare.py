"""`mlops compare`: kinds of one slot side by side."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options
from mlops.cli.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.choice.comparison import Candidate, Turn
    from mlops.choice.modules import Module

DEFAULT_TIER = "dev"
MORE = 10
"""The multiple of the use at which kinds are compared as well."""


def compare(
    slot: Annotated[str, typer.Argument(help="The slot: data_pipeline.")],
    kinds: Annotated[str | None, typer.Argument(help="Kinds with commas between them; else all of the slot.")] = None,
    stack: options.Stack = None,
    tier: Annotated[
        str | None, typer.Option("--tier", help="In a stack of this tier, instead of one of yours.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare kinds of one slot in the same stack: cost, complexity, what each is for, what it adds.

    All else stays as the stack has it. Costs are those of the whole stack, at the
    use that is expected of it and at ten times of that; below the table stands
    from how much use on another kind is the cheapest.

    \b
    mlops compare data_pipeline kafka,kinesis,pulsar
    mlops compare serving -s prod
    mlops compare ml_platform mlflow,sagemaker --tier prod --json
    """
    from mlops.choice.comparison import candidates, turns
    from mlops.cli import ui

    chosen = _chosen(slot, kinds)
    root = options.project_root()
    name, override, words = _where(stack, tier)
    with ui.err().status(f"Planning {words} with {', '.join(one.kind for one in chosen)} …"):
        found = candidates(root, name, override, chosen)
        turning = turns(found)
    if as_json:
        document = {"slot": slot, "tier": name, "stack": stack, "kinds": [_document(one) for one in found]}
        ui.print_json({**document, "turns": [vars(one) for one in turning]})
    else:
        _show(slot, words, found, turning)


def _chosen(slot: str, kinds: str | None) -> "list[Module]":
    from mlops.choice.modules import modules

    every = modules()
    of_slot = {one.kind: one for one in every if one.slot == slot}
    if not of_slot:
        known = dict.fromkeys(one.slot for one in every)
        raise BadInputError(f'There is no slot "{slot}". Slots: {", ".join(known)}.')
    wanted = [kind.strip() for kind in kinds.split(",")] if kinds else list(of_slot)
    for kind in wanted:
        if kind not in of_slot:
            raise BadInputError(f'The slot {slot} has no variant "{kind}". Variants: {", ".join(of_slot)}.')
    return [of_slot[kind] for kind in dict.fromkeys(wanted)]


def _where(stack: str | None, tier: str | None) -> "tuple[str, Mapping[str, Any], str]":
    """Tier, what lies over it, and what that is in words."""
    from mlops import settings, stacks
    from mlops.tiers import TIERS

    if stack and tier:
        raise BadInputError("--stack and --tier cannot both be given; leave one out.")
    if stack:
        target = options.target(stack)
        file = stacks.read(target.stack, target.root)
        return settings.resolve(file).tier, settings.override(file), target.stack
    tier = tier or DEFAULT_TIER
    if tier not in TIERS:
        raise BadInputError(f'There is no tier "{tier}". Tiers: {", ".join(TIERS)}.')
    return tier, {}, f"a stack of tier {tier}"


def _document(one: "Candidate") -> dict[str, Any]:
    card = one.module.config.card
    told = {
        "kind": one.module.kind,
        "title": card.title,
        "best_for": card.best_for,
        "not_for": card.not_for,
        "complexity": card.complexity,
        "trade_offs": card.trade_offs,
        "refused": one.refused or None,
    }
    if one.trial is None:
        return told
    added = one.added
    return {
        **told,
        "monthly": round(float(one.monthly()), 2),
        "monthly_at_ten_times": round(float(one.monthly(MORE)), 2),
        "module_monthly": round(float(added.monthly), 2),
        "complete": added.complete,
        "resources": sum(number for _, number in added.resources),
        "cpu_millicores": added.cpu,
        "memory_mib": added.memory,
        "blocking": list(added.blocking),
    }


def _show(slot: str, words: str, found: "Sequence[Candidate]", turning: "Sequence[Turn]") -> None:
    from mlops.cli import ui

    rows: dict[str, list[str]] = {}
    for one in found:
        for title, cell in _cells(one).items():
            rows.setdefault(title, []).append(cell)
    rows = {title: cells for title, cells in rows.items() if any(cells)}
    title = f"{slot} in {words}"
    ui.out().print(ui.table(title, "", *(one.module.kind for one in found), rows=[[key, *rows[key]] for key in rows]))
    for turn in turning:
        ui.out().print(
            f"From about {_multiple(turn.factor)} the use on, {turn.after} is cheaper than {turn.before}.", markup=False
        )
    possible = [one.module.kind for one in found if one.trial]
    if not turning and len(possible) > 1:
        cheapest = min((one for one in found if one.trial), key=lambda one: one.monthly())
        ui.out().print(
            f"{cheapest.module.kind} is the cheapest from a tenth of the use to a thousand times of it.", markup=False
        )


_FIGURES = (
    "the stack, a month",
    f"at {MORE} × the use",
    "the module itself",
    "resources",
    "its pods request",
    "mandatory rules broken",
)


def _cells(one: "Candidate") -> dict[str, str]:
    card = one.module.config.card
    if one.trial is None:
        figures: dict[str, str] = {}
    else:
        added = one.added
        least = "" if added.complete else "at least "
        pods = f"{added.cpu / 1000:g} cores, {added.memory / 1024:.1f} GiB" if added.cpu or added.memory else "nothing"
        figures = {
            "the stack, a month": f"{least}${one.monthly():,.0f}",
            f"at {MORE} × the use": f"{least}${one.monthly(MORE):,.0f}",
            "the module itself": f"{least}${added.monthly:,.0f}",
            "resources": str(sum(number for _, number in added.resources)),
            "its pods request": pods,
            "mandatory rules broken": ", ".join(added.blocking) or "none",
        }
    return {
        **(figures or dict.fromkeys(_FIGURES, "")),
        "complexity": card.complexity,
        "best for": card.best_for,
        "not for": card.not_for,
        "trade-offs": card.trade_offs,
        "not here, because": one.refused,
    }


def _multiple(factor: float) -> str:
    return f"{factor:.2g} ×" if factor < 10 else f"{factor:,.0f} ×"
