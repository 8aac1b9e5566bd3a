"""From events to sparse matrices, and the split that evaluation rests on."""

from dataclasses import dataclass

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
VALIDATION = 0.2
"""Share of the pairs that are not held out, the latest of all users', on which hyperparameters are chosen."""
LEAST_PRODUCTS = 3
"""Users with fewer products are learnt from and not evaluated."""


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

    def matrix(self, rows: npt.NDArray[np.bool_] | None = None) -> Csr:
        """Users by products, of all pairs or of those given."""
        kept = slice(None) if rows is None else rows
        values = (self.weight[kept].astype(np.float32), (self.user[kept], self.product[kept]))
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

    def validation(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Per pair, among those that are not held out: whether it is learnt from, is history, is asked for.

        The cut is one point in time for everybody: what is learnt lies before it, what is asked for after it. The
        history of those who are asked may reach beyond the cut, as a visitor's history reaches beyond the training.
        """
        kept = ~self.held_out()
        late = kept & (self.order > np.quantile(self.order[kept], 1.0 - VALIDATION)) if kept.any() else kept
        asked = self._latest(kept) & late
        history = kept & ~asked & np.isin(self.user, np.unique(self.user[asked]))
        return kept & ~late, history, asked

    def _latest(self, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Per pair, whether it is one of its user's latest among some pairs, of users who have enough of them."""
        user = self.user[among]
        counts = np.bincount(user, minlength=len(self.users))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
        place = np.arange(len(user)) - starts[user]
        test = np.where(counts >= LEAST_PRODUCTS, np.maximum(1, np.floor(counts * HELD_OUT)), 0)
        latest = np.zeros(len(self.user), np.bool_)
        latest[among] = place >= (counts - test)[user]
        return latest


def _places(names: list[str], among: pa.Array) -> Longs:
    found = pc.index_in(pa.array(names, pa.string()), value_set=among)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)


def popularity(matrix: Csr) -> Floats:
    """By product: the sum of the weights of all users."""
    return np.asarray(matrix.sum(axis=0), np.float64).reshape(-1)
