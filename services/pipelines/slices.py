"""Slices: groups of users or of products where a model is worse than elsewhere by more than chance. Pure statistics.

Looking at many groups finds bad ones in noise. So a group has a least size, its difference from all others is judged
with errors that know that what one user took hangs together, and all groups are judged at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from pipelines.metrics import Interval

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

Measure = Literal["ndcg", "recall"]
"""By user how good the list was; by product that a user took next, whether it was listed."""


@dataclass(frozen=True, kw_only=True)
class SliceRules:
    """What counts as a group that is worse."""

    least_users: int = 50
    """Within a group and outside of it: below, figures are noise."""
    error: float = 0.05
    """Probability that any group at all is named where none is worse, however many are looked at."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One group."""

    attribute: str
    value: str
    measure: Measure
    users: int
    mean: float
    rest: float
    """Mean of everything outside of it."""
    difference: Interval
    """Mean less rest, with its own 95 % interval: that of one look."""
    p: float
    """Probability of such a difference by chance, corrected for all groups."""
    worse: bool
    """Below the rest by more than chance."""


def slices(
    measure: Measure, values: Floats, user: npt.NDArray[np.int64], attributes: Mapping[str, npt.NDArray[np.object_]],
    rules: SliceRules,
) -> list[Slice]:  # fmt: skip
    """Every value of every attribute that enough users have; not judged yet.

    Args:
        values: what was reached, one entry an observation.
        user: whose it is: entries of one user hang together.
        attributes: by name, the group of each observation; None belongs to none.
    """
    found = []
    for name, groups in attributes.items():
        known = np.asarray([group is not None for group in groups], np.bool_)
        for group in sorted({str(group) for group in groups[known]}):
            inside = known & (groups.astype(str) == group)
            users = len(np.unique(user[inside]))
            if users < rules.least_users or len(np.unique(user[known & ~inside])) < rules.least_users:
                continue
            found.append(_slice(name, group, measure, users, values[known], user[known], inside[known]))
    return found


def _slice(
    name: str, group: str, measure: Measure, users: int, values: Floats, user: npt.NDArray[np.int64], inside: Mask
) -> Slice:
    mean, rest = float(values[inside].mean()), float(values[~inside].mean())
    error = _standard_error(values, user, inside)
    difference = mean - rest
    wide = float(norm.ppf(0.975)) * error
    p = float(2.0 * norm.sf(abs(difference) / error)) if error > 0.0 else float(difference == 0.0)
    interval = Interval(mean=difference, low=difference - wide, high=difference + wide)
    return Slice(
        attribute=name, value=group, measure=measure, users=users, mean=mean, rest=rest, difference=interval, p=p,
        worse=False,
    )  # fmt: skip


def _standard_error(values: Floats, user: npt.NDArray[np.int64], inside: Mask) -> float:
    """Of the difference of two means, where observations of one user hang together (Liang and Zeger, "Longitudinal
    data analysis using generalized linear models", 1986), with as many users as there are."""
    share = np.where(inside, 1.0 / inside.sum(), -1.0 / (~inside).sum())
    away = values - np.where(inside, values[inside].mean(), values[~inside].mean())
    _, place = np.unique(user, return_inverse=True)
    by_user = np.bincount(place, weights=share * away)
    users, rows = len(by_user), len(values)
    small = users / (users - 1) * (rows - 1) / (rows - 2)
    return float(np.sqrt(small * np.square(by_user).sum()))


def judged(found: list[Slice], rules: SliceRules) -> tuple[Slice, ...]:
    """All groups, the worst first, with probabilities corrected for how many there are (Holm, "A simple sequentially
    rejective multiple test procedure", 1979)."""
    corrected = holm(np.asarray([one.p for one in found], np.float64))
    judged = [
        Slice(**{**vars(one), "p": float(p), "worse": bool(p < rules.error and one.difference.mean < 0.0)})
        for one, p in zip(found, corrected, strict=True)
    ]
    return tuple(sorted(judged, key=lambda one: (not one.worse, one.difference.mean, one.attribute, one.value)))


def holm(p: Floats) -> Floats:
    """Probabilities such that the chance of any below a limit is at most that limit, where nothing differs at all."""
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    found = np.empty_like(p)
    found[order] = steps
    return found
