"""The gate lets through what it should and stops what it must."""

import numpy as np

from pipelines.gate import Candidate, Figures, GateRules, Group, groups, judge
from pipelines.metrics import Interval, interval

RULES = GateRules()
GOOD = Interval(mean=0.1, low=0.05, high=0.15)
BAD = Interval(mean=-0.1, low=-0.15, high=-0.05)
UNSURE = Interval(mean=0.01, low=-0.05, high=0.07)


def figures(
    over_popularity: Interval | None = GOOD,
    over_champion: Interval | None = None,
    coverage: float = 0.5,
    found: tuple[Group, ...] = (),
) -> Figures:
    return Figures(
        ndcg=GOOD,
        hit_rate=GOOD,
        coverage=coverage,
        groups=found,
        over_popularity=over_popularity,
        over_champion=over_champion,
    )


def both(collaborative: Figures, popularity: Figures | None = None) -> dict[Candidate, Figures]:
    return {"collaborative": collaborative, "popularity": popularity or figures(over_popularity=None)}


def test_a_model_that_beats_popularity_passes() -> None:
    assert judge(both(figures()), 100, None, RULES).passed == "collaborative"


def test_a_model_that_may_be_no_better_than_popularity_gives_way_to_it() -> None:
    verdict = judge(both(figures(over_popularity=UNSURE)), 100, None, RULES)
    assert verdict.passed == "popularity"
    assert "does not beat popularity" in verdict.refusals["collaborative"][0]


def test_a_model_that_is_worse_than_the_champion_is_stopped() -> None:
    worse = figures(over_champion=BAD)
    verdict = judge(both(worse, figures(over_popularity=None, over_champion=BAD)), 100, "collaborative", RULES)
    assert verdict.passed is None
    assert "worse than the champion" in verdict.refusals["collaborative"][0]
    assert "worse than the champion" in verdict.refusals["popularity"][0]


def test_a_model_that_is_as_good_as_the_champion_passes() -> None:
    assert judge(both(figures(over_champion=UNSURE)), 100, "collaborative", RULES).passed == "collaborative"


def test_a_model_that_shows_everybody_the_same_is_stopped() -> None:
    verdict = judge(both(figures(coverage=0.01)), 100, None, RULES)
    assert verdict.passed == "popularity"
    assert "of the catalogue" in verdict.refusals["collaborative"][0]


def test_an_unfair_model_is_stopped_and_the_group_is_named() -> None:
    ndcg = np.concatenate([np.full(100, 0.5), np.full(40, 0.1)])
    found = groups(ndcg, np.asarray(["a"] * 100 + ["b"] * 40, object), RULES)
    verdict = judge(both(figures(found=found), figures(over_popularity=None, found=found)), 140, None, RULES)
    assert verdict.passed is None
    assert "unfair to b" in verdict.refusals["collaborative"][0]
    assert len(verdict.refusals["collaborative"]) == 1


def test_a_group_that_is_too_small_is_reported_and_not_judged() -> None:
    ndcg = np.concatenate([np.full(100, 0.5), np.zeros(RULES.least_group - 1)])
    found = groups(ndcg, np.asarray(["a"] * 100 + ["b"] * (RULES.least_group - 1), object), RULES)
    assert [group.shortfall is None for group in found] == [False, True]
    assert judge(both(figures(found=found)), 119, None, RULES).passed == "collaborative"


def test_a_difference_that_may_be_chance_is_not_called_unfair() -> None:
    draw = np.random.default_rng(4)
    ndcg = draw.random(60)
    found = groups(ndcg, np.asarray(["a", "b"] * 30, object), RULES)
    assert all(group.fair for group in found)


def test_without_anybody_to_evaluate_popularity_serves_unless_a_better_model_already_does() -> None:
    empty = both(figures(over_popularity=interval(np.zeros(0))))
    assert judge(empty, 0, None, RULES).passed == "popularity"
    assert judge(empty, 0, "popularity", RULES).passed == "popularity"
    assert judge(empty, 0, "collaborative", RULES).passed is None
