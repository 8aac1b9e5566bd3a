"""`mlops presets`: stack files for a kind of team, to start from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.choice.presets import Preset


def presets(
    prices: Annotated[
        bool, typer.Option("--prices", help="Add what each costs a month in us-east-1, by planning it.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the presets: stack files for a kind of team, to start from.

    A preset is a file of presets/: copy one, change it, or add your own. It
    loads, plans, obeys the rules and is rehearsed like any stack.

    \b
    mlops presets --prices
    mlops init --stack demo --preset startup
    """
    from mlops.choice.presets import names, preset
    from mlops.cli import ui

    root = options.project_root()
    found = [preset(name, root) for name in names(root)]
    monthly = _priced(found, root) if prices else {}
    if as_json:
        ui.print_json({"presets": [_document(one, monthly) for one in found]})
        return
    columns: list[str | tuple[str, str]] = ["Preset", "Tier", "For"]
    rows = [[one.name, one.tier, one.purpose] for one in found]
    if prices:
        columns.append(("A month", "right"))
        rows = [[*row, f"${monthly[row[0]]:,.0f}"] for row in rows]
    ui.out().print(ui.table("Presets", *columns, rows=rows))
    ui.note("mlops init --stack NAME --preset PRESET writes one into a stack file of yours.")


def _priced(found: "list[Preset]", root: "Path") -> dict[str, float]:
    from mlops.choice.trials import tried
    from mlops.cli import ui

    with ui.err().status("") as status:
        priced = {}
        for one in found:
            status.update(f"Planning {one.name} …")
            priced[one.name] = float(tried(root, one.tier, one.platform).estimate.total)
    return priced


def _document(one: "Preset", monthly: dict[str, float]) -> dict[str, Any]:
    price = {"monthly": round(monthly[one.name], 2)} if one.name in monthly else {}
    return {"name": one.name, "tier": one.tier, "purpose": one.purpose, "platform": dict(one.platform), **price}
