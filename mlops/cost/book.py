"""The price book: what AWS charges, in which region, since when, and who says so.

The book ships as data. A project may keep a newer one beside its stack files (`prices.json`, written by
`mlops prices refresh`): its prices win, price by price.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

PACKAGED = Path(__file__).parent / "data" / "prices.json"
OWN_FILE = "prices.json"
"""Name of a project's own prices, in the folder with Pulumi.yaml."""
UNVERIFIED = frozenset({"memory", "derived", "ratio"})
"""Sources that nobody has held against a price list."""

_STANDS_IN = {"us-west-2": "us-east-1"}
"""Regions whose missing prices are read in another: of EC2 on demand, EBS, RDS, ElastiCache and data transfer all
that is known of both regions agrees. No other region is guessed."""
_NEVER_STOOD_IN_FOR = frozenset({"ec2_spot_linux_typical", "msk"})
"""Services whose known prices differ between those regions."""
_EVERYWHERE_IN = "us-east-1"
"""Region that holds the prices that are the same in every region."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BookError(Exception):
    """The price book cannot answer. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """One price in US dollars."""

    region: str
    """Region that it was read in."""
    service: str
    sku: str
    usd: Decimal
    unit: str
    """What it is for: `hour`, `GB-month`, `10k requests`."""
    source: str
    """Key of the book's `sources`."""
    as_of: str
    """Day, month or year of the source, or what is known of it."""
    note: str = ""
    asked_in: str = ""
    """Region that was asked about, where this price stands in for it."""

    @property
    def verified(self) -> bool:
        """Whether the price comes from a price list, first or second hand."""
        return self.source not in UNVERIFIED

    def age_days(self, today: date) -> int | None:
        """Days since it was read; None where the source has no full date."""
        return (today - date.fromisoformat(self.as_of)).days if _DATE.fullmatch(self.as_of) else None


@dataclass(frozen=True)
class Book:
    """Prices by region, service and SKU."""

    sources: Mapping[str, str]
    regions: Mapping[str, Mapping[str, Mapping[str, Any]]]
    everywhere: Mapping[str, Any] = field(default_factory=dict)
    """What costs the same in every region: whole `services`, and `prices` by service."""

    def find(self, region: str, service: str, sku: str) -> Price | None:
        """The price in a region; None if the book has none. Prices of other regions stand in only where that is
        known to be right: what costs the same everywhere, and regions whose known prices all agree."""
        row = self.regions.get(region, {}).get(service, {}).get(sku)
        if row is not None:
            return _price(region, service, sku, row)
        if region != _EVERYWHERE_IN and self._is_everywhere(service, sku):
            found = self.find(_EVERYWHERE_IN, service, sku)
            return replace(found, asked_in=region) if found else None
        other = _STANDS_IN.get(region) if service not in _NEVER_STOOD_IN_FOR else None
        found = self.find(other, service, sku) if other else None
        return replace(found, asked_in=region) if found else None

    def _is_everywhere(self, service: str, sku: str) -> bool:
        return service in self.everywhere.get("services", ()) or sku in self.everywhere.get("prices", {}).get(
            service, ()
        )

    def check(self, region: str) -> None:
        """Raises:
        BookError: the book knows nothing of the region.
        """
        if region not in self.regions:
            raise BookError(
                f"The price book has no prices for {region}; it has {', '.join(self.regions)}. "
                f"`mlops prices refresh --region {region}` fetches them, with AWS credentials."
            )

    def prices(self, region: str) -> Iterator[Price]:
        """Every price of a region, by service and SKU."""
        for service, rows in self.regions.get(region, {}).items():
            for sku, row in rows.items():
                yield _price(region, service, sku, row)

    def source(self, price: Price) -> str:
        """Where a price comes from, in words."""
        return self.sources.get(price.source, price.source)

    def over(self, older: "Book") -> "Book":
        """This book's prices before those of an older one."""
        regions = {region: dict(services) for region, services in older.regions.items()}
        for region, services in self.regions.items():
            kept = regions.setdefault(region, {})
            for service, rows in services.items():
                kept[service] = {**kept.get(service, {}), **rows}
        everywhere = self.everywhere or older.everywhere
        return Book(sources={**older.sources, **self.sources}, regions=regions, everywhere=everywhere)


def _price(region: str, service: str, sku: str, row: Mapping[str, Any]) -> Price:
    return Price(
        region=region,
        service=service,
        sku=sku,
        usd=row["price"],
        unit=row["unit"],
        source=row["source"],
        as_of=row["as_of"],
        note=row.get("note", ""),
    )


def load(project: Path | None = None) -> Book:
    """The book that ships, with the project's own prices over it.

    Raises:
        BookError: the project's file is not a price book.
    """
    own = project / OWN_FILE if project else None
    return _read(own).over(_packaged()) if own and own.is_file() else _packaged()


@cache
def _packaged() -> Book:
    return _read(PACKAGED)


def _read(path: Path) -> Book:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
        book = Book(content["sources"], content["regions"], content.get("everywhere", {}))
        for region in book.regions:
            for price in book.prices(region):
                if not isinstance(price.usd, Decimal) or not price.usd.is_finite() or price.usd < 0:
                    raise BookError(
                        f"{path.name}: the price of {price.service} {price.sku} in {region} is {price.usd}; "
                        "a price is a number of US dollars, 0 or more."
                    )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BookError(
            f"{path.name} is not a price book ({type(error).__name__}: {error}). "
            "Delete it, or write it again with `mlops prices refresh`."
        ) from None
    return book
