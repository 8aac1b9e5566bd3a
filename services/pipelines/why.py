"""Why: what of a user's own events makes a model recommend a product, to the last digit.

A score is a sum over what the user took, so that its parts are the explanation: nothing is estimated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.compute as pc

from pipelines import snapshots
from pipelines.errors import InputError
from pipelines.lake import Lake
from pipelines.lineage import of_version
from pipelines.schema import UNKNOWN
from pipelines.tracking import Tracking
from recommender.manifest import MANIFEST
from recommender.model import Model
from recommender.pseudonyms import Pseudonyms

_FURTHEST = 1_000
"""Place up to which a product that is not in the list is looked for."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one product that the user took adds; below zero it speaks against."""

    product_id: str
    name: str
    weight: float
    """How strongly the user took it."""
    neighbour: float
    """How much the one product speaks for the other."""
    share: float
    """Weight times neighbour."""


@dataclass(frozen=True, kw_only=True)
class Because:
    """One product for the user."""

    product_id: str
    name: str
    place: int | None
    """In the user's list, from 1; None where it is not among the first thousand, or the user had it."""
    had: bool
    """Whether the user took it already, and is not shown it again."""
    score: float
    """Sum of all parts."""
    parts: tuple[Part, ...]
    """The strongest first, whichever their sign; empty where popularity is the reason."""


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why a version recommends to a user what it does; what came since the training is not part of it."""

    version: str
    kind: str
    known: bool
    """Whether the model knows the user; the others get what is popular."""
    products: tuple[Because, ...]


def why(
    lake: Lake, tracking: Tracking, pseudonyms: Pseudonyms, number: str, user_id: str, product_id: str | None, k: int
) -> Why:
    """The reasons for a user's first k products, or for one product wherever it stands.

    Args:
        number: the version, or the word for the champion.

    Raises:
        InputError: there is no such version, or the model does not know the product.
    """
    version = of_version(lake, tracking, number)
    with TemporaryDirectory(prefix="why-") as folder:
        fetched = tracking.fetch_version(version.version, Path(folder))
        model = Model.load(next(fetched.rglob(MANIFEST)).parent, mmap=False).under(pseudonyms, tracking.suppressed())
    names = _names(lake, version.data_version)
    if product_id is not None and model.products.row(product_id) is None:
        raise InputError(f"Version {version.version} does not know product {product_id}: no event named it.")
    listed = [item.product_id for item in model.recommend(user_id, _FURTHEST if product_id is not None else k)]
    wanted = [product_id] if product_id is not None else listed
    return Why(
        version=version.version,
        kind=version.kind,
        known=model.knows(user_id),
        products=tuple(_because(model, user_id, product, listed, names) for product in wanted),
    )


def _because(model: Model, user_id: str, product: str, listed: list[str], names: Mapping[str, str]) -> Because:
    row = model.products.row(product)
    assert row is not None
    seen, weights = model.history(user_id)
    near = model.neighbours.between(seen, np.asarray([row], np.int64), len(model.products))[:, 0]
    share = weights * near
    order = [place for place in np.lexsort((seen, -np.abs(share))) if share[place] != 0.0]
    parts = tuple(
        Part(
            product_id=taken,
            name=names.get(taken, UNKNOWN),
            weight=float(weights[place]),
            neighbour=float(near[place]),
            share=float(share[place]),
        )
        for taken, place in zip(model.products.names(seen[order].tolist()), order, strict=True)
    )
    return Because(
        product_id=product,
        name=names.get(product, UNKNOWN),
        place=listed.index(product) + 1 if product in listed else None,
        had=bool((seen == row).any()),
        score=float(share.sum()),
        parts=parts,
    )


def _names(lake: Lake, data_version: str) -> Mapping[str, str]:
    """Names of products; none where the data is gone."""
    if snapshots.find(lake, data_version) is None:
        return {}
    products = snapshots.products(lake, data_version)
    names = pc.fill_null(products["name"], UNKNOWN).to_pylist()
    return dict(zip(products["product_id"].to_pylist(), names, strict=True))


def lines(found: Why, most: int = 5) -> list[str]:
    """For people: of each product the strongest parts."""
    text = [f"version {found.version} ({found.kind})"]
    if not found.known:
        text.append("It does not know this user, and recommends what is popular.")
    for one in found.products:
        place = (
            "had already" if one.had else f"place {one.place}" if one.place else f"not among the first {_FURTHEST:,}"
        )
        text.append(f"{_label(one)}  {place}, score {one.score:.4f}")
        if not one.parts:
            text.append("    popular; nothing that the user took speaks for it or against it")
        text += [
            f"    {part.share:+.4f}  {_label(part)}: weight {part.weight:.3g} times {part.neighbour:.4g}"
            for part in one.parts[:most]
        ]
        if len(one.parts) > most:
            rest = sum(part.share for part in one.parts[most:])
            text.append(f"    {rest:+.4f}  {len(one.parts) - most} others")
    return text


def _label(one: Because | Part) -> str:
    return one.product_id if one.name == UNKNOWN else f"{one.product_id} {one.name}"
