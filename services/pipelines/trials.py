"""Trials: what is known of each version that was tried, kept in the lake by its number."""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from pipelines.judge import Trial, Verdict
from pipelines.lake import Lake
from pipelines.tracking import CHALLENGER, Tracking
from recommender.release import Release

PREFIX = "trials/"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial, and what was said of it."""

    trial: Trial
    verdict: Verdict | None = None
    """The last one."""
    steps: tuple[Verdict, ...] = ()
    """Those that ended a step."""


_TRIED = TypeAdapter(Tried)


def begin(lake: Lake, version: str, champion: str, release: Release, now: datetime) -> Tried:
    """Note that a trial begins."""
    trial = Trial(version=version, champion=champion, release=release, started=now, step=0, step_started=now)
    tried = Tried(trial=trial)
    keep(lake, tried)
    return tried


def keep(lake: Lake, tried: Tried) -> None:
    """Write down what is known of a trial."""
    lake.put("artifacts", _place(tried.trial.version), _TRIED.dump_json(tried, indent=1) + b"\n")


def of(lake: Lake, version: str) -> Tried | None:
    """What is known of a version's trial; None where it had none."""
    stored = lake.get("artifacts", _place(version))
    return _TRIED.validate_json(stored) if stored else None


def running(lake: Lake, tracking: Tracking) -> Tried | None:
    """The trial that runs: the challenger's, unless it is over."""
    if not lake.keys("artifacts", PREFIX):
        return None
    challenger = tracking.aliased(CHALLENGER)
    tried = of(lake, challenger.number) if challenger is not None else None
    return tried if tried is not None and not tried.trial.ended else None


def latest(lake: Lake) -> Tried | None:
    """The one that began last."""
    found = [of(lake, key.removeprefix(PREFIX).removesuffix(".json")) for key in lake.keys("artifacts", PREFIX)]
    return max((tried for tried in found if tried is not None), key=lambda tried: tried.trial.started, default=None)


def after(tried: Tried, verdict: Verdict, now: datetime) -> Tried:
    """What is known once a verdict is carried out."""
    if verdict.decision == "go on":
        return replace(tried, verdict=verdict)
    steps = (*tried.steps, verdict)
    if verdict.decision == "next step":
        trial = replace(tried.trial, step=tried.trial.step + 1, step_started=now)
    else:
        trial = replace(tried.trial, ended=f"{verdict.decision}: {'; '.join(verdict.reasons)}")
    return Tried(trial=trial, verdict=verdict, steps=steps)


def _place(version: str) -> str:
    return f"{PREFIX}{version}.json"
