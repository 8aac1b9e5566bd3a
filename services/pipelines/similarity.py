"""What products have to do with each other, learnt in several ways and kept in one form: rows of neighbours.

Every way ends in a matrix of products by products, so that serving, explaining and folding in are one piece of code
whichever way won. That loses nothing: with the same confidence in every interaction, alternating least squares
answers a history x with x Y (Y'Y + r I)^-1 Y', which is such a matrix already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never, cast

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from pipelines.matrices import Csr, Floats

Algorithm = Literal["cosine", "ease", "als", "blend"]

MOST_EASE_PRODUCTS = 6_000
"""EASE inverts a matrix of products by products: 8 bytes times the square, 300 MB at this size; time by the cube."""
_MOST_STORED = 4_000_000
"""Values kept of a matrix at most: all of them up to 2,000 products, 400 neighbours a product at 10,000."""
_BLOCK = 2_048
"""Products that are looked at together: bounds memory, whatever the catalogue's size."""
_SEED = 3


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """How neighbours are learnt. What an algorithm does not use, it passes over."""

    algorithm: Algorithm = "cosine"
    neighbours: int = 50
    """Similar products kept for each product, at most."""
    shrinkage: float = 10.0
    """cosine: common users at which a similarity is halved."""
    regularization: float = 100.0
    """ease, blend: added to the diagonal of the counts of common users."""
    factor_regularization: float = 10.0
    """als, blend: of the factors' squares."""
    factors: int = 32
    """als, blend: numbers that describe a product."""
    iterations: int = 15
    """als: rounds."""
    half_life: float | None = None
    """After how many later products of the same user one counts half in what is recommended; None: all alike. What is
    learnt does not depend on it."""

    def __str__(self) -> str:
        latest = "" if self.half_life is None else f", the latest count most, half-life {self.half_life:g} products"
        return self._way() + latest

    def _way(self) -> str:
        match self.algorithm:
            case "cosine":
                return f"cosine, {self.neighbours} neighbours, shrinkage {self.shrinkage:g}"
            case "ease":
                return f"EASE, regularization {self.regularization:g}"
            case "als":
                return f"ALS, {self.factors} factors, regularization {self.factor_regularization:g}"
            case "blend":
                return f"EASE, regularization {self.regularization:g}, and ALS, {self.factors} factors, in equal shares"
            case _:
                assert_never(self.algorithm)

    def fits(self, products: int) -> bool:
        """Whether the algorithm can hold a catalogue of that size."""
        return self.algorithm not in {"ease", "blend"} or products <= MOST_EASE_PRODUCTS


def learn(matrix: Csr, wanted: Hyperparameters) -> Csr:
    """Products by products: how much a product that was taken speaks for each other one.

    Args:
        matrix: users by products; what is stored counts as taken, however strongly.
    """
    taken = sparse.csr_array((np.ones(matrix.nnz, np.float64), matrix.indices, matrix.indptr), shape=matrix.shape)
    if not matrix.nnz:
        return cast(Csr, sparse.csr_array((matrix.shape[1], matrix.shape[1]), dtype=np.float32))
    match wanted.algorithm:
        case "cosine":
            return cosine(taken, most=wanted.neighbours, shrinkage=wanted.shrinkage)
        case "ease":
            return ease(taken, most=wanted.neighbours, regularization=wanted.regularization)
        case "als":
            return als(taken, wanted)
        case "blend":
            linear = ease(taken, most=wanted.neighbours, regularization=wanted.regularization)
            return cast(Csr, _levelled(linear) + _levelled(als(taken, wanted)))
        case _:
            assert_never(wanted.algorithm)


def cosine(matrix: Csr, *, most: int, shrinkage: float) -> Csr:
    """The cosine of each product's most similar ones.

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


def ease(matrix: Csr, *, most: int, regularization: float) -> Csr:
    """The linear model without hidden units that rebuilds each history from the others of its products.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (2019): with P the inverse of the counts of common
    users plus the regularization on the diagonal, product i speaks for product j by -P_ij / P_jj.
    """
    counts = np.empty((matrix.shape[1], matrix.shape[1]), order="F")
    by_product = sparse.csr_array(matrix.T)
    for start in range(0, len(counts), _BLOCK):
        counts[start : start + _BLOCK] = (by_product[start : start + _BLOCK] @ matrix).toarray()
    counts[np.diag_indices_from(counts)] += regularization
    # In place: at the largest catalogue a second copy would be another gigabyte.
    inverse = linalg.lapack.dpotri(linalg.cholesky(counts, lower=True, overwrite_a=True), lower=True, overwrite_c=True)[
        0
    ]
    diagonal = np.diagonal(inverse).copy()

    def rows(start: int, end: int) -> Floats:
        # Only the lower half is filled in.
        block = np.concatenate([inverse[start:end, :start], np.empty((end - start, len(inverse) - start))], axis=1)
        square = np.tril(inverse[start:end, start:end])
        block[:, start:end] = square + np.tril(square, -1).T
        block[:, end:] = inverse[end:, start:end].T
        return cast(Floats, -block / diagonal)

    return _strongest(rows, len(diagonal), most)


def als(matrix: Csr, wanted: Hyperparameters) -> Csr:
    """Alternating least squares on what was taken (Hu, Koren and Volinsky, "Collaborative Filtering for Implicit
    Feedback Datasets", 2008), folded into rows of neighbours."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    # The library runs threads of its own; linear algebra's below them would fight for the same cores.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=wanted.factors,
            regularization=wanted.factor_regularization,
            iterations=wanted.iterations,
            random_state=_SEED,
        )
        model.fit(sparse.csr_matrix(matrix.astype(np.float32)), show_progress=False)
    factors = np.asarray(model.item_factors, np.float64)
    ridge = factors.T @ factors + wanted.factor_regularization * np.eye(factors.shape[1])
    half = linalg.solve(ridge, factors.T, assume_a="pos")
    return _strongest(lambda start, end: factors[start:end] @ half, len(factors), wanted.neighbours)


def _levelled(matrix: Csr) -> Csr:
    """The matrix with values whose squares are 1 on average, so that two of them weigh the same."""
    size = float(np.sqrt(np.square(matrix.data, dtype=np.float64).mean())) if matrix.nnz else 0.0
    return matrix / np.float32(size) if size else matrix


def _strongest(rows: Callable[[int, int], Floats], products: int, most: int) -> Csr:
    """The values of each row that weigh most, whichever their sign; a product says nothing of itself."""
    most = min(most, products, max(1, _MOST_STORED // products))
    blocks = []
    for start in range(0, products, _BLOCK):
        end = min(start + _BLOCK, products)
        block = rows(start, end)
        block[np.arange(end - start), np.arange(start, end)] = 0.0
        blocks.append(_cut(block, most))
    return cast(Csr, sparse.vstack(blocks, format="csr"))


def _cut(block: Floats, most: int) -> Csr:
    count, width = block.shape
    if most >= width:
        columns: npt.NDArray[np.intp] = np.broadcast_to(np.arange(width), block.shape)
    else:
        columns = np.sort(np.argpartition(-np.abs(block), most - 1, axis=1)[:, :most], axis=1)
    values = np.take_along_axis(block, columns, axis=1).astype(np.float32)
    return sparse.csr_array(
        (values.reshape(-1), columns.reshape(-1), np.arange(count + 1) * columns.shape[1]), shape=block.shape
    )
