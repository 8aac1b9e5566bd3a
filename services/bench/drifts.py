"""How often the drift trigger fires without a drift, and how often it misses one, by the code that watches.

On made-up events, and on real people's: MovieLens 100K, whose users come once and rate a hundred films in an hour, so
that no window looks like the whole. Of a film the genre stands for the category, the year for the price, and the stars
for what a visitor did. Its later months are real time going on: they may have changed, and are counted as if not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.ratings import fetched, genres_of
from bench.rows import Row
from pipelines import drift
from pipelines.decide import Triggers, drifted
from pipelines.generator import Sample, generate

FALSE_ALARMS = 0.05
"""Of all looks without a drift: 1 in 20."""
MISSED = 0.05
"""Of all looks at an injected one."""
SIZES = (500, 2_000, 5_000)
"""New events at a look."""
_LOOKS = 20
_INJECTED = 5
"""Windows that each drift is injected into, by size."""
_END = datetime(2026, 11, 1, tzinfo=UTC)
_YOUNG, _OLD = "18-34", "55+"

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _moved(column: str, deviations: float) -> Change:
    return lambda frame: frame.assign(**{column: frame[column] + deviations * frame[column].std()})


def _half(change: Change) -> Change:
    """Every other event only."""
    return lambda frame: pd.concat([frame.iloc[::2], change(frame.iloc[1::2])]).sort_index()


DRIFTS: dict[str, Change] = {
    "everything is a view": lambda frame: frame.assign(event_type="view"),
    "one category sells alone": lambda frame: frame.assign(category=frame["category"].mode()[0]),
    "half goes to a category that was not there": _half(lambda frame: frame.assign(category="new")),
    "only the old come": lambda frame: frame.assign(age_band=_OLD),
    "prices rise by two deviations": _moved("price", 2.0),
    "everybody comes at one hour": lambda frame: frame.assign(hour=3.0),
    "nobody's age is known": lambda frame: frame.assign(age_band="unknown"),
}


@dataclass(frozen=True)
class World:
    """What is learnt from, and looks at what came without a drift: by size, windows of it or of what came later."""

    name: str
    reference: pd.DataFrame
    looks: dict[str, dict[int, list[pd.DataFrame]]]


def rows(folder: Path) -> Iterator[Row]:
    """False alarms and misses, in both worlds."""
    for world in (_made_up(), _real(folder)):
        for name, by_size in world.looks.items():
            fired = {size: [_fires(world, look) for look in looks] for size, looks in by_size.items()}
            share = np.mean([fires for of_size in fired.values() for fires in of_size])
            yield Row(
                what=f"drift, {world.name}, {name}: false alarms",
                measured=float(share),
                unit="",
                promised=FALSE_ALARMS,
                note=", ".join(f"{sum(found)} of {len(found)} with {size:,} events" for size, found in fired.items()),
            )
        yield _missed(world)


def _missed(world: World) -> Row:
    by_size = list(world.looks.values())[-1]
    missed = {
        name: [not _fires(world, change(look)) for looks in by_size.values() for look in looks[:_INJECTED]]
        for name, change in DRIFTS.items()
    }
    return Row(
        what=f"drift, {world.name}, {len(DRIFTS)} injected drifts: missed",
        measured=float(np.mean([one for found in missed.values() for one in found])),
        unit="",
        promised=MISSED,
        note=", ".join(f"{name}: {sum(found)} of {len(found)}" for name, found in missed.items() if any(found))
        or "none",
    )


def _fires(world: World, look: pd.DataFrame) -> bool:
    return drifted(drift.measure(world.reference, look, len(look)), Triggers())


def _made_up() -> World:
    before = generate(Sample(end=_END))

    def later(size: int, seed: int) -> pd.DataFrame:
        events = generate(Sample(end=_END, events=size, events_seed=1_000 + seed)).events
        return drift.frame(events, before.users, before.products)

    looks = {size: [later(size, size + number) for number in range(_LOOKS)] for size in SIZES}
    reference = drift.frame(before.events, before.users, before.products)
    return World("made-up events", reference, {"what came later": looks})


def _real(folder: Path) -> World:
    frame = _frame(folder)
    half = len(frame) // 2
    before, after = frame.iloc[:half], frame.iloc[half:]
    return World(
        "100,000 ratings",
        before,
        {
            name: {size: list(_windows(part, size)) for size in SIZES}
            for name, part in (("the past itself", before), ("the months after it", after))
        },
    )


def _windows(frame: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for start in np.linspace(0, len(frame) - size, _LOOKS).astype(int):
        yield frame.iloc[start : start + size]


def _frame(folder: Path) -> pd.DataFrame:
    ratings, films, users = (fetched(folder, name).to_pandas() for name in ("data", "items", "users"))
    films["category"] = films["movie_id"].astype(str).map(genres_of(films))
    films["price"] = pd.to_numeric(films["release_date"].str[-4:], errors="coerce")
    users["age_band"] = pd.cut(users["age"], [0, 34, 54, 200], labels=[_YOUNG, "35-54", _OLD]).astype(str)
    joined = ratings.sort_values("timestamp", kind="stable").merge(films[["movie_id", "category", "price"]], "left")
    joined = joined.merge(users[["user_id", "age_band"]], "left")
    moments = pd.to_datetime(joined["timestamp"], unit="s")
    kinds = np.select([joined["rating"] == 5, joined["rating"] == 4], ["purchase", "cart"], "view")
    return pd.DataFrame(
        {
            "category": joined["category"],
            "event_type": kinds,
            "age_band": joined["age_band"],
            "hour": moments.dt.hour + moments.dt.minute / 60,
            "price": joined["price"],
        }
    )
