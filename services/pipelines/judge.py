"""Judge: what becomes of a trial. Pure: from figures, answers and time to a verdict with its reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipelines.attribution import CHALLENGER, CHAMPION, SHADOW, Arm, Outcomes
from pipelines.replicas import Counted, Replica, together
from pipelines.sequential import Compared, compare
from recommender.release import Release, Strategy

Decision = Literal["go on", "next step", "promote", "roll back"]
SPLIT_ALPHA = 0.001
"""Probability of calling a sound assignment of users broken, in a whole step: seldom enough to end a trial by."""
_LAG = timedelta(minutes=15)
"""How long a process may serve something else than the trial asks for."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A version that is tried beside the champion."""

    version: str
    champion: str
    release: Release
    started: datetime
    step: int
    """From 0."""
    step_started: datetime
    ended: str = ""
    """Why it is over; empty while it runs."""

    @property
    def strategy(self) -> Strategy:
        """How it is tried."""
        return self.release.strategy

    @property
    def percent(self) -> float:
        """Share of this step."""
        return self.release.stages[self.step].percent


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A limit, and what was seen."""

    name: Literal["errors", "p95", "overlap"]
    where: str
    """A replica, or "all"."""
    value: float
    limit: float
    broken: bool

    def __str__(self) -> str:
        unit = "ms" if self.name == "p95" else "%"
        word = "at least" if self.name == "overlap" else "at most"
        return f"{self.name} of {self.where}: {self.value:.3g} {unit}, {word} {self.limit:g} {unit} allowed"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said of a trial at one look."""

    at: str
    version: str
    champion: str
    strategy: Strategy
    step: int
    """From 1."""
    steps: int
    percent: float
    decision: Decision
    reasons: tuple[str, ...]
    guards: tuple[Guard, ...]
    requests: int
    """To the version on trial, in this step."""
    arms: dict[str, Arm]
    quality: Compared | None
    """The version on trial beside the champion; None where too few users are judged yet, or none are to be."""
    replicas: dict[str, dict[str, str]]
    """What each that lives serves, by role."""


def judge(trial: Trial, found: Outcomes, replicas: Sequence[Replica], champion: str | None, now: datetime) -> Verdict:
    """Say what becomes of a trial, and why.

    Args:
        champion: version that is champion now: somebody may have changed it meanwhile.
    """
    living = [one for one in replicas if one.lives(now.timestamp())]
    steady = [one for one in replicas if _serves(one, trial)]
    counted, _ = together(steady, trial.version)
    guards = tuple(_guards(trial, steady))
    quality = _quality(trial, found)
    failures = [
        *([f"version {champion} is champion now, and not {trial.champion}"] if champion != trial.champion else []),
        *(f"a limit is broken: {guard}" for guard in guards if guard.broken),
        *_broken_split(trial, found),
        *_lagging(trial, living, now),
        *([f"it is clearly worse than version {trial.champion}: {quality}"] if _harmful(trial, quality) else []),
    ]
    missing = list(_missing(trial, found, counted, living, now))
    decision: Decision
    if failures:
        decision, reasons = "roll back", failures
    elif not missing:
        decision, reasons = _step_is_over(trial, quality)
    else:
        decision, reasons = "go on", missing
    if decision == "go on" and now - trial.started > timedelta(days=trial.release.horizon_days):
        reasons = [f"nothing was decided within {trial.release.horizon_days:g} days: {'; '.join(reasons)}"]
        decision = "roll back"
    return Verdict(
        at=now.isoformat(timespec="seconds"),
        version=trial.version,
        champion=trial.champion,
        strategy=trial.strategy,
        step=trial.step + 1,
        steps=len(trial.release.stages),
        percent=trial.percent,
        decision=decision,
        reasons=tuple(reasons),
        guards=guards,
        requests=counted.requests,
        arms=dict(found.arms),
        quality=quality,
        replicas={one.replica: dict(one.serves) for one in living},
    )


def _serves(one: Replica, trial: Trial) -> bool:
    """Whether its figures are those of this step."""
    wanted = {"champion": trial.champion, trial.strategy: trial.version}
    return one.mode == trial.strategy and one.percent == trial.percent and dict(one.serves) == wanted


def _guards(trial: Trial, replicas: Sequence[Replica]) -> Iterable[Guard]:
    limits, version = trial.release.guards, trial.version
    counted, p95 = together(replicas, version)
    places = [("all", counted, p95)]
    # One of many that fails is a share too small to be seen in all of them.
    places += [(one.replica, one.versions[version], one.p95_ms(version)) for one in replicas if version in one.versions]
    for where, answers, slowest in places if len(replicas) > 1 else places[:1]:
        if answers.requests < limits.least_requests:
            continue
        if limits.most_error_percent is not None:
            yield _most("errors", where, answers.error_percent, limits.most_error_percent)
        if limits.most_p95_ms is not None and slowest is not None:
            yield _most("p95", where, slowest, limits.most_p95_ms)
    compared = sum(one.compared for one in replicas)
    if limits.least_overlap_percent is not None and compared >= limits.least_requests:
        share = 100.0 * sum(one.overlap for one in replicas) / compared
        least = limits.least_overlap_percent
        yield Guard(name="overlap", where="all", value=share, limit=least, broken=share < least)


