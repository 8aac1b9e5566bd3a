"""Made-up users, products and events, from 100 users to a million.

The data has a structure that collaborative filtering can find (each user has two preferred categories); on data
without one it does not beat popularity, so a gate that passes here says that the gate can pass and nothing about
any real shop.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from pipelines.schema import EVENT_TYPES, TIMESTAMP

CATEGORIES = (
    "audio", "books", "café", "cycling", "garden", "kitchen", "lighting", "office", "outdoor", "toys",
)  # fmt: skip
AGE_BANDS = ("18-34", "35-54", "55+")
TASTE_SHARE = 0.75
"""Share of a user's events that fall into the user's two categories."""
ZIPF_EXPONENT = 0.8
EVENT_SHARES = (0.80, 0.14, 0.06)
"""Views, carts, purchases."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What to make. The same sample gives the same data."""

    users: int = 100
    products: int = 50
    events: int = 5_000
    seed: int = 7
    end: datetime | None = None
    """Newest timestamp; None is now."""
    days: int = 30
    """Days that the events are spread over."""
    first_event: int = 0
    """Number of the first event: a second batch for the same users must not repeat ids."""
    taste: bool = True
    """False leaves the two categories out: nothing to find but popularity."""
    shifted: bool = False
    """True moves the world: another half of the catalogue is popular, at another hour of the day."""
    events_seed: int | None = None
    """Another one gives new events of the same users with the same tastes."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Tables with the columns of the CSV files; `users` still holds e-mail addresses."""

    users: pa.Table
    products: pa.Table
    events: pa.Table


def generate(sample: Sample) -> Generated:
    """Users, products and events; vectorised."""
    rng = np.random.default_rng(sample.seed)
    category = np.sort(np.arange(sample.products) % len(CATEGORIES))
    popularity = _popularity(rng, sample.products)
    first = rng.integers(0, len(CATEGORIES), sample.users)
    second = (first + rng.integers(1, len(CATEGORIES), sample.users)) % len(CATEGORIES)
    tastes = np.stack([first, second])
    activity = rng.gamma(1.0, 1.0, sample.users) + 0.05
    users = _users(rng, sample.users)
    products = _products(rng, category)
    draw = rng if sample.events_seed is None else np.random.default_rng(sample.events_seed)
    if sample.shifted:
        popularity = _shift(popularity)
    events = _events(draw, sample, popularity, category, tastes, activity)
    return Generated(users=users, products=products, events=events)


def _popularity(rng: np.random.Generator, products: int) -> npt.NDArray[np.float64]:
    shares = 1.0 / np.arange(1, products + 1) ** ZIPF_EXPONENT
    return rng.permutation(shares)


