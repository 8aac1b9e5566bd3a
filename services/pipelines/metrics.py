"""Ranking metrics by user, and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommender.model import Model

Floats = npt.NDArray[np.float64]

RESAMPLES = 1_000
_SEED = 20_260_101
_CELLS = 5_000_000
"""Drawn users held in memory at once."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over users with its 95 % bootstrap interval (percentile method)."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, eq=False)
class PerUser:
    """How a model ranked the held-out products, one value a user."""

    ndcg: Floats
    """Normalised discounted cumulative gain at k with binary relevance, 0 to 1."""
    hit: Floats
    """1 where at least one held-out product is among the k, else 0."""
    next_hit: Floats
    """1 where the product that the user took next is among the k, else 0: however many more are known, it is one."""
    coverage: float
    """Share of the catalogue that is recommended to at least one user."""
    found: npt.NDArray[np.bool_]
    """Of everything that was wanted, in the order of the users, whether it is among the k."""


def rank(model: Model, users: Sequence[str], wanted: Sequence[Sequence[str]], k: int) -> PerUser:
    """Ask the model exactly as serving does, and compare with what the users really took, in the order of time."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    ndcg, hit, next_hit, shown = np.zeros(len(users)), np.zeros(len(users)), np.zeros(len(users)), set[str]()
    found: list[bool] = []
    for place, (user, held_out) in enumerate(zip(users, wanted, strict=True)):
        listed = [item.product_id for item in model.recommend(user, k)]
        shown.update(listed)
        found += [product in listed for product in held_out]
        taken = frozenset(held_out)
        gain = sum(discount[position] for position, product in enumerate(listed) if product in taken)
        ndcg[place] = gain / ideal[min(k, len(held_out))]
        hit[place] = float(gain > 0.0)
        next_hit[place] = float(held_out[0] in listed)
    return PerUser(ndcg, hit, next_hit, len(shown) / max(1, len(model.products)), np.asarray(found, np.bool_))


def interval(values: Floats) -> Interval:
    """Mean and interval of values by user; all zero without users."""
    if not len(values):
        return Interval(mean=0.0, low=0.0, high=0.0)
    low, high = np.quantile(_resampled(values), [0.025, 0.975])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))


def _resampled(values: Floats) -> Floats:
    """Means of samples drawn with replacement. Seeded: the same evaluation gives the same verdict."""
    rng = np.random.default_rng(_SEED)
    at_once = max(1, min(RESAMPLES, _CELLS // len(values)))
    means = [
        values[rng.integers(0, len(values), (min(at_once, RESAMPLES - start), len(values)))].mean(axis=1)
        for start in range(0, RESAMPLES, at_once)
    ]
    return np.concatenate(means)
