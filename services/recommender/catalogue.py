"""The catalogue as serving needs it: category and price by product; and what of it may be shown, as rows of a model."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from recommender.arrays import Floats, IdTable, Ints, Longs, Mask
from recommender.manifest import ModelError
from recommender.packed import Unpacked, ids_of, pack
from recommender.rules import Rule, Rules

CATALOGUE = "serving/catalogue.npz"
"""Where it lies in the zone of artifacts."""
_UNKNOWN = -1
_IDS_BETWEEN_PAUSES = 500


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Products in the order of their ids."""

    products: IdTable
    categories: IdTable
    category: Ints
    """By product, its row among the categories; -1 where nobody gave one."""
    price: Floats
    """By product; NaN where nobody gave one."""

    @classmethod
    def of(
        cls, products: Sequence[str], categories: Sequence[str | None], prices: Sequence[float | None]
    ) -> "Catalogue":
        """From one entry a product, in any order.

        Raises:
            ModelError: an id is empty or given twice.
        """
        table, order = IdTable.build(products, "product")
        names = sorted({name for name in categories if name})
        known, _ = IdTable.build(names, "category")
        place = {name: known.row(name) for name in names}
        codes = [place[name] if name else _UNKNOWN for name in categories]
        values = [np.nan if price is None else price for price in prices]
        return cls(table, known, np.asarray(codes, np.int32)[order], np.asarray(values, np.float64)[order])

    def packed(self) -> bytes:
        """As an object of the lake."""
        return pack(
            {
                **ids_of("products", self.products),
                **ids_of("categories", self.categories),
                "category": self.category,
                "price": self.price,
            }
        )

    @classmethod
    def unpacked(cls, data: bytes) -> "Catalogue":
        """From the lake.

        Raises:
            ModelError: it is damaged.
        """
        found = Unpacked(data, CATALOGUE)

        made = cls(
            found.ids("products"),
            found.ids("categories"),
            cast(Ints, found.array("category", np.int32)),
            cast(Floats, found.array("price", np.float64)),
        )
        if not len(made.products) == len(made.category) == len(made.price):
            raise ModelError(f"{CATALOGUE} does not fit {len(made.products)} products: it is damaged.")
        return made


@dataclass(frozen=True)
class Filters:
    """What a request asks for."""

    categories: Collection[str] = ()
    """Any of these; empty asks for none in particular."""
    least_price: float | None = None
    most_price: float | None = None
    in_stock: bool = True
    """Whether what is out of stock may not be shown."""

    @property
    def needs_catalogue(self) -> bool:
        """Whether it cannot be answered without one."""
        return bool(self.categories) or self.least_price is not None or self.most_price is not None


EVERYTHING = Filters()


@dataclass(frozen=True, eq=False)
class Assortment:
    """Catalogue and rules, by the rows of a table of products: a model's, mostly."""

    catalogue: Catalogue | None
    category: Ints
    price: Floats
    never: Mask
    """By product: withdrawn, or excluded by a rule."""
    sold_out: Mask
    _shown: Mask | None = field(default=None)
    """What requests without filters may be shown; None where that is everything."""

    @classmethod
    def of(cls, catalogue: Catalogue | None, rules: Rules, products: IdTable) -> "Assortment":
        """Takes about 2 µs a product: not for the thread that answers.

        Args:
            products: of the model, or of the catalogue itself.
        """
        size = len(products)
        category, price = np.full(size, _UNKNOWN, np.int32), np.full(size, np.nan)
        if catalogue is not None and size:
            rows = _rows(catalogue.products, products)
            known = rows >= 0
            category[known], price[known] = catalogue.category[rows[known]], catalogue.price[rows[known]]
        made = cls(catalogue, category, price, np.zeros(size, np.bool_), np.zeros(size, np.bool_))
        for rule in rules.rules:
            (made.sold_out if rule.reason == "out_of_stock" else made.never)[made._of(rule, products)] = True
        barred = made.never | made.sold_out
        return cls(catalogue, category, price, made.never, made.sold_out, ~barred if barred.any() else None)

    def _of(self, rule: Rule, products: IdTable) -> Mask:
        """The products that a rule is about."""
        found = np.ones(len(self.category), np.bool_)
        if rule.products:
            named = [row for name in rule.products if (row := products.row(name)) is not None]
            found = np.zeros(len(self.category), np.bool_)
            found[named] = True
        if rule.categories:
            found &= self._in(rule.categories)
        return found & self._within(rule.least_price, rule.most_price) if rule.banded else found

    def shown(self, filters: Filters) -> Mask | None:
        """By product, whether a request may be shown it; None where that is everything."""
        found = self._shown if filters.in_stock else (~self.never if self.never.any() else None)
        if not filters.needs_catalogue:
            return found
        fits = self._within(filters.least_price, filters.most_price)
        if filters.categories:
            fits &= self._in(filters.categories)
        return fits if found is None else fits & found

    def _in(self, categories: Collection[str]) -> Mask:
        known = self.catalogue.categories if self.catalogue is not None else None
        codes = [row for name in categories if known is not None and (row := known.row(name)) is not None]
        return np.isin(self.category, codes)

    def _within(self, least: float | None, most: float | None) -> Mask:
        found = np.ones(len(self.price), np.bool_)
        if least is not None:
            found &= self.price >= least
        if most is not None:
            found &= self.price <= most
        return found


def _rows(catalogue: IdTable, products: IdTable) -> Longs:
    """For each product its row in the catalogue, or -1."""
    place = {name: row for row, name in enumerate(catalogue.names(range(len(catalogue))))}
    found = np.full(len(products), -1, np.int64)
    for start in range(0, len(products), _IDS_BETWEEN_PAUSES):
        rows = range(start, min(start + _IDS_BETWEEN_PAUSES, len(products)))
        found[start : start + len(rows)] = [place.get(name, -1) for name in products.names(rows)]
        # Whoever answers meanwhile gets the interpreter back.
        time.sleep(0.0005)
    return found
