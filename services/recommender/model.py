"""The model: who took what, which products are neighbours, and what is popular, in plain arrays.

A product's score for a user is the sum, over the products the user took, of the weight of that interaction times how
much the one product speaks for the other; how that was learnt is the training's business.
"""

import dataclasses
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass

import numpy as np

from recommender.arrays import Floats, Ints, Longs, Mask, Weights
from recommender.manifest import Kind, Manifest, ModelError
from recommender.model_arrays import ModelArrays
from recommender.pseudonyms import Pseudonyms

__all__ = ["Manifest", "Model", "ModelError", "Recommendation"]

MOST_REASONS = 3
"""How many of the user's own products are named as the reason of one recommendation."""
_NOTHING: Mapping[str, float] = {}
_NO_PRODUCTS: Ints = np.zeros(0, np.int32)
_NO_WEIGHTS: Weights = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One product for one user."""

    product_id: str
    score: float
    """Sum of weight times similarity; 0 where popularity filled the list; the popularity itself for cold users."""
    because: tuple[str, ...] = ()
    """The user's products whose neighbours caused it, strongest first; empty where popularity did."""


@dataclass(frozen=True, eq=False)
class Model(ModelArrays):
    """The arrays, and what they say to whoever asks."""

    pseudonyms: Pseudonyms | None = None
    """Makes of the ids that are asked for the ones that users have here; None where they are the same."""
    suppressed: Container[str] = frozenset()
    """Users who are served as if they were not known: they asked to be forgotten after the model was trained."""

    def with_version(self, model_version: str) -> "Model":
        """The same model under the version that the registry gave it."""
        return dataclasses.replace(self, manifest=dataclasses.replace(self.manifest, model_version=model_version))

    def with_popularity(self, popularity: Floats) -> "Model":
        """The same model with another popularity, by product."""
        popular = np.argsort(-popularity, kind="stable").astype(np.int32)
        return dataclasses.replace(self, popularity=popularity, popular=popular)

    def under(self, pseudonyms: Pseudonyms | None, suppressed: Container[str] = frozenset()) -> "Model":
        """The same model, asked by ids as people know them.

        Args:
            suppressed: pseudonyms of users who may not be known any more.

        Raises:
            ModelError: its users are pseudonyms, and this is not the key that they were made with.
        """
        made_with = self.manifest.pseudonyms
        if not made_with:
            return self
        if pseudonyms is None or pseudonyms.fingerprint != made_with:
            raise ModelError(
                "Its users are pseudonyms, and the key here "
                + ("is another one" if pseudonyms else "is missing")
                + ": set MLOPS_PII_SALT to what the loop has."
            )
        return dataclasses.replace(self, pseudonyms=pseudonyms, suppressed=suppressed)

    def name_of(self, user_id: str) -> str:
        """What the user is called here."""
        return self.pseudonyms.of(user_id) if self.pseudonyms else user_id

    @property
    def kind(self) -> Kind:
        """How it recommends."""
        return self.manifest.kind

    @property
    def version(self) -> str:
        """Version in the registry, or empty."""
        return self.manifest.model_version

    def knows(self, user_id: str) -> bool:
        """Whether the user was there when the model was trained; the others are cold."""
        name = self.name_of(user_id)
        return name not in self.suppressed and self.users.row(name) is not None

    def recommend(
        self,
        user_id: str,
        k: int,
        recent: Mapping[str, float] = _NOTHING,
        without: Collection[str] = (),
        shown: Mask | None = None,
    ) -> list[Recommendation]:
        """The k best products that the user has not seen, best first; fewer only where no more are left.

        Equal scores are ordered by product id. Cold users, users without a neighbour to offer and the rest of a
        list that neighbours do not fill are served by popularity.

        Args:
            recent: products that the user took since the training, with the weight of each: they count as the others.
            without: products that may not be recommended.
            shown: by product, whether it may be; all of them where it is not given.
        """
        _refuse_negative(k)
        seen, weights = self.history(user_id, recent)
        barred = np.union1d(seen, self._columns(without)).astype(np.int32) if without else seen
        if self.kind == "popularity" or len(seen) == 0:
            return self._popular(k, barred, shown)
        scores = self.neighbours.summed(seen, weights, len(self.products))
        scores[barred] = 0.0
        if shown is not None:
            scores[~shown] = 0.0
        candidates = np.flatnonzero(scores > 0.0)
        best = _best(candidates, scores[candidates], k)
        reasons = self._reasons(best, seen, weights)
        found = [
            Recommendation(name, score, because)
            for name, score, because in zip(
                self.products.names(best.tolist()), scores[best].tolist(), reasons, strict=True
            )
        ]
        if len(found) < k:
            taken = np.concatenate([barred, best.astype(np.int32)])
            found += [Recommendation(item.product_id, 0.0) for item in self._popular(k - len(found), taken, shown)]
        return found

    def history(self, user_id: str, recent: Mapping[str, float] = _NOTHING) -> tuple[Ints, Weights]:
        """The user's products and their weights, in order; a product that the model does not know says nothing."""
        name = self.name_of(user_id)
        row = None if name in self.suppressed else self.users.row(name)
        seen, weights = self.interactions.row(row) if row is not None else (_NO_PRODUCTS, _NO_WEIGHTS)
        if not recent or name in self.suppressed:
            return seen, weights
        half_life = self.manifest.half_life or float("inf")
        # What was taken lately came after everything that is stored, in the order in which it is given.
        aged = 0.5 ** (len(recent) / half_life)
        stored = dict(zip(seen.tolist(), (weights * aged).tolist(), strict=True))
        for later, (product, weight) in enumerate(reversed(list(recent.items()))):
            column = self.products.row(product)
            if column is not None:
                stored[column] = max(weight * 0.5 ** (later / half_life), stored.get(column, 0.0))
        columns = sorted(stored)
        return np.asarray(columns, np.int32), np.asarray([stored[column] for column in columns], weights.dtype)

    def _columns(self, products: Collection[str]) -> Ints:
        return np.asarray([row for name in products if (row := self.products.row(name)) is not None], np.int32)

    def similar(self, product_id: str, k: int, shown: Mask | None = None) -> list[Recommendation]:
        """The k nearest neighbours of a product, most similar first; none where the model has no neighbours.

        Args:
            shown: by product, whether it may be among them; all of them where it is not given.

        Raises:
            KeyError: the model does not know the product.
        """
        _refuse_negative(k)
        row = self.products.row(product_id)
        if row is None:
            raise KeyError(product_id)
        columns, similarity = self.neighbours.row(row)
        others = (columns != row) & (similarity > 0.0)
        if shown is not None:
            others &= shown[columns]
        columns, similarity = columns[others].astype(np.int64), similarity[others].astype(np.float64)
        order = np.lexsort((columns, -similarity))[:k]
        names = self.products.names(columns[order].tolist())
        return [
            Recommendation(name, score, (product_id,))
            for name, score in zip(names, similarity[order].tolist(), strict=True)
        ]

    def _popular(self, k: int, taken: Ints, shown: Mask | None) -> list[Recommendation]:
        popular = self.popular if shown is None else self.popular[shown[self.popular]]
        # The first k + |taken| places hold k products that are not taken, or all that there are.
        head = popular[: k + len(taken)]
        rows = head[~np.isin(head, taken)][:k] if len(taken) else head[:k]
        names = self.products.names(rows.tolist())
        return [Recommendation(name, score) for name, score in zip(names, self.popularity[rows].tolist(), strict=True)]

    def _reasons(self, best: Longs, seen: Ints, weights: Weights) -> list[tuple[str, ...]]:
        """For each of the best, the user's products that spoke for it, strongest first."""
        shares = weights[:, None] * self.neighbours.between(seen, best, len(self.products))
        named = []
        for share in shares.T:
            strongest = np.lexsort((seen, -share))[:MOST_REASONS]
            named.append(tuple(self.products.names(seen[strongest[share[strongest] > 0.0]].tolist())))
        return named


def _best(candidates: Longs, scores: Floats, k: int) -> Longs:
    """The k candidates with the highest scores, best first, equal ones in ascending order."""
    if k == 0:
        return candidates[:0]
    if len(candidates) > 4 * k:
        # Everything below the k-th score is out; equals of the k-th stay in, so that ties are broken by order.
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = scores >= least
        candidates, scores = candidates[kept], scores[kept]
    return candidates[np.argsort(-scores, kind="stable")[:k]]


def _refuse_negative(k: int) -> None:
    if k < 0:
        raise ValueError(f"k is {k}; it must not be negative.")
