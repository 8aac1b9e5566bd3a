"""Release: look at the trial that runs, and do what the verdict says.

The worker does it at every look; where there is none, `python -m pipelines release --act` does it once.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import TypeAdapter

from pipelines import replicas, trials
from pipelines.attribution import Slice, outcomes
from pipelines.deploy import DeployRules, end_trial, promote, set_share
from pipelines.errors import GateError, InputError, ServiceError
from pipelines.explain import CARD
from pipelines.judge import Decision, Verdict, judge, lines
from pipelines.loop import Context
from pipelines.raw import RawLake
from pipelines.serving import Recommender
from pipelines.tracking import CHAMPION, REASON_TAG, VERDICT_TAG, Tracking
from pipelines.trials import Tried

ARTIFACT = "release/verdict.json"
_MOST_TAG = 5_000
"""Characters that MLflow keeps of a tag."""

End = Literal["promote", "roll-back"]


def look(raw: RawLake, tracking: Tracking, now: datetime) -> Tried | None:
    """The trial that runs with a verdict of now, else the last one with its own; nothing is changed."""
    tried = trials.running(raw.lake, tracking)
    if tried is None:
        last = trials.latest(raw.lake)
        if last is None or last.trial.ended:
            return last
        # Somebody took its alias away, or a process died when it had done so.
        return replace(last, trial=replace(last.trial, ended="from outside: it is challenger no more"))
    trial = tried.trial
    asked = Slice(
        trial=trial.version,
        percent=trial.percent,
        since=trial.step_started,
        outcome=trial.release.outcome,
        window=timedelta(hours=trial.release.attribution_hours),
        paired=trial.strategy == "shadow",
    )
    found = outcomes(raw, asked, now)
    champion = tracking.aliased(CHAMPION)
    seen = replicas.seen(raw.lake, tracking.model)
    return replace(tried, verdict=judge(trial, found, seen, champion.number if champion else None, now))


def act(
    raw: RawLake, tracking: Tracking, recommender: Recommender | None, rules: DeployRules, now: datetime
) -> Tried | None:
    """Look, and do what the verdict says; None where no trial runs.

    Raises:
        ServiceError: the lake or the registry does not answer; the next look says the same again.
    """
    tried = look(raw, tracking, now)
    if tried is None or tried.trial.ended or tried.verdict is None:
        return None
    verdict = tried.verdict
    if verdict.decision == "roll back" and tried.trial.release.rollback == "manual":
        trials.keep(raw.lake, tried)
        return tried
    return _carry_out(raw, tracking, recommender, rules, tried, verdict, now)


def end(
    raw: RawLake, tracking: Tracking, recommender: Recommender | None, rules: DeployRules, how: End, now: datetime
) -> Tried:
    """End the trial that runs as somebody wants it.

    Raises:
        InputError: none runs.
        GateError: the version does not come to serve; the champion serves on.
    """
    tried = look(raw, tracking, now)
    if tried is None or tried.trial.ended or tried.verdict is None:
        raise InputError("No trial runs, so there is none to end: `python -m pipelines release` shows the last one.")
    said = "; ".join((tried.verdict.decision, *tried.verdict.reasons))
    decision: Decision = "promote" if how == "promote" else "roll back"
    verdict = replace(tried.verdict, decision=decision, reasons=(f"by hand, while it said: {said}",))
    done = _carry_out(raw, tracking, recommender, rules, tried, verdict, now)
    if how == "promote" and done.verdict is not None and done.verdict.decision != "promote":
        raise GateError(done.trial.ended)
    return done


def carry_on(context: Context, how: End | None) -> Tried | None:
    """Act, or end the trial where `how` says; the last trial where none runs."""
    parts = (context.raw, context.tracking, context.recommender, context.options.deploy)
    if how is not None:
        return end(*parts, how, context.now())
    return act(*parts, context.now()) or look(context.raw, context.tracking, context.now())


def tell(tried: Tried | None) -> list[str]:
    """For people."""
    if tried is None:
        return ["No version was tried yet."]
    trial, verdict = tried.trial, tried.verdict
    state = f"ended, {trial.ended}" if trial.ended else "runs"
    text = [f"trial      of version {trial.version} since {trial.started:%Y-%m-%d %H:%M} UTC: {state}"]
    return text + (lines(verdict) if verdict is not None else [])


def _carry_out(
    raw: RawLake,
    tracking: Tracking,
    recommender: Recommender | None,
    rules: DeployRules,
    tried: Tried,
    verdict: Verdict,
    now: datetime,
) -> Tried:
    version = tried.trial.version
    if verdict.decision == "promote":
        try:
            promote(tracking, recommender, version, tried.trial.champion, ["nobody"], rules, raw.lake)
        except (GateError, ServiceError) as error:
            verdict = replace(verdict, decision="roll back", reasons=(str(error),))
    elif verdict.decision == "roll back":
        end_trial(tracking, version)
        if recommender is not None:
            recommender.reload()
    done = trials.after(tried, verdict, now)
    if verdict.decision == "next step":
        set_share(tracking, version, done.trial.strategy, done.trial.percent)
        if recommender is not None:
            recommender.reload()
    if done.trial.ended:
        _remember(tracking, done)
    trials.keep(raw.lake, done)
    return done


def _remember(tracking: Tracking, tried: Tried) -> None:
    """Keep the verdict with the version: in its tags, its run and its card."""
    verdict = tried.verdict
    version = tracking.version(tried.trial.version)
    if verdict is None or version is None:
        return
    reasons = "; ".join(verdict.reasons)
    tracking.tag(version.number, {VERDICT_TAG: verdict.decision, REASON_TAG: reasons[:_MOST_TAG]})
    if not version.run:
        return
    tracking.log_text(version.run, ARTIFACT, TypeAdapter(Tried).dump_json(tried, indent=1).decode())
    if tracking.has_artifact(version.run, CARD):
        with TemporaryDirectory(prefix="release-") as folder:
            card = tracking.text(version.run, CARD, Path(folder))
        section = ["## Release", "", f"Ended {verdict.at}.", "", "```", *lines(verdict), "```", ""]
        tracking.log_text(version.run, CARD, "\n".join([card.split("## Release")[0].rstrip(), "", *section]))