def _shift(popularity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Nearly everything moves to the last fifth of the catalogue, which is two of the ten categories.
    moved = popularity * 0.02
    last = len(popularity) - max(1, len(popularity) // 5)
    moved[last:] = np.sort(popularity)[::-1][: len(popularity) - last]
    return moved


def _users(rng: np.random.Generator, count: int) -> pa.Table:
    identifiers = _ids("u", count, 7)
    return pa.table(
        {
            "user_id": identifiers,
            "email": pc.binary_join_element_wise(identifiers, "example.com", "@"),
            "age_band": pa.array(AGE_BANDS).take(pa.array(rng.integers(0, len(AGE_BANDS), count))),
            "consent": rng.random(count) < 0.97,
        }
    )


def _ids(prefix: str, count: int, width: int, first: int = 0) -> pa.Array:
    numbers = pc.cast(pa.array(np.arange(first, first + count)), pa.string())
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(numbers, width, "0"), "")


def _products(rng: np.random.Generator, category: npt.NDArray[np.int64]) -> pa.Table:
    count = len(category)
    names = pa.array(CATEGORIES).take(pa.array(category))
    # Prices differ by category, so that a shift of demand shows in prices too.
    price = np.round(np.exp(rng.normal(2.0 + 0.3 * category, 0.4)), 2)
    labels = pc.binary_join_element_wise(pc.utf8_capitalize(names), _ids("", count, 0), " no. ")
    return pa.table({"product_id": _ids("p", count, 5), "name": labels, "category": names, "price": price})


def _events(
    rng: np.random.Generator,
    sample: Sample,
    popularity: npt.NDArray[np.float64],
    category: npt.NDArray[np.int64],
    tastes: npt.NDArray[np.int64],
    activity: npt.NDArray[np.float64],
) -> pa.Table:
    count = sample.events if sample.users and sample.products else 0
    mass = np.concatenate([[0.0], np.cumsum(popularity)])
    who = _draw(rng, np.concatenate([[0.0], np.cumsum(activity)]), count)
    low, high = np.zeros(count), np.full(count, mass[-1])
    if sample.taste and count:
        in_taste = rng.random(count) < (TASTE_SHARE / 2 if sample.shifted else TASTE_SHARE)
        chosen = tastes[rng.integers(0, 2, count), who]
        starts = np.searchsorted(category, np.arange(len(CATEGORIES)))
        ends = np.searchsorted(category, np.arange(len(CATEGORIES)), side="right")
        # A small catalogue does not hold every category: such a user follows the crowd.
        in_taste &= (ends > starts)[chosen] & (mass[ends] - mass[starts] > 0)[chosen]
        low[in_taste] = mass[starts[chosen[in_taste]]]
        high[in_taste] = mass[ends[chosen[in_taste]]]
    what = np.searchsorted(mass, low + rng.random(count) * (high - low), side="right") - 1
    what = np.clip(what, 0, max(0, sample.products - 1))
    kinds = np.searchsorted(np.cumsum(EVENT_SHARES), rng.random(count) * 0.999_999)
    return pa.table(
        {
            "event_id": _ids(f"e{sample.seed}-", count, 0, sample.first_event),
            "user_id": _ids("u", sample.users, 7).take(pa.array(who)),
            "product_id": _ids("p", sample.products, 5).take(pa.array(what)),
            "event_type": pa.array(EVENT_TYPES).take(pa.array(kinds)),
            "timestamp": pa.array(_times(rng, sample, count), pa.int64()).cast(TIMESTAMP),
        }
    )


def _draw(rng: np.random.Generator, mass: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    if not count:
        return np.zeros(0, np.int64)
    places = np.searchsorted(mass, rng.random(count) * mass[-1], side="right") - 1
    return np.asarray(np.clip(places, 0, len(mass) - 2), np.int64)


def _times(rng: np.random.Generator, sample: Sample, count: int) -> npt.NDArray[np.int64]:
    """Microseconds since the epoch, ascending; people shop in the evening, or at night once the world shifted."""
    end = sample.end or datetime.now(UTC).replace(microsecond=0)
    span = timedelta(days=sample.days).total_seconds()
    peak = 3.0 if sample.shifted else 19.0
    hour = np.mod(rng.normal(peak, 4.0, count), 24.0) * 3600.0
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    seconds = midnight - np.floor(rng.random(count) * sample.days) * 86_400.0 + hour
    late = seconds > end.timestamp()
    seconds[late] = end.timestamp() - rng.random(int(late.sum())) * min(span, 86_400.0)
    return np.asarray(np.sort(seconds) * 1e6, np.int64)


def write(generated: Generated, folder: Path, *, parquet: bool = False) -> list[Path]:
    """Write users, products and events into a folder, as CSV or Parquet; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, table in (
        ("users", generated.users), ("products", generated.products), ("events", generated.events),
    ):  # fmt: skip
        if parquet:
            path = folder / f"{name}.parquet"
            pa.parquet.write_table(table, path, compression="zstd")
        else:
            path = folder / f"{name}.csv"
            pa.csv.write_csv(table, path)
        files.append(path)
    return files
