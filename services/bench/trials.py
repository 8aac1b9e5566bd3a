"""How often a trial is wrong: equal versions called different, and a better one missed, over many made-up trials."""

from collections.abc import Iterator
from math import log
from pathlib import Path

import numpy as np

from bench.rows import Row
from pipelines.sequential import evidence
from recommender.release import Release

_TRIALS, _LOOKS = 5_000, 200
_ALPHA = Release().significance
_SEED = 20_261_128


def rows(_: Path) -> Iterator[Row]:
    """Each trial is looked at 200 times, and ends at the first look that says something."""
    for share in (0.05, 0.5):
        for rate in (0.02, 0.2):
            wrong, _ignored = _called(rate, rate, share, users=40_000)
            yield Row(
                what=f"equal versions called different, {rate:.0%} success, {share:.0%} of users",
                measured=100 * wrong,
                unit="%",
                promised=100 * _ALPHA,
                note=f"{_TRIALS:,} trials of 40,000 users, {_LOOKS} looks each",
            )
    for lift, users in ((1.2, 10_000), (1.1, 40_000)):
        found, needed = _called(0.2, 0.2 * lift, 0.5, users)
        yield Row(
            what=f"a version better by {lift - 1:.0%} missed, 20% success, {users:,} users",
            measured=100 * (1 - found),
            unit="%",
            promised=20,
            note=f"found after {needed:,.0f} users on average",
        )


def _called(old: float, new: float, share: float, users: int) -> tuple[float, float]:
    """Share of trials in which the two are called different at any look, and users until then on average."""
    draw = np.random.default_rng(_SEED)
    at_once = users // _LOOKS
    given = draw.binomial(at_once, share, (_TRIALS, _LOOKS))
    won = draw.binomial(given, new).cumsum(axis=1)
    kept = draw.binomial(at_once - given, old).cumsum(axis=1)
    said = evidence(won, kept, share, share) > log(1.0 / _ALPHA)
    called = said.any(axis=1)
    return float(called.mean()), float((said.argmax(axis=1)[called] + 1).mean() * at_once) if called.any() else 0.0
