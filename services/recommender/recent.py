"""Recent: what users did since the model was trained, so that it counts at once.

What this process was told itself is in its memory, for a day at most. What all of them were told comes from the loop,
which writes it down at every look: so replicas agree, and a restart forgets nothing that the loop has seen.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from recommender.arrays import CompressedRows, IdTable, Ints, Longs, Rows, Weights
from recommender.packed import Unpacked, ids_of, pack

RECENT = "serving/recent.npz"
"""Where the loop writes it down in the zone of artifacts."""
MOST_USERS = 20_000
MOST_PRODUCTS = 50
"""Full, that is about 100 MB."""
SECONDS = 86_400.0
"""For which it counts."""
WEIGHTS: Mapping[str, float] = {"view": 1.0, "cart": 2.0, "purchase": 3.0}
"""How strongly an event says that a user wants a product: what training takes them for."""


@dataclass(frozen=True, eq=False)
class RecentTable:
    """What the loop wrote down: users by products, with the weight of the strongest event."""

    users: IdTable
    products: IdTable
    taken: Rows

    @classmethod
    def of(cls, users: Sequence[str], products: Sequence[str], taken: CompressedRows) -> "RecentTable":
        """From row names, column names and a CSR matrix.

        Raises:
            ModelError: an id is empty or given twice, or the matrix does not fit.
        """
        rows, row_order = IdTable.build(users, "user")
        columns, column_order = IdTable.build(products, "product")
        return cls(rows, columns, Rows.build(taken, row_order, column_order, "What was taken lately"))

    def packed(self) -> bytes:
        """As an object of the lake."""
        return pack(
            {
                **ids_of("users", self.users),
                **ids_of("products", self.products),
                "indptr": self.taken.indptr,
                "indices": self.taken.indices,
                "data": self.taken.data,
            }
        )

    @classmethod
    def unpacked(cls, data: bytes) -> "RecentTable":
        """From the lake.

        Raises:
            ModelError: it is damaged.
        """
        found = Unpacked(data, RECENT)

        made = cls(
            found.ids("users"),
            found.ids("products"),
            Rows(
                cast(Longs, found.array("indptr", np.int64)),
                cast(Ints, found.array("indices", np.int32)),
                cast(Weights, found.array("data", np.float32)),
            ),
        )
        made.taken.check("What was taken lately", len(made.users), len(made.products), every_value=True)
        return made

    def of_user(self, user: str) -> dict[str, float]:
        """Products of a user."""
        row = self.users.row(user)
        if row is None:
            return {}
        columns, weights = self.taken.row(row)
        return dict(zip(self.products.names(columns.tolist()), weights.tolist(), strict=True))


class Recent:
    """Products by user with the weight of the strongest event; who did something last is kept longest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users: OrderedDict[str, tuple[float, dict[str, float]]] = OrderedDict()

    def add(self, user: str, product: str, event_type: str) -> None:
        """Note an event."""
        _, products = self._users.pop(user, (0.0, {}))
        # Once more at the end: of many products the latest are kept.
        weight = max(products.pop(product, 0.0), WEIGHTS[event_type])
        products[product] = weight
        if len(products) > MOST_PRODUCTS:
            del products[next(iter(products))]
        self._users[user] = (self._clock(), products)
        if len(self._users) > MOST_USERS:
            self._users.popitem(last=False)

    def forget(self, users: Collection[str]) -> None:
        """Know nothing of these any more."""
        for user in users:
            self._users.pop(user, None)

    def of(self, user: str, shared: RecentTable | None = None) -> Mapping[str, float]:
        """What a user did lately, by what this process was told and by what the loop wrote down."""
        at, own = self._users.get(user, (0.0, {}))
        if self._clock() - at > SECONDS:
            own = {}
        found = shared.of_user(user) if shared is not None else {}
        for product, weight in own.items():
            found[product] = max(weight, found.get(product, 0.0))
        return found
