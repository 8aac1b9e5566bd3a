"""Two versions compared at every look: what an author's own program says, and how often the test is wrong."""

from math import log

import numpy as np
import pytest

from pipelines.sequential import compare, evidence


@pytest.mark.parametrize(
    ("new", "old", "share", "p_value", "low", "high"),
    [
        (120, 80, 0.5, 0.118523880, -0.04021742, 1.37650591),
        (330, 270, 0.5, 0.201255665, -0.04113716, 0.56099864),
        (22, 200, 0.05, 0.0891545006, -0.05046449, 3.01194669),
        (10, 90, 0.25, 0.0485323951, -0.92852294, -0.00198659),
    ],
)
def test_it_says_what_the_program_of_the_methods_author_says(
    new: int, old: int, share: float, p_value: float, low: float, high: float
) -> None:
    """Computed with savvi 0.3.1 (https://pypi.org/project/savvi/), InhomogeneousPoissonProcess with its default k: its
    intervals come from a convex solver, and are those of log ratios."""
    found = compare(new, old, share, 0.05)
    assert found.p_value == pytest.approx(p_value, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-5)
    assert found.worse == (high < 0.0)


def test_nothing_and_next_to_nothing_say_nothing() -> None:
    nothing = compare(0, 0, 0.5, 0.05)
    assert (nothing.lift, nothing.low, nothing.high, nothing.p_value) == (None, -1.0, None, 1.0)
    one = compare(1, 0, 0.5, 0.05)
    assert one.lift is None
    assert one.high is None
    assert not one.better


def test_the_p_value_and_the_interval_say_the_same() -> None:
    rng = np.random.default_rng(5)
    for new, old in rng.integers(0, 400, (200, 2)).tolist():
        found = compare(new, old, 0.3, 0.05)
        assert (found.better or found.worse) == (found.p_value < 0.05)


def looks(rates: tuple[float, float], share: float, users: int, trials: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Successes of the new and the old version at 100 looks of each trial."""
    rng = np.random.default_rng(20_261_128)
    given_new = rng.binomial(users // 100, share, (trials, 100))
    new = rng.binomial(given_new, rates[1]).cumsum(1)
    old = rng.binomial(users // 100 - given_new, rates[0]).cumsum(1)
    return new, old


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("rate", [0.01, 0.2, 0.7])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_equal_versions_are_called_different_no_more_often_than_stated_however_often_one_looks(
    rate: float, share: float, alpha: float
) -> None:
    new, old = looks((rate, rate), share, users=20_000)
    wrong = (evidence(new, old, share, share) > log(1.0 / alpha)).any(axis=1).mean()
    assert wrong <= alpha


def test_the_usual_test_at_every_look_would_be_wrong_several_times_as_often() -> None:
    """What the check above would show of a test for one look: it can fail."""
    new, old = looks((0.2, 0.2), 0.5, users=20_000)
    z = (new - old) / np.sqrt(np.maximum(new + old, 1))
    assert (abs(z) > 1.96).any(axis=1).mean() > 0.2


def test_a_rate_that_changes_from_look_to_look_fools_nobody() -> None:
    rng = np.random.default_rng(3)
    rate = 0.05 + 0.3 * (np.sin(np.arange(100) / 8.0) > 0.0)
    given_new = rng.binomial(200, 0.25, (2_000, 100))
    new, old = rng.binomial(given_new, rate).cumsum(1), rng.binomial(200 - given_new, rate).cumsum(1)
    assert (evidence(new, old, 0.25, 0.25) > log(20.0)).any(axis=1).mean() <= 0.05


def test_a_lift_of_a_fifth_is_found_among_ten_thousand_users_and_of_a_tenth_more_often_than_not() -> None:
    fifth, tenth = (
        (evidence(*looks((0.2, 0.2 * lift), 0.5, users), 0.5, 0.5) > log(20.0)).any(axis=1).mean()
        for lift, users in ((1.2, 10_000), (1.1, 25_000))
    )
    assert fifth >= 0.8
    assert tenth >= 0.5
