"""Drift: whether new events still look like those that the champion was trained on.

Evidently's default test changes with the number of rows: below a thousand it gives p-values (small means drift),
above it distances (large means drift). Here every column has one method with one threshold, whatever the size.

A threshold alone takes rows for independent, which they are not: a user comes and makes many events at once, so that a
window of the training data itself lies far from the whole of it. So the limit of a look is calibrated on the past:
windows of the reference of the same length are held against it, and what they reach is no drift.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.spatial.distance import jensenshannon

from pipelines.schema import EVENT_TYPES, UNKNOWN

LEAST_ROWS = 500
"""New events below which distances are mostly noise, and nothing is said."""
MOST_ROWS = 50_000
"""Rows drawn of each side."""
MOST_PAST = 200_000
"""Latest rows of the reference that a look is calibrated on."""
_SEED = 3
_WINDOWS = 200
"""Windows of the past that a look is calibrated on; they may overlap."""
_LEAST_PARTS = 4
"""A window of the past is at most this part of it: the whole does not lie far from itself."""
_DEVIATIONS = 5.0
"""Past windows' deviations above their mean that a distance must exceed. `python -m bench drift` measures what that
gives: on 100,000 real ratings none of 60 looks at the past itself fired, and 1 of 60 at the months after it."""
_GRID = (np.arange(256) + 0.5) / 256
"""Quantiles that stand for a numerical column of a window."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """How one column is watched: a distance of at least `threshold` is drift."""

    name: str
    kind: Literal["categorical", "numerical"]
    method: Literal["jensenshannon", "wasserstein"]
    threshold: float
    alone: float
    """A distance that is drift even if no other column moved."""


# Of 40 samples of 500 rows without a shift the largest distances were 0.08 (categorical) and 0.12 (numerical).
COLUMNS = (
    Column(name="category", kind="categorical", method="jensenshannon", threshold=0.12, alone=0.3),
    Column(name="event_type", kind="categorical", method="jensenshannon", threshold=0.1, alone=0.2),
    Column(name="age_band", kind="categorical", method="jensenshannon", threshold=0.1, alone=0.2),
    # In units of the reference's standard deviation.
    Column(name="hour", kind="numerical", method="wasserstein", threshold=0.2, alone=0.5),
    Column(name="price", kind="numerical", method="wasserstein", threshold=0.2, alone=0.5),
)


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """How far a column moved."""

    name: str
    method: str
    distance: float
    threshold: float
    """What it takes to be drift, by the column's own threshold and by what windows of the past reach."""
    alone: float = float("inf")
    """What it takes to be drift even if no other column moved."""

    @property
    def drifted(self) -> bool:
        """Whether it moved too far."""
        return self.distance >= self.threshold

    @property
    def drifted_alone(self) -> bool:
        """Whether it moved so far that it takes no other column."""
        return self.distance >= self.alone


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How far the new events moved."""

    rows: int
    """New events; below LEAST_ROWS no column is measured."""
    columns: tuple[ColumnDrift, ...]

    @property
    def share(self) -> float | None:
        """Share of the columns that drifted; None where nothing was measured."""
        return sum(column.drifted for column in self.columns) / len(self.columns) if self.columns else None


def frame(events: pa.Table, users: pa.Table, products: pa.Table) -> pd.DataFrame:
    """What is watched, one row an event."""
    product = pc.index_in(events["product_id"], value_set=products["product_id"].combine_chunks())
    user = pc.index_in(events["user_id"], value_set=users["user_id"].combine_chunks())
    moments = events["timestamp"].to_pandas()
    return pd.DataFrame(
        {
            "category": pc.fill_null(products["category"].take(product), UNKNOWN).to_pandas(),
            "event_type": events["event_type"].to_pandas(),
            "age_band": pc.fill_null(users["age_band"].take(user), UNKNOWN).to_pandas(),
            "hour": moments.dt.hour + moments.dt.minute / 60,
            "price": products["price"].take(product).to_pandas(),
        }
    )


def measure(reference: pd.DataFrame, current: pd.DataFrame, rows: int, past: pd.DataFrame | None = None) -> Drift:
    """Hold the current rows against the reference; columns that one side does not have at all are left out.

    Args:
        rows: how many new events the current rows are drawn from.
        past: reference events without gaps, in the order of time; the reference itself where it has none.
    """
    watched = _watched(reference, current)
    if len(current) < LEAST_ROWS or len(reference) < LEAST_ROWS or not watched:
        return Drift(rows=rows, columns=())
    distances = _distances(reference, current, watched)
    before = reference if past is None else past
    reached = {column.name: _reached(before, column, rows) for column in watched}
    return Drift(
        rows=rows,
        columns=tuple(
            ColumnDrift(
                name=column.name,
                method=column.method,
                distance=distances[column.name],
                threshold=max(column.threshold, reached[column.name]),
                alone=max(column.alone, reached[column.name]),
            )
            for column in watched
        ),
    )


def _reached(past: pd.DataFrame, column: Column, rows: int) -> float:
    """The distance from the rest of the past that windows of it, of so many rows, hardly ever reach."""
    length = min(rows, max(1, len(past) // _LEAST_PARTS))
    starts = np.random.default_rng(_SEED).integers(0, len(past) - length + 1, _WINDOWS)
    measured = _categorical if column.kind == "categorical" else _numerical
    found = measured(past[column.name], [slice(start, start + length) for start in starts])
    return float(max(np.quantile(found, 0.99), found.mean() + _DEVIATIONS * found.std()))


def _categorical(values: "pd.Series[str]", windows: list[slice]) -> npt.NDArray[np.float64]:
    """Of each window from all that lies outside of it: what it is held against does not hold new events either."""
    codes, names = pd.factorize(values, use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(names))
    inside = [np.bincount(codes[window], minlength=len(names)) for window in windows]
    return np.asarray([jensenshannon(counts - own, own) if (counts > own).any() else 0.0 for own in inside])


def _numerical(values: "pd.Series[float]", windows: list[slice]) -> npt.NDArray[np.float64]:
    numbers = values.to_numpy(np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return np.zeros(len(windows))
    whole, scale = np.quantile(known, _GRID), max(known.std(), 1e-12)
    parts = [numbers[window][~np.isnan(numbers[window])] for window in windows]
    # Of the whole a window is a part p, so that its distance from the rest is 1 / (1 - p) of that from the whole.
    return np.asarray(
        [
            np.abs(np.quantile(part, _GRID) - whole).mean() / scale / (1.0 - len(part) / len(known))
            if 0 < len(part) < len(known)
            else 0.0
            for part in parts
        ]
    )


def sample(events: pa.Table) -> pa.Table:
    """At most MOST_ROWS rows; the same table draws the same."""
    if events.num_rows <= MOST_ROWS:
        return events
    rows = np.random.default_rng(_SEED).choice(events.num_rows, MOST_ROWS, replace=False)
    return events.take(pa.array(np.sort(rows)))


def page(reference: pd.DataFrame, current: pd.DataFrame) -> str:
    """Evidently's report on the columns that both sides have, as JSON."""
    text: str = _snapshot(reference, current, _watched(reference, current)).json()
    return text


