"""From events to sparse matrices, and the split that evaluation rests on."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from pipelines.schema import WEIGHTS
from pipelines.snapshots import codes

Csr = sparse.csr_array
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

HELD_OUT = 0.2
"""Share of a user's products, the latest ones, that is held out for evaluation."""
VALIDATION_PARTS = (0.4, 0.6, 0.8, 1.0)
"""Shares of the pairs that are not held out, in the order of time: between each two lies a part on which what was
learnt before it is tried. One part alone would leave a fifth of the users, and with them intervals twice as wide."""
Split = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
"""Per pair whether it is learnt from, is history, is asked for."""
LEAST_PRODUCTS = 3
"""Users with fewer products are learnt from and not evaluated."""
_LEAST_SHARE = 2.0**-20
"""Of its weight that a product keeps however long ago it was taken: a weight of zero would be no interaction."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who took what: one row a user-product pair, ordered by user, then by the time of the first event."""

    users: list[str]
    products: list[str]
    user: Longs
    product: Longs
    weight: Floats
    """Of the strongest event of the pair."""
    order: Longs
    """Place of the pair's first event among all events, in the order of time."""

    @classmethod
    def of(cls, events: pa.Table) -> "Interactions":
        """The pairs of canonical events."""
        users, user = codes(events["user_id"])
        products, product = codes(events["product_id"])
        kinds, kind = codes(events["event_type"])
        weight = np.asarray([WEIGHTS[name] for name in kinds], np.float64)[kind]
        # Events are in the order of time, so that the first appearance of a pair is its time.
        pair, first, place = np.unique(user * max(1, len(products)) + product, return_index=True, return_inverse=True)
        strongest = np.zeros(len(pair))
        np.maximum.at(strongest, place, weight)
        order = np.lexsort((first, pair // max(1, len(products))))
        pair = pair[order]
        width = max(1, len(products))
        return cls(users, products, pair // width, pair % width, strongest[order], first[order])

    def matrix(self, rows: npt.NDArray[np.bool_] | None = None, half_life: float | None = None) -> Csr:
        """Users by products, of all pairs or of those given.

        Args:
            half_life: after so many later products of the same user, among those given, a pair weighs half as much.
        """
        kept = np.ones(len(self.user), np.bool_) if rows is None else rows
        weight = self.weight[kept]
        if half_life is not None:
            weight = weight * np.maximum(0.5 ** (self._later(kept) / half_life), _LEAST_SHARE)
        values = (weight.astype(np.float32), (self.user[kept], self.product[kept]))
        found: Csr = sparse.csr_array(values, shape=(len(self.users), len(self.products)))
        return found

    def among(self, rows: npt.NDArray[np.bool_]) -> "Interactions":
        """Some of the pairs, with the users and products that are left."""
        users, user = np.unique(self.user[rows], return_inverse=True)
        products, product = np.unique(self.product[rows], return_inverse=True)
        return Interactions(
            [self.users[place] for place in users],
            [self.products[place] for place in products],
            user,
            product,
            self.weight[rows],
            self.order[rows],
        )

    def of_users(self, users: Longs, rows: npt.NDArray[np.bool_]) -> "Interactions":
        """The pairs of some users among some of the pairs, with all products; users are given in ascending order."""
        kept = rows & np.isin(self.user, users)
        return Interactions(
            [self.users[user] for user in users],
            self.products,
            np.searchsorted(users, self.user[kept]),
            self.product[kept],
            self.weight[kept],
            self.order[kept],
        )

    def contains(self, others: "Interactions", rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Per pair of these, whether it is among some rows of the others, by name."""
        users, products = pa.array(self.users, pa.string()), pa.array(self.products, pa.string())
        user = _places(others.users, users)[others.user[rows]]
        product = _places(others.products, products)[others.product[rows]]
        both = (user >= 0) & (product >= 0)
        width = max(1, len(self.products))
        return np.isin(self.user * width + self.product, user[both] * width + product[both])

    def held_out(self) -> npt.NDArray[np.bool_]:
        """Per pair whether it is held out: the latest products of each user who has enough of them.

        The same events give the same split, and more events move it forward, so that a model of last week has not
        seen what this week's is judged by.
        """
        return self._latest(np.ones(len(self.user), np.bool_))

    def validation(self) -> Iterator[Split]:
        """The splits that hyperparameters are chosen on, among the pairs that are not held out.

        Each cut is one point in time for everybody: what is learnt lies before it, what is asked for after it. The
        history of those who are asked may reach beyond the cut, as a visitor's history reaches beyond the training.
        """
        kept = ~self.held_out()
        if not kept.any():
            return
        for start, end in pairwise(np.quantile(self.order[kept], VALIDATION_PARTS)):
            known = kept & (self.order <= end)
            asked = self._latest(known) & (self.order > start)
            history = known & ~asked & np.isin(self.user, np.unique(self.user[asked]))
            yield kept & (self.order <= start), history, asked

    def _latest(self, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Per pair, whether it is one of its user's latest among some pairs, of users who have enough of them."""
        counts = np.bincount(self.user[among], minlength=len(self.users))
        test = np.where(counts >= LEAST_PRODUCTS, np.maximum(1, np.floor(counts * HELD_OUT)), 0)
        latest = np.zeros(len(self.user), np.bool_)
        latest[among] = self._later(among) < test[self.user[among]]
        return latest

    def _later(self, among: npt.NDArray[np.bool_]) -> Longs:
        """Of each of some pairs, how many of them its user took later."""
        user = self.user[among]
        ends = np.cumsum(np.bincount(user, minlength=len(self.users)))
        return np.asarray(ends[user] - 1 - np.arange(len(user)), np.int64)


def _places(names: list[str], among: pa.Array) -> Longs:
    found = pc.index_in(pa.array(names, pa.string()), value_set=among)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)


def popularity(matrix: Csr) -> Floats:
    """By product: the sum of the weights of all users."""
    return np.asarray(matrix.sum(axis=0), np.float64).reshape(-1)
