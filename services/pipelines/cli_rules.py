"""Commands about what may not be shown: `rules list`, `rules set`, `rules clear`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pipelines import publish
from pipelines.commands import Json, answer, make_context
from pipelines.errors import InputError
from pipelines.lease import alone
from pipelines.loop import Context
from pipelines.runner import LOOK_PATIENCE_SECONDS
from recommender.catalogue import EVERYTHING, Assortment
from recommender.rules import RULES, Reason, Rule, Rules, RulesError

app = typer.Typer(
    help="What may not be shown, whatever a model says: withdrawn, out of stock, or excluded.", no_args_is_help=True
)


@dataclass(frozen=True, kw_only=True)
class Obeyed:
    """The rules, and what they leave."""

    rules: Rules
    products: int
    """In the catalogue."""
    not_shown: int
    """Of these, to a request without filters."""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """Show the rules, and how many products they are about."""
    found = make_context()
    _say(found, _read(found), as_json)


@app.command("set")
def set_command(
    name: Annotated[str, typer.Argument(help="By which it is changed and cleared; letters, digits, dots, hyphens.")],
    reason: Annotated[
        Reason, typer.Option(help="Out of stock, a request may ask for them all the same; otherwise none.")
    ] = "excluded",
    product: Annotated[list[str] | None, typer.Option(help="Id of a product; several times for several.")] = None,
    products: Annotated[Path | None, typer.Option(help="File with an id a line.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Of the catalogue; several times for several.")] = None,
    least_price: Annotated[float | None, typer.Option(help="Of a band of prices.")] = None,
    most_price: Annotated[float | None, typer.Option(help="Of a band of prices.")] = None,
    as_json: Json = False,
) -> None:
    """Do not show the products that fit everything which is given. An earlier rule of the name is replaced."""
    found = make_context()
    try:
        rule = Rule(
            name=name,
            reason=reason,
            products=frozenset([*(product or []), *_lines(products)]),
            categories=frozenset(category or []),
            least_price=least_price,
            most_price=most_price,
        )
    except ValidationError as error:
        issue = error.errors()[0]
        place = ".".join(map(str, issue["loc"]))
        text = issue["msg"].removeprefix("Value error, ")
        raise InputError(f"Rule {name!r} cannot be set: {f'{place}: ' if place else ''}{text}.") from None
    with alone(found.settings, LOOK_PATIENCE_SECONDS):
        try:
            wanted = _read(found).with_rule(rule)
        except RulesError as error:
            raise InputError(str(error)) from None
        left = _obeyed(found, wanted)
        if left.products and left.not_shown == left.products:
            raise InputError(
                f"With rule {name!r} none of {left.products:,} products would be shown to anybody. Nothing was changed."
            )
        _write(found, wanted)
    _say(found, wanted, as_json)


@app.command("clear")
def clear_command(
    names: Annotated[list[str] | None, typer.Argument(help="Of the rules that shall not hold any more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Clear all of them.")] = False,
    as_json: Json = False,
) -> None:
    """Take rules away."""
    if bool(names) == every:
        raise InputError("Give the names of the rules to clear, or --all.")
    found = make_context()
    with alone(found.settings, LOOK_PATIENCE_SECONDS):
        known = Rules() if every else _read(found)
        missing = sorted(set(names or []) - {rule.name for rule in known.rules})
        if missing:
            there = ", ".join(rule.name for rule in known.rules) or "none"
            raise InputError(f"There is no rule {', '.join(missing)}; there are: {there}.")
        wanted = known.without(names or [])
        _write(found, wanted)
    _say(found, wanted, as_json)


def _read(found: Context) -> Rules:
    try:
        return publish.rules(found.lake)
    except RulesError as error:
        raise InputError(f"{error} `rules clear --all` begins anew.") from None


def _write(found: Context, wanted: Rules) -> None:
    found.lake.put("artifacts", RULES, wanted.written())
    if found.recommender is not None:
        # At once; a replica that this does not reach looks by itself within seconds.
        found.recommender.reload()


def _obeyed(found: Context, wanted: Rules) -> Obeyed:
    known = publish.catalogue(found.raw.products())
    shown = Assortment.of(known, wanted, known.products).shown(EVERYTHING)
    hidden = 0 if shown is None else int((~shown).sum())
    return Obeyed(rules=wanted, products=len(known.products), not_shown=hidden)


def _say(found: Context, wanted: Rules, as_json: bool) -> None:
    left = _obeyed(found, wanted)
    lines = [f"{rule.name}  {rule.reason}  {_about(rule)}, since {rule.set_at:%Y-%m-%d %H:%M}" for rule in wanted.rules]
    total = f"{len(wanted.rules)} rules; {left.not_shown:,} of {left.products:,} products are not shown"
    answer(left, as_json, lambda: "\n".join([*lines, total]))


def _about(rule: Rule) -> str:
    parts = []
    if rule.products:
        parts.append(f"{len(rule.products):,} products" if len(rule.products) > 1 else next(iter(rule.products)))
    if rule.categories:
        parts.append("category " + " or ".join(sorted(rule.categories)))
    if rule.least_price is not None:
        parts.append(f"from {rule.least_price:g}")
    if rule.most_price is not None:
        parts.append(f"up to {rule.most_price:g}")
    return ", ".join(parts)


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
