"""Deploy: the challenger becomes the champion, at once, after a share of the users, or after a silent comparison.

Where the platform has a section `release`, users decide over a canary, a shadow or an experiment: the trial begins
here, once the challenger answers, and `release` ends it. Without one it is over with the requests sent from here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from pipelines import trials
from pipelines.errors import GateError, InputError, ServiceError
from pipelines.lake import Lake
from pipelines.register import Registered
from pipelines.replicas import wait_for
from pipelines.serving import Answers, Overlap, Recommender
from pipelines.tracking import CHALLENGER, CHAMPION, Tracking
from recommender.deployment import assigned
from recommender.registry import MODE_TAG, PERCENT_TAG
from recommender.release import STEPS, Release, Step, Strategy

_COMPARISON_SECONDS = 10.0
"""How long comparisons may take to follow their answers."""


@dataclass(frozen=True, kw_only=True)
class DeployRules:
    """How a challenger is tried, and what it must not do."""

    strategy: Strategy | None = None
    """None is that of the section `release`, or rolling."""
    percent: float | None = None
    """Share of users that a canary or an experiment answers or a shadow is compared on, in one step. None is what the
    section says; without one 20 for a canary and 100 for a shadow."""
    requests: int = 200
    """Requests that the deployment itself sends, so that there is something to compare without waiting for users."""
    most_failures: float = 0.0
    """Share of those requests that may fail."""
    most_p95_ms: float = 250.0
    """Slowest p95 that is let through."""
    least_overlap: float = 0.1
    """Least mean share of the champion's products that a shadow must recommend as well."""
    timeout_seconds: float = 120.0
    """How long the service may take to fetch and verify a model."""

    def release(self, section: Release | None) -> Release:
        """The section with what was asked for in its place.

        Raises:
            InputError: the two do not go together.
        """
        base = section or Release()
        strategy = self.strategy or base.strategy
        steps = base.steps if strategy == base.strategy else ()
        try:
            if self.percent is not None and strategy != "rolling":
                bake = (steps or STEPS[strategy])[-1].bake_minutes
                steps = (Step(percent=self.percent, bake_minutes=bake),)
            return Release.model_validate({**dict(base), "strategy": strategy, "steps": steps})
        except ValidationError as error:
            raise InputError(f"A {strategy} of {self.percent:g} % cannot be: {error.errors()[0]['msg']}.") from None


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What serves now."""

    version: str
    previous: str | None
    strategy: Strategy
    """What was done: without a champion to compare with, every strategy is rolling."""
    verified: bool
    """False where no service is configured: the alias alone was set."""
    answers: dict[str, Answers]
    """By model version."""
    overlap: Overlap | None
    trial: str | None = None
    """Version that users decide over from now on; None where it is decided."""


def deploy(
    tracking: Tracking,
    recommender: Recommender | None,
    registered: Registered,
    users: Sequence[str],
    rules: DeployRules,
    section: Release | None = None,
    lake: Lake | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Deployed:
    """Promote the registered version, or begin its trial; what served before serves again where it fails.

    Args:
        section: the platform's `release`; with it, or for an experiment, users decide.
        lake: where replicas write what they serve, and trials are kept; without it one address is all that is asked.

    Raises:
        GateError: the challenger failed its trial, or the service does not take it.
        ServiceError: the service does not come up with its first model; the alias stays, and a rerun looks again.
    """
    version, release = registered.version, rules.release(section)
    champion = tracking.aliased(CHAMPION)
    previous = champion.number if champion and champion.number != version else None
    asked = list(users)[: rules.requests] or ["nobody"]
    asked = (asked * (rules.requests // len(asked) + 1))[: rules.requests]
    answers: dict[str, Answers] = {}
    overlap: Overlap | None = None
    compared = recommender is not None and previous is not None and recommender.serves().get("champion") == previous
    strategy: Strategy = release.strategy if compared else "rolling"
    if recommender is not None and previous is not None and strategy != "rolling":
        patient = lake is not None and (section is not None or strategy == "ab")
        quick = rules.percent if rules.percent is not None else {"canary": 20.0}.get(strategy, 100.0)
        percent = release.stages[0].percent if patient else quick
        answers, overlap = _try(tracking, recommender, version, previous, asked, strategy, percent, rules)
        if patient and lake is not None:
            trials.begin(lake, version, previous, release, now())
            return Deployed(
                version=previous,
                previous=previous,
                strategy=strategy,
                verified=True,
                answers=answers,
                overlap=overlap,
                trial=version,
            )
    answers = {**answers, **promote(tracking, recommender, version, previous, asked, rules, lake)}
    return Deployed(
        version=version,
        previous=previous,
        strategy=strategy,
        verified=recommender is not None,
        answers=answers,
        overlap=overlap,
    )


def promote(
    tracking: Tracking,
    recommender: Recommender | None,
    version: str,
    previous: str | None,
    asked: Sequence[str],
    rules: DeployRules,
    lake: Lake | None,
) -> dict[str, Answers]:
    """Make a version the champion on every replica; the one before is champion again where that fails.

    Raises:
        GateError, ServiceError: see deploy.
    """
    tracking.set_alias(CHAMPION, version)
    answers: dict[str, Answers] = {}
    if recommender is not None:
        try:
            recommender.wait_for({"champion": version}, rules.timeout_seconds)
            if lake is not None:
                wait_for(lake, tracking.model, {"champion": version}, rules.timeout_seconds)
            answers = _judge_answers(recommender.ask(asked), version, rules)
        except (GateError, ServiceError) as error:
            if previous is None:
                # Nothing better served before, and a service that starts later needs a champion to start with.
                raise
            tracking.set_alias(CHAMPION, previous)
            end_trial(tracking, version)
            raise GateError(f"{error} Version {previous} is champion again.") from None
    end_trial(tracking, version)
    return answers


def _try(
    tracking: Tracking,
    recommender: Recommender,
    version: str,
    champion: str,
    users: Sequence[str],
    strategy: Strategy,
    percent: float,
    rules: DeployRules,
) -> tuple[dict[str, Answers], Overlap | None]:
    set_share(tracking, version, strategy, percent)
    tracking.set_alias(CHALLENGER, version)
    try:
        recommender.wait_for({"champion": champion, strategy: version}, rules.timeout_seconds)
        if strategy != "shadow":
            return _judge_answers(recommender.ask(users), version, rules), None
        compared = [user for user in users if assigned(version, user, percent)]
        answers, overlap = recommender.compare(compared, version, _COMPARISON_SECONDS)
        _judge_overlap(overlap, version, rules)
        return _judge_answers(answers, champion, rules), overlap
    except (GateError, ServiceError) as error:
        end_trial(tracking, version)
        raise GateError(f"The {strategy} of version {version} failed: {error} Version {champion} goes on.") from None


def set_share(tracking: Tracking, version: str, strategy: Strategy, percent: float) -> None:
    """Tell the service how to try a version, and on whom."""
    tracking.tag(version, {MODE_TAG: strategy, PERCENT_TAG: f"{percent:g}"})


def _judge_answers(answers: dict[str, Answers], version: str, rules: DeployRules) -> dict[str, Answers]:
    failed = answers["failed"].failed if "failed" in answers else 0
    total = sum(found.requests for found in answers.values())
    if failed > rules.most_failures * total:
        raise GateError(f"{failed} of {total} requests failed.")
    if version not in answers:
        raise GateError(f"Version {version} answered none of {total} requests: its share of users is too small.")
    if answers[version].p95_ms > rules.most_p95_ms:
        raise GateError(
            f"Version {version} answers with a p95 of {answers[version].p95_ms:.0f} ms; {rules.most_p95_ms:.0f} ms is "
            "the limit."
        )
    return answers


def _judge_overlap(overlap: Overlap, version: str, rules: DeployRules) -> None:
    if overlap.failed:
        raise GateError(f"Version {version} failed on {overlap.failed} requests that the champion answered.")
    if not overlap.compared:
        raise GateError(f"Version {version} was compared on no request.")
    if overlap.mean < rules.least_overlap:
        raise GateError(
            f"Version {version} recommends {overlap.mean:.0%} of the champion's products on {overlap.compared} "
            f"requests; {rules.least_overlap:.0%} is the least."
        )


def end_trial(tracking: Tracking, version: str) -> None:
    """Take the challenger's alias and its mode away, so that the service compares no longer."""
    challenger = tracking.aliased(CHALLENGER)
    if challenger is not None and challenger.number == version:
        tracking.drop_alias(CHALLENGER)
    tracking.tag(version, {MODE_TAG: "rolling"})
