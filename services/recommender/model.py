"""The model: who took what, which products are neighbours, and what is popular, in plain arrays.

A product's score for a user is the sum, over the products the user took, of the weight of that interaction times how
much the one product speaks for the other; how that was learnt is the training's business. Serving it needs numpy
only, so that the service starts without the libraries that trained it, and the arrays are mapped from disk, so that
a swap costs neither seconds nor a second copy.
"""

import dataclasses
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recommender.arrays import Array, CompressedRows, Floats, IdTable, Ints, Longs, Rows, Weights
from recommender.manifest import Kind, Manifest, ModelError, read_array, write_array
from recommender.pseudonyms import Pseudonyms

__all__ = ["Manifest", "Model", "ModelError", "Recommendation"]

MOST_REASONS = 3
"""How many of the user's own products are named as the reason of one recommendation."""
_PAGE_BYTES = 4096
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
class Model:
    """Rows of users and products are in the order of their ids, so ties are broken by the product's id."""

    manifest: Manifest
    users: IdTable
    products: IdTable
    interactions: Rows
    """Users by products: how strongly a user took a product. Every stored pair counts as seen."""
    neighbours: Rows
    """Products by products: row i lists what product i speaks for, and how much; below zero it speaks against."""
    popularity: Floats
    """By product."""
    popular: Ints
    """Products, most popular first."""
    pseudonyms: Pseudonyms | None = None
    """Makes of the ids that are asked for the ones that users have here; None where they are the same."""
    suppressed: Container[str] = frozenset()
    """Users who are served as if they were not known: they asked to be forgotten after the model was trained."""

    @classmethod
    def collaborative(
        cls,
        user_ids: Sequence[str],
        product_ids: Sequence[str],
        interactions: CompressedRows,
        neighbours: CompressedRows,
        popularity: npt.ArrayLike,
        *,
        data_version: str = "",
        model_version: str = "",
        created: str | None = None,
        pseudonyms: str = "",
    ) -> "Model":
        """A model that recommends the neighbours of what a user took.

        Args:
            user_ids: row names of `interactions`, in any order.
            product_ids: its column names, and both names of `neighbours`.
            interactions: CSR, users by products.
            neighbours: CSR, products by products: row i lists the neighbours of product i.
            popularity: by product; for cold users, and to fill a list up.
            data_version: of the data that it was trained on.
            model_version: in the registry, where it is known already.
            created: ISO 8601 in UTC; now where it is not given.
            pseudonyms: fingerprint of the key that the users' ids are hidden with.

        Raises:
            ModelError: shapes that do not fit, an id given twice or empty, a value that is not finite.
        """
        manifest = Manifest.now("collaborative", data_version, model_version, created, pseudonyms)
        return cls._build(manifest, user_ids, product_ids, interactions, neighbours, popularity)

    @classmethod
    def popularity_only(
        cls,
        user_ids: Sequence[str],
        product_ids: Sequence[str],
        interactions: CompressedRows,
        popularity: npt.ArrayLike,
        *,
        data_version: str = "",
        model_version: str = "",
        created: str | None = None,
        pseudonyms: str = "",
    ) -> "Model":
        """A model that recommends to everybody what is popular and not yet seen; arguments as above."""
        manifest = Manifest.now("popularity", data_version, model_version, created, pseudonyms)
        return cls._build(manifest, user_ids, product_ids, interactions, None, popularity)

    @classmethod
    def _build(
        cls,
        manifest: Manifest,
        user_ids: Sequence[str],
        product_ids: Sequence[str],
        interactions: CompressedRows,
        neighbours: CompressedRows | None,
        popularity: npt.ArrayLike,
    ) -> "Model":
        users, user_order = IdTable.build(user_ids, "user")
        products, product_order = IdTable.build(product_ids, "product")
        values = np.asarray(popularity, np.float64).reshape(-1)
        if len(values) != len(products) or not np.isfinite(values).all():
            raise ModelError(f"Popularity needs one finite value for each of {len(products)} products.")
        values = values[product_order]
        return cls(
            manifest=manifest,
            users=users,
            products=products,
            interactions=Rows.build(interactions, user_order, product_order, "The interaction matrix"),
            neighbours=Rows.empty(len(products))
            if neighbours is None
            else Rows.build(neighbours, product_order, product_order, "The neighbour matrix"),
            popularity=values,
            popular=np.argsort(-values, kind="stable").astype(np.int32),
        )

    def with_version(self, model_version: str) -> "Model":
        """The same model under the version that the registry gave it."""
        return dataclasses.replace(self, manifest=dataclasses.replace(self.manifest, model_version=model_version))

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
        self, user_id: str, k: int, recent: Mapping[str, float] = _NOTHING, without: Collection[str] = ()
    ) -> list[Recommendation]:
        """The k best products that the user has not seen, best first; fewer only where no more are left.

        Equal scores are ordered by product id. Cold users, users without a neighbour to offer and the rest of a
        list that neighbours do not fill are served by popularity.

        Args:
            recent: products that the user took since the training, with the weight of each: they count as the others.
            without: products that may not be recommended.
        """
        _refuse_negative(k)
        seen, weights = self._history(user_id, recent)
        barred = np.union1d(seen, self._columns(without)).astype(np.int32) if without else seen
        if self.kind == "popularity" or len(seen) == 0:
            return self._popular(k, barred)
        scores = self.neighbours.summed(seen, weights, len(self.products))
        scores[barred] = 0.0
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
            found += [Recommendation(item.product_id, 0.0) for item in self._popular(k - len(found), taken)]
        return found

    def _history(self, user_id: str, recent: Mapping[str, float]) -> tuple[Ints, Weights]:
        """The user's products and their weights, in order; a product that the model does not know says nothing."""
        name = self.name_of(user_id)
        row = None if name in self.suppressed else self.users.row(name)
        seen, weights = self.interactions.row(row) if row is not None else (_NO_PRODUCTS, _NO_WEIGHTS)
        if not recent or name in self.suppressed:
            return seen, weights
        stored = dict(zip(seen.tolist(), weights.tolist(), strict=True))
        for product, weight in recent.items():
            column = self.products.row(product)
            if column is not None:
                stored[column] = max(weight, stored.get(column, 0.0))
        columns = sorted(stored)
        return np.asarray(columns, np.int32), np.asarray([stored[column] for column in columns], weights.dtype)

    def _columns(self, products: Collection[str]) -> Ints:
        return np.asarray([row for name in products if (row := self.products.row(name)) is not None], np.int32)

    def similar(self, product_id: str, k: int) -> list[Recommendation]:
        """The k nearest neighbours of a product, most similar first; none where the model has no neighbours.

        Raises:
            KeyError: the model does not know the product.
        """
        _refuse_negative(k)
        row = self.products.row(product_id)
        if row is None:
            raise KeyError(product_id)
        columns, similarity = self.neighbours.row(row)
        others = (columns != row) & (similarity > 0.0)
        columns, similarity = columns[others].astype(np.int64), similarity[others].astype(np.float64)
        order = np.lexsort((columns, -similarity))[:k]
        names = self.products.names(columns[order].tolist())
        return [
            Recommendation(name, score, (product_id,))
            for name, score in zip(names, similarity[order].tolist(), strict=True)
        ]

    def _popular(self, k: int, taken: Ints) -> list[Recommendation]:
        # The first k + |taken| places hold k products that are not taken, or all that there are.
        head = self.popular[: k + len(taken)]
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

    def save(self, folder: str | Path) -> Path:
        """Write one .npy file an array, then manifest.json with their checksums; the folder is made where missing."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        files = {name: write_array(target, name, array) for name, array in self._arrays().items()}
        dataclasses.replace(self.manifest, files=files).write(target)
        return target

    @classmethod
    def load(cls, folder: str | Path, mmap: bool = True) -> "Model":
        """Read a saved model; with `mmap` the arrays stay on disk until they are touched.

        A mapped folder must not be written to while the model lives. Checks what costs nothing at any size (format,
        versions, presence, file sizes, types, shapes); `verify` checks the rest.

        Raises:
            ModelError: with the one reason why the folder cannot be served.
        """
        source = Path(folder)
        manifest = Manifest.read(source)

        def read(name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
            return read_array(source, manifest, f"{name}.npy", dtype, mmap=mmap)

        def rows(name: str) -> Rows:
            return Rows(
                read(f"{name}_indptr", np.int64), read(f"{name}_indices", np.int32), read(f"{name}_data", np.float32)
            )

        model = cls(
            manifest=manifest,
            users=IdTable(read("users_offsets", np.int64), read("users_blob", np.uint8)),
            products=IdTable(read("products_offsets", np.int64), read("products_blob", np.uint8)),
            interactions=rows("interactions"),
            neighbours=rows("neighbours"),
            popularity=read("popularity", np.float64),
            popular=read("popular", np.int32),
        )
        model.check(every_value=False)
        return model

    @classmethod
    def verify(cls, folder: str | Path) -> "Model":
        """Load, and read every byte: checksums, indices within bounds, finite values.

        Raises:
            ModelError: with the one reason why the folder cannot be trusted.
        """
        model = cls.load(folder)
        model.manifest.verify_files(Path(folder))
        model.check(every_value=True)
        return model

    def touch(self) -> None:
        """Read one byte of every page, so that no answer waits for a disk; other threads run meanwhile."""
        for array in self._arrays().values():
            array.view(np.uint8)[::_PAGE_BYTES].max(initial=0)
        self.neighbours.prepare()

    def check(self, *, every_value: bool) -> None:
        """Raise ModelError unless the arrays fit each other."""
        users, products = len(self.users), len(self.products)
        self.users.check("users")
        self.products.check("products")
        self.interactions.check("The interaction matrix", users, products, every_value=every_value)
        self.neighbours.check("The neighbour matrix", products, products, every_value=every_value)
        if len(self.popularity) != products or len(self.popular) != products:
            raise ModelError(f"Popularity does not fit {products} products: the model is damaged.")
        if every_value and not np.array_equal(np.sort(self.popular), np.arange(products)):
            raise ModelError("The order by popularity does not name every product once: the model is damaged.")

    def _arrays(self) -> dict[str, Array]:
        return {
            "users_offsets.npy": self.users.offsets,
            "users_blob.npy": self.users.blob,
            "products_offsets.npy": self.products.offsets,
            "products_blob.npy": self.products.blob,
            "interactions_indptr.npy": self.interactions.indptr,
            "interactions_indices.npy": self.interactions.indices,
            "interactions_data.npy": self.interactions.data,
            "neighbours_indptr.npy": self.neighbours.indptr,
            "neighbours_indices.npy": self.neighbours.indices,
            "neighbours_data.npy": self.neighbours.data,
            "popularity.npy": self.popularity,
            "popular.npy": self.popular,
        }


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
