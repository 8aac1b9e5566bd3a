"""Analyse: where a model is worst, by what is known of users and products, on what the evaluation held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import snapshots
from pipelines.errors import InputError
from pipelines.exam import Exam
from pipelines.lake import Lake
from pipelines.matrices import LEAST_PRODUCTS, Floats, Interactions
from pipelines.metrics import Interval, interval, rank
from pipelines.schema import UNKNOWN
from pipelines.slices import Slice, SliceRules, judged, slices
from pipelines.tracking import CHAMPION, Tracking
from pipelines.train import EVALUATION
from recommender.manifest import Kind
from recommender.model import Model

_NOT_GROUPS = {"user_id", "email_hash", "consent"}
"""Of the users' columns; all others are."""
_ACTIVITY = ((5, 20, 100), ("up to 5", "6 to 20", "21 to 100", "over 100"))
_HOURS = ((5, 11, 17), ("0 to 5", "6 to 11", "12 to 17", "18 to 23"))
_SHARES = (0.5, 0.8)
"""Of everything that is taken: the most taken products make up the head, those after them the middle, then the tail."""
_PARTS = 4
"""Into which prices and time are cut."""

_Groups = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Where a model is worst."""

    version: str
    data_version: str
    k: int
    users: int
    asked: int
    """Products that these users took afterwards, and that had to be guessed."""
    ndcg: Interval
    recall: Interval
    """Share of each user's that was listed, mean over users."""
    least_users: int
    slices: tuple[Slice, ...]
    """All groups that were looked at, the worst first."""

    @property
    def worse(self) -> tuple[Slice, ...]:
        """Those below the rest by more than chance."""
        return tuple(one for one in self.slices if one.worse)


def of_version(lake: Lake, tracking: Tracking, number: str, k: int, most_users: int, rules: SliceRules) -> Analysis:
    """Analyse a registered version, or the champion where that word is given, on its own data.

    Raises:
        InputError: there is no such version, or its data is gone.
    """
    version = tracking.aliased(CHAMPION) if number == CHAMPION else tracking.version(number)
    if version is None:
        known = ", ".join(item.number for item in tracking.versions()) or "none"
        raise InputError(f"{tracking.model} has no version {number}; registered are {known}.")
    data_version = version.tags.get("data_version", "")
    if snapshots.find(lake, data_version) is None:
        raise InputError(f"The data of version {version.number} is gone, and with it what it could be asked.")
    kind: Kind = "popularity" if version.tags.get("kind") == "popularity" else "collaborative"
    with TemporaryDirectory(prefix="analyse-") as folder:
        learnt = Model.load(tracking.fetch(version.run, EVALUATION, Path(folder)), mmap=False)
        return analyse(lake, learnt, kind, version.number, data_version, k, most_users, rules)


def analyse(
    lake: Lake, learnt: Model, kind: Kind, version: str, data_version: str, k: int, most_users: int, rules: SliceRules
) -> Analysis:
    """Ask what was learnt for everything that is held out of a snapshot, and look where it fails.

    Args:
        version: what the model is called in the answer.
        most_users: of more, that many are asked.
    """
    events = snapshots.events(lake, data_version, ["user_id", "product_id", "event_type", "timestamp"])
    exam = Exam.of(Interactions.of(events), most_users)
    found = rank(exam.model(learnt, kind), exam.users, exam.later, k)
    asked = np.asarray([len(products) for products in exam.later], np.int64)
    user = np.repeat(np.arange(len(asked)), asked)
    listed = found.found.astype(np.float64)
    recall = np.bincount(user, weights=listed, minlength=len(asked)) / np.maximum(asked, 1)
    products = snapshots.products(lake, data_version)
    moments = events["timestamp"].take(pa.array(exam.moments))
    by_user = _of_users(exam, snapshots.users(lake, data_version), products)
    by_product = {**_of_products(exam, products, learnt), **_of_moments(moments)}
    looked = [
        *slices("ndcg", found.ndcg, np.arange(len(asked)), by_user, rules),
        *slices("recall", listed, user, by_product, rules),
    ]
    return Analysis(
        version=version,
        data_version=data_version,
        k=k,
        users=len(exam.users),
        asked=len(listed),
        ndcg=interval(found.ndcg),
        recall=interval(recall),
        least_users=rules.least_users,
        slices=judged(looked, rules),
    )


