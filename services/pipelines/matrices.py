"""From events to sparse matrices, and the split that evaluation rests on."""

from dataclasses import dataclass
from typing import cast

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
_BLOCK = 2_048
"""Products whose common users are counted at once: bounds memory, whatever the catalogue's size."""
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
        return cls(users, products, pair // max(1, len(products)), pair % max(1, len(products)), strongest[order])

    def matrix(self, rows: npt.NDArray[np.bool_] | None = None) -> Csr:
        """Users by products, of all pairs or of those given."""
        kept = slice(None) if rows is None else rows
        values = (self.weight[kept].astype(np.float32), (self.user[kept], self.product[kept]))
        found: Csr = sparse.csr_array(values, shape=(len(self.users), len(self.products)))
        return found

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
        counts = np.bincount(self.user, minlength=len(self.users))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
        place = np.arange(len(self.user)) - starts[self.user]
        test = np.where(counts >= LEAST_PRODUCTS, np.maximum(1, np.floor(counts * HELD_OUT)), 0)
        held: npt.NDArray[np.bool_] = place >= (counts - test)[self.user]
        return held


def _places(names: list[str], among: pa.Array) -> Longs:
    found = pc.index_in(pa.array(names, pa.string()), value_set=among)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)


def popularity(matrix: Csr) -> Floats:
    """By product: the sum of the weights of all users."""
    return np.asarray(matrix.sum(axis=0), np.float64).reshape(-1)


def neighbours(matrix: Csr, *, most: int, shrinkage: float) -> Csr:
    """Products by products: the cosine of each product's most similar ones.

    Args:
        most: neighbours kept a product.
        shrinkage: pulls the similarity of products with few common users towards zero: n / (n + shrinkage) for n
            common users (Bell and Koren, "Improved Neighborhood-based Collaborative Filtering", 2007).
    """
    taken = sparse.csr_array(matrix.T)
    taken.data = np.ones_like(taken.data)
    by_user = sparse.csr_array(taken.T)
    sizes = np.diff(taken.indptr).astype(np.float64)
    blocks = [
        _nearest(sparse.csr_array(taken[start : start + _BLOCK] @ by_user), start, sizes, most, shrinkage)
        for start in range(0, taken.shape[0], _BLOCK)
    ]
    return cast(Csr, sparse.vstack(blocks, format="csr")) if blocks else matrix[:0, :0]


def _nearest(common: Csr, first: int, sizes: Floats, most: int, shrinkage: float) -> Csr:
    """The rows of some products: `common` counts the users that each shares with every other."""
    rows, columns, together = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr)), common.indices, common.data
    others = rows + first != columns
    rows, columns, together = rows[others], columns[others], together[others].astype(np.float64)
    similarity = together / np.sqrt(sizes[rows + first] * sizes[columns]) * (together / (together + shrinkage))
    order = np.lexsort((columns, -similarity, rows))
    rank = np.arange(len(rows)) - np.searchsorted(rows, np.arange(common.shape[0]))[rows]
    kept = order[rank < most]
    values = (similarity[kept].astype(np.float32), (rows[kept], columns[kept]))
    return sparse.csr_array(values, shape=common.shape)
