"""What becomes of a trial: limits, users, replicas and time, one after the other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.attribution import Arm, Outcomes
from pipelines.judge import Trial, Verdict, judge, lines
from pipelines.release_metrics import exposition
from pipelines.replicas import Counted, Replica
from pipelines.trials import Tried
from recommender.metrics import SECONDS
from recommender.release import Release, Step
from tests.pipelines.shop import NOW

FAST = 3
"""Place in the histogram of an answer within 3 ms."""
SLOW = len(SECONDS) - 1


def trial(strategy: Any = "canary", step: int = 0, hours: float = 2.0, **release: Any) -> Trial:
    """A trial whose step began so many hours ago."""
    steps = release.pop("steps", (Step(percent=20, bake_minutes=60), Step(percent=50, bake_minutes=60)))
    began = NOW - timedelta(hours=hours)
    section = Release(strategy=strategy, steps=steps, least_users=100, **release)
    return Trial(version="2", champion="1", release=section, started=began, step=step, step_started=began)


def answers(requests: int = 1_000, errors: int = 0, place: int = FAST) -> Counted:
    """Of one version, all of which took the same time."""
    seconds = [0] * (len(SECONDS) + 1)
    seconds[place] = requests - errors
    return Counted(requests=requests, errors=errors, seconds=seconds)


def replica(of: Trial, name: str = "pod-a", new: Counted | None = None, **differs: Any) -> Replica:
    """A process that serves what the trial asks for."""
    made = Replica(
        replica=name,
        model="recommender",
        started=0.0,
        at=NOW.timestamp(),
        ended=False,
        mode=of.strategy,
        percent=of.percent,
        serves={"champion": "1", of.strategy: "2"},
        bounds=SECONDS,
        versions={"1": answers(), "2": new or answers()},
        compared=0,
        overlap=0.0,
    )
    return replace(made, **differs)


def users(new: tuple[int, int] = (500, 100), old: tuple[int, int] = (2_000, 400), arm: str = "challenger") -> Outcomes:
    """Users of each version whose time is over, and how many of them succeeded."""
    return Outcomes(
        arms={
            "champion": Arm(answers=old[0], users=old[0], successes=old[1]),
            arm: Arm(answers=new[0], users=new[0], successes=new[1]),
        },
        only={"champion": old[1], arm: new[1]},
    )


def said(of: Trial, found: Outcomes | None = None, *replicas: Replica, champion: str = "1") -> Verdict:
    return judge(of, found or users(), replicas or (replica(of),), champion, NOW)


def test_where_nothing_speaks_against_it_a_canary_grows_and_takes_over_in_the_end() -> None:
    first, last = trial(), trial(step=1)
    assert said(first).decision == "next step"
    assert "50 %" in said(first).reasons[0]
    assert said(last, users((1_200, 240), (1_200, 240))).decision == "promote"


@pytest.mark.parametrize(
    ("differs", "reason"),
    [
        ({"errors": 20}, "errors of all: 2 %, at most 1 % allowed"),
        ({"place": SLOW}, "p95 of all"),
    ],
)
def test_a_broken_limit_ends_it_at_once_whatever_else_it_shows(differs: dict[str, int], reason: str) -> None:
    began = trial(hours=0.1)
    verdict = said(began, users((0, 0), (0, 0)), replica(began, new=answers(1_000, **differs)))
    assert verdict.decision == "roll back"
    assert any(reason in text for text in verdict.reasons)
    assert [guard.broken for guard in verdict.guards].count(True) == 1


def test_one_replica_that_fails_among_twenty_is_found() -> None:
    of = trial()
    healthy = [replica(of, f"pod-{number}") for number in range(19)]
    broken = replica(of, "pod-broken", new=answers(1_000, errors=150))
    verdict = said(of, None, *healthy, broken)
    together = 100 * 150 / 20_000
    assert together < 1.0, "all together are within the limit"
    assert verdict.decision == "roll back"
    assert "pod-broken" in verdict.reasons[0]


def test_a_replica_that_ended_or_fell_silent_still_counts_by_what_it_had_seen() -> None:
    of = trial()
    ended = replica(of, "pod-ended", new=answers(1_000, errors=500), ended=True)
    silent = replica(of, "pod-silent", new=answers(1_000, errors=500), at=NOW.timestamp() - 3_600)
    for gone in (ended, silent):
        verdict = said(of, None, replica(of), gone)
        assert verdict.decision == "roll back"
        assert gone.replica not in verdict.replicas


def test_figures_of_another_step_or_another_trial_count_for_nothing() -> None:
    of = trial()
    other_step = replica(of, "pod-b", new=answers(5_000, errors=5_000), percent=5.0, ended=True)
    other_trial = replica(of, "pod-c", new=answers(5_000, errors=5_000), serves={"champion": "2"}, ended=True)
    assert said(of, None, replica(of), other_step, other_trial).decision == "next step"


def test_no_step_ends_before_every_replica_serves_it_and_one_that_never_does_ends_the_trial() -> None:
    of = trial(hours=0.2, steps=(Step(percent=20, bake_minutes=0),))
    behind = replica(of, "pod-b", serves={"champion": "1"}, mode="rolling", percent=0.0)
    verdict = said(of, None, replica(of), behind)
    assert (verdict.decision, verdict.reasons) == ("go on", ("pod-b does not serve it yet",))
    late = trial(hours=0.3, steps=(Step(percent=20, bake_minutes=0),))
    verdict = said(late, None, replica(late), behind)
    assert verdict.decision == "roll back"
    assert "pod-b does not serve it after 15 minutes" in verdict.reasons[0]
    fresh = replace(behind, started=NOW.timestamp() - 30)
    assert said(late, None, replica(late), fresh).decision == "go on", "it has only just started"
    assert said(late, None, replace(replica(late), ended=True)).reasons == (
        "no recommender has written its figures lately",
    )


def test_each_thing_that_a_step_lacks_is_said() -> None:
    of = trial(hours=0.5)
    few = replica(of, new=answers(99))
    verdict = said(of, users((30, 3), (120, 12)), few)
    assert verdict.decision == "go on"
    assert verdict.reasons == (
        "step 1 has run for 30 of 60 minutes",
        "it has had 99 of 100 requests",
        "version 2 has 30 of 100 users whose time is over",
    )
    assert verdict.quality is None


def test_a_canary_that_is_clearly_worse_ends_and_one_that_is_a_little_worse_takes_over() -> None:
    assert said(trial(hours=0.1), users((500, 40), (2_000, 400))).decision == "roll back"
    assert said(trial(step=1), users((1_000, 195), (1_000, 200))).decision == "promote"


def test_an_experiment_takes_over_only_if_it_is_clearly_better() -> None:
    of = trial("ab", steps=(Step(percent=50, bake_minutes=60),))
    equal, better, worse = (users((2_000, new), (2_000, 400)) for new in (400, 600, 250))
    assert said(of, equal).decision == "go on"
    assert "no clear difference yet" in said(of, equal).reasons[0]
    assert said(of, better).decision == "promote"
    assert said(of, worse).decision == "roll back"
    early = trial("ab", hours=0.5, steps=of.release.steps)
    assert said(early, better).decision == "go on", "weekdays differ: it runs for its time"
    assert said(early, worse).decision == "roll back", "nobody is shown what is worse for the sake of time"


def test_what_is_not_decided_within_the_horizon_ends_without_a_change() -> None:
    of = trial("ab", hours=25, steps=(Step(percent=50, bake_minutes=60),), horizon_days=1)
    verdict = said(of, users((2_000, 400), (2_000, 400)))
    assert verdict.decision == "roll back"
    assert "nothing was decided within 1 days: no clear difference" in verdict.reasons[0]


def test_a_split_that_is_not_the_one_asked_for_ends_it_because_nothing_could_be_trusted() -> None:
    of = trial("ab", steps=(Step(percent=50, bake_minutes=60),))
    verdict = said(of, users((2_000, 400), (2_600, 520)))
    assert verdict.decision == "roll back"
    assert "not split as asked" in verdict.reasons[0]
    assert said(of, users((2_000, 400), (2_080, 416))).decision == "go on", "chance alone may do that"


def test_a_champion_that_somebody_changed_meanwhile_ends_it() -> None:
    assert said(trial(), champion="3").reasons[0] == "version 3 is champion now, and not 1"


def test_a_shadow_is_held_to_its_limits_and_what_nobody_saw_is_not_held_against_it() -> None:
    steps = (Step(percent=100, bake_minutes=60),)
    of = trial("shadow", steps=steps)
    seen = replica(of, compared=1_000, overlap=400.0)
    found = users((2_000, 100), (2_000, 400), arm="shadow")
    verdict = said(of, found, seen)
    assert verdict.quality is not None
    assert verdict.quality.worse
    assert verdict.decision == "promote"
    guards = Release().guards.model_copy(update={"least_overlap_percent": 50.0})
    strict = trial("shadow", steps=steps, guards=guards)
    verdict = said(strict, found, replica(strict, compared=1_000, overlap=400.0))
    assert verdict.decision == "roll back"
    assert "overlap of all: 40 %, at least 50 % allowed" in verdict.reasons[0]


def test_steps_share_the_error_that_is_allowed() -> None:
    verdict = said(trial(significance=0.05))
    assert verdict.quality is not None
    assert verdict.quality.alpha == 0.025


def test_by_limits_alone_no_user_is_waited_for() -> None:
    of = trial(step=1)
    bare = replace(of, release=of.release.model_copy(update={"least_users": 0}))
    verdict = said(bare, Outcomes(arms={}, only={}))
    assert (verdict.decision, verdict.quality) == ("promote", None)


def test_people_and_prometheus_are_told_the_same() -> None:
    of = trial(step=1)
    verdict = said(of, users((1_200, 240), (1_200, 240)), replica(of), replica(of, "pod-b", new=answers(errors=50)))
    text = "\n".join(lines(verdict))
    for part in ("canary of version 2 beside 1, step 2 of 2: 50 %", "roll back", "BROKEN", "pod-b", "20.0% of them"):
        assert part in text
    metrics = exposition(Tried(trial=of, verdict=verdict)).decode()
    for line in (
        'mlops_trial_info{champion="1",decision="roll back",strategy="canary",version="2"} 1.0',
        'mlops_trial_users{arm="challenger"} 1200.0',
        'mlops_trial_guard_broken{guard="errors",where="pod-b"} 1.0',
        "mlops_trial_running 1.0",
    ):
        assert line in metrics
    assert "mlops_trial_running 0.0" in exposition(None).decode()


def test_equal_versions_are_told_apart_in_no_more_trials_than_allowed_at_whichever_look() -> None:
    """Whole trials of two steps, looked at ten times in each: verdicts, and not the statistic alone."""
    draw = np.random.default_rng(11)
    steps = (Step(percent=10, bake_minutes=0), Step(percent=50, bake_minutes=0))
    wrong = 0
    for _ in range(100):
        called = False
        for step, stage in enumerate(steps):
            of = trial("ab", step=step, steps=steps, significance=0.2, horizon_days=365)
            given = draw.binomial(1_000, stage.percent / 100, 10)
            new, old = draw.binomial(given, 0.2).cumsum(), draw.binomial(1_000 - given, 0.2).cumsum()
            for look, had in enumerate(given.cumsum()):
                found = users((int(had), int(new[look])), (1_000 * (look + 1) - int(had), int(old[look])))
                quality = said(of, found).quality
                called = called or (quality is not None and (quality.better or quality.worse))
        wrong += called
    assert wrong <= 20
