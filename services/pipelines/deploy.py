"""Deploy: the challenger becomes the champion, at once, after a share of the users, or after a silent comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.errors import GateError, ServiceError
from pipelines.register import Registered
from pipelines.serving import Answers, Overlap, Recommender
from pipelines.tracking import CHALLENGER, CHAMPION, Tracking
from recommender.deployment import within
from recommender.registry import MODE_TAG, PERCENT_TAG

_COMPARISON_SECONDS = 10.0
"""How long comparisons may take to follow their answers."""

Strategy = Literal["rolling", "canary", "shadow"]


@dataclass(frozen=True, kw_only=True)
class DeployRules:
    """How a challenger is tried, and what it must not do."""

    strategy: Strategy = "rolling"
    percent: float | None = None
    """Share of users that a canary answers or a shadow is compared on; None is 20 for a canary and 100 for a shadow."""
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

    @property
    def share(self) -> float:
        """The share in percent that applies."""
        return self.percent if self.percent is not None else {"canary": 20.0}.get(self.strategy, 100.0)


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What serves now."""

    version: str
    previous: str | None
    strategy: Strategy
    """What was done: without a champion to compare with, canary and shadow are rolling."""
    verified: bool
    """False where no service is configured: the alias alone was set."""
    answers: dict[str, Answers]
    """By model version."""
    overlap: Overlap | None


def deploy(
    tracking: Tracking,
    recommender: Recommender | None,
    registered: Registered,
    users: Sequence[str],
    rules: DeployRules,
) -> Deployed:
    """Promote the registered version; what served before serves again where it fails.

    Raises:
        GateError: the challenger failed its trial, or the service does not take it.
        ServiceError: the service does not come up with its first model; the alias stays, and a rerun looks again.
    """
    champion = tracking.aliased(CHAMPION)
    previous = champion.number if champion and champion.number != registered.version else None
    asked = list(users)[: rules.requests] or ["nobody"]
    asked = (asked * (rules.requests // len(asked) + 1))[: rules.requests]
    answers: dict[str, Answers] = {}
    overlap: Overlap | None = None
    compared = recommender is not None and previous is not None and recommender.serves().get("champion") == previous
    strategy: Strategy = rules.strategy if compared else "rolling"
    if recommender is not None and previous is not None and strategy != "rolling":
        answers, overlap = _try(tracking, recommender, registered.version, previous, asked, strategy, rules)
    tracking.set_alias(CHAMPION, registered.version)
    if recommender is not None:
        try:
            recommender.wait_for({"champion": registered.version}, rules.timeout_seconds)
            answers = {**answers, **_judge_answers(recommender.ask(asked), registered.version, rules)}
        except (GateError, ServiceError) as error:
            if previous is None:
                # Nothing better served before, and a service that starts later needs a champion to start with.
                raise
            tracking.set_alias(CHAMPION, previous)
            _end_trial(tracking, registered.version)
            raise GateError(f"{error} Version {previous} is champion again.") from None
    _end_trial(tracking, registered.version)
    return Deployed(
        version=registered.version,
        previous=previous,
        strategy=strategy,
        verified=recommender is not None,
        answers=answers,
        overlap=overlap,
    )


def _try(
    tracking: Tracking,
    recommender: Recommender,
    version: str,
    champion: str,
    users: Sequence[str],
    strategy: Strategy,
    rules: DeployRules,
) -> tuple[dict[str, Answers], Overlap | None]:
    tracking.tag(version, {MODE_TAG: strategy, PERCENT_TAG: f"{rules.share:g}"})
    tracking.set_alias(CHALLENGER, version)
    try:
        recommender.wait_for({"champion": champion, strategy: version}, rules.timeout_seconds)
        if strategy == "canary":
            return _judge_answers(recommender.ask(users), version, rules), None
        compared = [user for user in users if within(user, rules.share)]
        answers, overlap = recommender.compare(compared, version, _COMPARISON_SECONDS)
        _judge_overlap(overlap, version, rules)
        return _judge_answers(answers, champion, rules), overlap
    except (GateError, ServiceError) as error:
        _end_trial(tracking, version)
        raise GateError(f"The {strategy} of version {version} failed: {error} Version {champion} goes on.") from None


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


def _end_trial(tracking: Tracking, version: str) -> None:
    """Take the challenger's alias and its mode away, so that the service compares no longer."""
    challenger = tracking.aliased(CHALLENGER)
    if challenger is not None and challenger.number == version:
        tracking.drop_alias(CHALLENGER)
    tracking.tag(version, {MODE_TAG: "rolling"})