def _watched(reference: pd.DataFrame, current: pd.DataFrame) -> list[Column]:
    """Columns that both sides have."""
    return [column for column in COLUMNS if reference[column.name].notna().any() and current[column.name].notna().any()]


def _distances(reference: pd.DataFrame, current: pd.DataFrame, watched: list[Column]) -> dict[str, float]:
    snapshot = _snapshot(reference, current, watched)
    found = {item["config"]["column"]: float(item["value"]) for item in snapshot.dict()["metrics"]}
    return {column.name: found[column.name] for column in watched}


def _snapshot(reference: pd.DataFrame, current: pd.DataFrame, watched: list[Column]) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    definition = DataDefinition(
        categorical_columns=[column.name for column in watched if column.kind == "categorical"],
        numerical_columns=[column.name for column in watched if column.kind == "numerical"],
    )
    report = Report(
        [ValueDrift(column=column.name, method=column.method, threshold=column.threshold) for column in watched]
    )
    return report.run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )


def known_events(events: pa.Table, products: pa.Table) -> pa.Table:
    """Events that validation would let through, as far as drift is concerned: another flaw is not drift."""
    named = pc.is_in(events["product_id"], value_set=products["product_id"].combine_chunks())
    return events.filter(pc.and_(named, pc.is_in(events["event_type"], value_set=pa.array(EVENT_TYPES))))
