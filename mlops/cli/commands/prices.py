"""`mlops prices`: where each price comes from and how old it is; and renewing them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.errors import BadInputError, FailedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from mlops.cost.book import Book, Price
    from mlops.cost.refresh import Client

prices = typer.Typer(no_args_is_help=False, help="Show where prices come from and how old they are, or renew them.")

Region = Annotated[str, typer.Option("--region", "-r", help="AWS region.")]


@prices.callback(invoke_without_command=True)
def summary(context: typer.Context, as_json: options.Json = False) -> None:
    """Show where prices come from and how old they are, or renew them.

    \b
    mlops prices                     by service: how many, how old, how many unverified
    mlops prices list nat            every price whose service or name contains the word
    mlops prices refresh             ask the AWS Price List API
    mlops prices --json
    """
    if context.invoked_subcommand:
        return
    book = _book()
    held = _held(book)
    if as_json:
        ui.print_json({"services": held, "sources": book.sources})
        return
    rows = [
        (
            str(row["region"]),
            str(row["service"]),
            str(row["prices"]),
            "–".join(str(day) for day in sorted(set(row["age_days"]))) or "undated",
            str(row["unverified"] or ""),
            ", ".join(row["sources"]),
        )
        for row in held
    ]
    columns = (("Prices", "right"), ("Age, days", "right"), ("Unverified", "right"), "Sources")
    ui.out().print(ui.table("Price book", "Region", "Service", *columns, rows=rows))
    ui.out().print(ui.table("Sources", "Source", "What it is", rows=sorted(book.sources.items())))


def _held(book: "Book") -> list[dict[str, Any]]:
    """What the book knows of each service in each region: how many prices, how old, from where."""
    from mlops.core.clock import today
    from mlops.cost.report import ages

    rows: list[dict[str, Any]] = []
    for region in book.regions:
        for service in book.regions[region]:
            found = [price for price in book.prices(region) if price.service == service]
            rows.append(
                {
                    "region": region,
                    "service": service,
                    "prices": len(found),
                    "age_days": list(ages(found, today()) or ()),
                    "unverified": sum(not price.verified for price in found),
                    "sources": sorted({price.source for price in found}),
                }
            )
    return rows


@prices.command("list")
def list_prices(
    word: Annotated[str, typer.Argument(help="Part of a service's or a price's name.")] = "",
    region: Region = "us-east-1",
    as_json: options.Json = False,
) -> None:
    """List prices with unit, source and age.

    \b
    mlops prices list nat
    mlops prices list m7i --region eu-west-1
    """
    from mlops.core.clock import today
    from mlops.cost.book import BookError
    from mlops.cost.report import unit_price

    book = _book()
    try:
        book.check(region)
    except BookError as error:
        raise BadInputError(str(error)) from None
    found = [price for price in book.prices(region) if word in f"{price.service} {price.sku}"]
    if not found:
        raise BadInputError(f'No price in {region} is named like "{word}". `mlops prices` lists the services.')
    if as_json:
        rows = [
            {
                "region": price.region,
                "service": price.service,
                "sku": price.sku,
                "usd": float(price.usd),
                "unit": price.unit,
                "as_of": price.as_of,
                "age_days": price.age_days(today()),
                "verified": price.verified,
                "source": book.source(price),
                "note": price.note,
            }
            for price in found
        ]
        ui.print_json({"prices": rows})
        return
    table = []
    for price in found:
        age = _age(price.age_days(today()), price.as_of)
        table.append((price.service, price.sku, unit_price(price.usd), price.unit, age, price.source))
    columns = (("Price", "right"), "Unit", ("Age", "right"), "Source")
    ui.out().print(ui.table(f"Prices in {region}", "Service", "Name", *columns, rows=table))
    sources = sorted({price.source: book.source(price) for price in found}.items())
    ui.out().print(ui.table("Sources", "Source", "What it is", rows=sources))


@prices.command("refresh")
def refresh(region: Region = "us-east-1", as_json: options.Json = False) -> None:
    """Renew prices from the AWS Price List API, into prices.json beside the stack files.

    Needs boto3 and credentials that may call pricing:GetProducts; nothing is changed in AWS. What the API was not
    asked for keeps its price and its age.

    \b
    mlops prices refresh
    mlops prices refresh --region eu-west-1
    """
    from mlops.core.clock import today
    from mlops.core.regions import REGIONS
    from mlops.cost.book import OWN_FILE
    from mlops.cost.refresh import merged
    from mlops.cost.refresh import refresh as ask

    if region not in REGIONS:
        raise BadInputError(f'"{region}" is no region that a stack can be in. Regions: {", ".join(REGIONS)}.')
    target = options.project_root() / OWN_FILE
    book = _book()
    client = _client()
    with ui.err().status(f"Asking for prices in {region} …"):
        try:
            renewal = ask(client, region, book)
        except Exception as error:
            raise FailedError(f"The AWS Price List API did not answer: {error}.") from None
    if not renewal.prices:
        raise FailedError(f"The AWS Price List API named no price in {region} that the platform uses.")
    older = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    newer = merged(older, renewal.as_book(today().isoformat()))
    target.write_text(json.dumps(newer, indent=1) + "\n", encoding="utf-8")
    stale = [price for price in book.prices(region) if (price.service, price.sku) not in renewal.prices]
    if as_json:
        counts = {"renewed": len(renewal.prices), "kept": len(stale), "refused": list(renewal.refused)}
        ui.print_json({"region": region, "file": target.name, **counts})
        return
    ui.out().print(f"{ui.counted(len(renewal.prices), 'price')} renewed in {target.name}.")
    for sentence in renewal.refused:
        ui.note(sentence)
    ui.note(kept(stale, today()))


def kept(stale: "Sequence[Price]", day: "date") -> str:
    """What a refresh says of the prices that it did not ask for, their age included."""
    from mlops.cost.report import ages

    age = ages(stale, day)
    undated = sum(price.age_days(day) is None for price in stale)
    old = f", {age[0]:,} to {age[1]:,} days" if age else ""
    without = f" ({undated:,} without a date)" if undated else ""
    return f"{ui.counted(len(stale), 'price')} kept their age{old}{without}: the refresh does not ask for them."


def _book() -> "Book":
    from mlops.cost.book import BookError, load

    try:
        root: Path | None = options.project_root()
    except BadInputError:
        root = None
    try:
        return load(root)
    except BookError as error:
        raise BadInputError(str(error)) from None


def _client() -> "Client":
    """boto3 is no dependency of the platform: only this needs it."""
    import importlib

    try:
        boto3: Any = importlib.import_module("boto3")
    except ModuleNotFoundError:
        raise BadInputError(
            "`mlops prices refresh` needs boto3, which the platform does not install by itself. "
            "Run `uv sync --extra aws` (or `pip install boto3`), and try again."
        ) from None
    # The Price List API answers in a few regions only; it knows the prices of all.
    client: Client = boto3.client("pricing", region_name="us-east-1")
    return client


def _age(days: int | None, as_of: str) -> str:
    return f"{days:,} days" if days is not None else as_of