def _most(name: Literal["errors", "p95"], where: str, value: float, limit: float) -> Guard:
    return Guard(name=name, where=where, value=value, limit=limit, broken=value > limit)


def _quality(trial: Trial, found: Outcomes) -> Compared | None:
    least = trial.release.least_users
    # Each step is a comparison of its own, for its share is its own; together they may be wrong as often as is allowed.
    alpha = trial.release.significance / len(trial.release.stages)
    other = SHADOW if trial.strategy == "shadow" else CHALLENGER
    if not least or min(found.arms.get(arm, Arm()).users for arm in (CHAMPION, other)) < least:
        return None
    if trial.strategy == "shadow":
        return compare(found.only.get(SHADOW, 0), found.only.get(CHAMPION, 0), 0.5, alpha)
    return compare(found.arms[CHALLENGER].successes, found.arms[CHAMPION].successes, trial.percent / 100, alpha)


def _harmful(trial: Trial, quality: Compared | None) -> bool:
    # A shadow's list was seen by nobody: that what was shown was taken more often says nothing against it.
    return trial.strategy != "shadow" and quality is not None and quality.worse


def _broken_split(trial: Trial, found: Outcomes) -> Iterable[str]:
    if trial.strategy == "shadow":
        return
    new, old = (arm.users + arm.waiting for arm in (found.arms.get(name, Arm()) for name in (CHALLENGER, CHAMPION)))
    split = compare(new, old, trial.percent / 100, SPLIT_ALPHA)
    if split.p_value < SPLIT_ALPHA:
        yield (
            f"the users are not split as asked: version {trial.version} has {new:,} of {new + old:,}, and "
            f"{trial.percent:g} % was asked for, so that no comparison can be trusted"
        )


def _lagging(trial: Trial, living: Sequence[Replica], now: datetime) -> Iterable[str]:
    for one in living:
        began = max(trial.step_started.timestamp(), one.started)
        if not _serves(one, trial) and now.timestamp() - began > _LAG.total_seconds():
            yield f"{one.replica} does not serve it after {_LAG.seconds // 60} minutes: it serves {dict(one.serves)}"


def _missing(
    trial: Trial, found: Outcomes, counted: Counted, living: Sequence[Replica], now: datetime
) -> Iterable[str]:
    """What this step has not seen yet."""
    stage, release = trial.release.stages[trial.step], trial.release
    baked = now - trial.step_started
    if baked < timedelta(minutes=stage.bake_minutes):
        yield f"step {trial.step + 1} has run for {_minutes(baked)} of {stage.bake_minutes:,} minutes"
    if not living:
        yield "no recommender has written its figures lately"
    for one in living:
        if not _serves(one, trial):
            yield f"{one.replica} does not serve it yet"
    if counted.requests < release.guards.least_requests:
        yield f"it has had {counted.requests:,} of {release.guards.least_requests:,} requests"
    other = SHADOW if trial.strategy == "shadow" else CHALLENGER
    for name, version in ((other, trial.version), (CHAMPION, trial.champion)):
        users = found.arms.get(name, Arm()).users
        if users < release.least_users:
            yield f"version {version} has {users:,} of {release.least_users:,} users whose time is over"


def _step_is_over(trial: Trial, quality: Compared | None) -> tuple[Decision, list[str]]:
    if trial.step + 1 < len(trial.release.stages):
        return "next step", [f"nothing speaks against {trial.release.stages[trial.step + 1].percent:g} %"]
    if trial.strategy != "ab":
        return "promote", [f"nothing speaks against it: {quality or 'quality is not judged'}"]
    if quality is None:
        return "go on", ["quality is not judged without least_users, and an experiment is decided by it alone"]
    if quality.better:
        return "promote", [f"it is clearly better than version {trial.champion}: {quality}"]
    return "go on", [f"no clear difference yet: {quality}"]


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:,.0f}"


def lines(verdict: Verdict) -> list[str]:
    """For people."""
    text = [
        (
            f"{verdict.strategy} of version {verdict.version} beside {verdict.champion}, step {verdict.step} of "
            f"{verdict.steps}: {verdict.percent:g} % of the users"
        ),
        f"verdict    {verdict.decision}",
        *(f"           {reason}" for reason in verdict.reasons),
        f"requests   {verdict.requests:,} to it in this step, {len(verdict.replicas)} replicas answer",
    ]
    text += [f"limit      {'BROKEN  ' if guard.broken else ''}{guard}" for guard in verdict.guards]
    for name, arm in verdict.arms.items():
        rate = "" if arm.rate is None else f", {arm.rate:.1%} of them with success"
        text.append(f"{name:<10} {arm.answers:,} answers, {arm.users:,} users{rate}; {arm.waiting:,} still wait")
    return text + ([f"quality    {verdict.quality}"] if verdict.quality is not None else [])
