"""The arrays of a model: how they are put in order when it is made, saved, mapped from disk and checked.

Serving needs numpy only, so that the service starts without the libraries that trained it, and the arrays are mapped,
so that a swap costs neither seconds nor a second copy.
"""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recommender.arrays import Array, CompressedRows, Floats, IdTable, Ints, Rows
from recommender.manifest import Manifest, ModelError, read_array, write_array

_PAGE_BYTES = 4096


@dataclass(frozen=True, eq=False)
class ModelArrays:
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
        half_life: float | None = None,
    ) -> Self:
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
            half_life: what the weights of `interactions` were made with; see the manifest.

        Raises:
            ModelError: shapes that do not fit, an id given twice or empty, a value that is not finite.
        """
        manifest = Manifest.now("collaborative", data_version, model_version, created, pseudonyms, half_life)
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
    ) -> Self:
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
    ) -> Self:
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

    def without(self, users: Collection[str]) -> Self:
        """The same without some users and what they took; what all of them together taught stays."""
        rows = [row for name in users if (row := self.users.row(name)) is not None]
        if not rows:
            return self
        kept = np.ones(len(self.users), np.bool_)
        kept[rows] = False
        return dataclasses.replace(
            self,
            manifest=dataclasses.replace(self.manifest, files={}),
            users=self.users.kept(kept),
            interactions=self.interactions.kept(kept),
        )

    def save(self, folder: str | Path) -> Path:
        """Write one .npy file an array, then manifest.json with their checksums; the folder is made where missing."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        files = {name: write_array(target, name, array) for name, array in self._arrays().items()}
        dataclasses.replace(self.manifest, files=files).write(target)
        return target

    @classmethod
    def load(cls, folder: str | Path, mmap: bool = True) -> Self:
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
    def verify(cls, folder: str | Path) -> Self:
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