def _of_users(exam: Exam, users: pa.Table, products: pa.Table) -> Mapping[str, _Groups]:
    """Groups of each user."""
    groups = {
        name.replace("_", " "): _looked_up(users, "user_id", name, exam.users)
        for name in users.column_names
        if name not in _NOT_GROUPS
    }
    before = np.bincount(exam.before.user, minlength=len(exam.users))
    groups["products before"] = _banded(before.astype(np.float64), *_ACTIVITY)
    category = _looked_up(products, "product_id", "category", exam.products)
    names, code = np.unique(category.astype(str), return_inverse=True)
    weight = np.zeros((len(exam.users), len(names)))
    np.add.at(weight, (exam.before.user, code[exam.before.product]), exam.before.weight)
    favourite = names[weight.argmax(axis=1)].astype(object) if len(names) else np.zeros(0, object)
    return {**groups, "favourite category": favourite}


def _of_products(exam: Exam, products: pa.Table, learnt: Model) -> Mapping[str, _Groups]:
    """Groups of each product that is asked for."""
    names = [name for later in exam.later for name in later]
    price = _looked_up(products, "product_id", "price", names)
    known = np.asarray([np.nan if value == UNKNOWN else float(value) for value in price], np.float64)
    catalogue = products["price"].drop_null().to_numpy()
    cuts = np.quantile(catalogue, np.arange(1, _PARTS) / _PARTS) if len(catalogue) else np.zeros(0)
    edges = sorted({float(f"{cut:.3g}") for cut in cuts})
    bands = [*(f"up to {edge:g}" for edge in edges), f"over {edges[-1]:g}" if edges else ""]
    return {
        "category": _looked_up(products, "product_id", "category", names),
        "price": _banded(known, edges, bands),
        "popularity": _bands_of_popularity(names, learnt),
    }


def _bands_of_popularity(names: list[str], learnt: Model) -> _Groups:
    before = np.cumsum(learnt.popularity[learnt.popular]) - learnt.popularity[learnt.popular]
    band = np.searchsorted(np.asarray(_SHARES), before / max(learnt.popularity.sum(), 1e-12), side="right")
    labels = ("head: half of what is taken", "middle", "tail: the last fifth")
    of_row = dict(zip(learnt.products.names(learnt.popular.tolist()), band.tolist(), strict=True))
    return np.asarray([labels[of_row[name]] if name in of_row else "not learnt yet" for name in names], object)


def _of_moments(moments: pa.ChunkedArray) -> Mapping[str, _Groups]:
    """When it was taken."""
    hours = pc.hour(moments).to_numpy().astype(np.float64)
    stamps = moments.cast(pa.int64()).to_numpy()
    edges = np.unique(np.quantile(stamps, np.arange(1, _PARTS) / _PARTS)) if len(stamps) else np.zeros(0)
    dates = [str(np.datetime64(int(edge), "us").astype("datetime64[m]")) for edge in edges]
    labels = [*(f"until {date}" for date in dates), f"after {dates[-1]}" if dates else ""]
    return {
        "hour (UTC)": _banded(hours, *_HOURS),
        "time": _banded(stamps.astype(np.float64), edges.tolist(), labels),
    }


def _looked_up(table: pa.Table, key: str, column: str, ids: list[str]) -> _Groups:
    places = pc.index_in(pa.array(ids, pa.string()), value_set=table[key].combine_chunks())
    found = table[column].combine_chunks().take(places).to_pylist()
    return np.asarray([UNKNOWN if value is None else value for value in found], object)


def _banded(values: Floats, edges: Sequence[float], labels: Sequence[str]) -> _Groups:
    """Which band each value lies in: up to the first edge, up to the second, and so on; unknown ones in none."""
    places = np.searchsorted(np.asarray(edges, np.float64), values)
    named = [None if np.isnan(value) else labels[place] for value, place in zip(values, places, strict=True)]
    return np.asarray(named, object)


def lines(found: Analysis) -> list[str]:
    """For people."""
    text = [
        f"version {found.version} on data {found.data_version}: {found.users:,} users, lists of {found.k}",
        f"NDCG {found.ndcg}, recall {found.recall} of {found.asked:,} products that they took next",
        "",
    ]
    if not found.worse:
        return [*text, no_worse(found)]
    text.append(f"{len(found.worse)} of {len(found.slices)} groups are worse than all others by more than chance:")
    wide = max(len(f"{one.attribute} {one.value}") for one in found.worse)
    return text + [
        f"  {f'{one.attribute} {one.value}':<{wide}}  {one.measure} {one.mean:.3f} against {one.rest:.3f}, "
        f"difference {one.difference}, {one.users:,} users, p {one.p:.2g}"
        for one in found.worse
    ]


def no_worse(found: Analysis) -> str:
    """What there is to say where no group is named."""
    if not found.slices:
        return (
            f"No group has {found.least_users} users, and as many outside of it, with at least {LEAST_PRODUCTS} "
            "products each: there is nothing to compare."
        )
    return f"None of {len(found.slices)} groups is worse than all others by more than chance."
