"""The loop: what each of its steps does. What each needs, and what it takes to run, is in `workflows/steps.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from pipelines.decide import Decision, Triggers, decide
from pipelines.deploy import Deployed, DeployRules, deploy
from pipelines.erase import settle
from pipelines.evaluate import Evaluated, EvaluationRules, evaluate
from pipelines.explain import Explained, explain
from pipelines.features import Features, FeatureStore
from pipelines.gate import GateRules
from pipelines.ingest import Ingested, ingest
from pipelines.lake import Lake
from pipelines.monitor import Monitored, monitor
from pipelines.privacy import Masker, PrivacyRules
from pipelines.prune import Lifetimes
from pipelines.publish import publish
from pipelines.quality import QualityRules
from pipelines.raw import RawLake
from pipelines.register import Registered, register
from pipelines.search import CANDIDATES, SearchRules
from pipelines.serving import Recommender
from pipelines.settings import Settings
from pipelines.similarity import Hyperparameters
from pipelines.slices import SliceRules
from pipelines.snapshots import users
from pipelines.stream import Stream, open_stream
from pipelines.tracking import Tracking
from pipelines.train import Trained, train
from pipelines.validate import Validated, validate
from pipelines.warn import Limits
from pipelines.workflows import steps

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """Everything that a run can be told."""

    assume_consent: bool = False
    """Treat users without a consent flag as consenting."""
    privacy: PrivacyRules = field(default_factory=PrivacyRules)
    quality: QualityRules = field(default_factory=QualityRules)
    hyperparameters: tuple[Hyperparameters, ...] = CANDIDATES
    """What is tried; one alone is taken as it is."""
    search: SearchRules = field(default_factory=SearchRules)
    evaluation: EvaluationRules = field(default_factory=EvaluationRules)
    gate: GateRules = field(default_factory=GateRules)
    slices: SliceRules = field(default_factory=SliceRules)
    deploy: DeployRules = field(default_factory=DeployRules)
    triggers: Triggers = field(default_factory=Triggers)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    limits: Limits = field(default_factory=Limits)


class Context:
    """What the steps work with, made when it is first asked for: not every step needs MLflow."""

    def __init__(
        self,
        settings: Settings,
        options: LoopOptions,
        run: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.options = options
        self.run = run
        self.now = clock

    @cached_property
    def lake(self) -> Lake:
        """The buckets."""
        return Lake(self.settings)

    @cached_property
    def raw(self) -> RawLake:
        """The raw zone."""
        return RawLake(self.lake, Masker.of(self.settings), self.options.privacy)

    @cached_property
    def stream(self) -> Stream:
        """The event stream."""
        return open_stream(self.settings)

    @cached_property
    def store(self) -> FeatureStore:
        """The feature store."""
        return FeatureStore(self.lake, self.settings.state)

    @cached_property
    def tracking(self) -> Tracking:
        """MLflow."""
        return Tracking(self.settings)

    @cached_property
    def recommender(self) -> Recommender | None:
        """What serves, where an address is configured."""
        url = self.settings.serving_url
        return Recommender(url, self.settings.admin_token) if url else None


class Done:
    """Results of the steps before, by their type."""

    def __init__(self, results: Mapping[str, object]) -> None:
        self._results = results

    def __getitem__(self, kind: type[_T]) -> _T:
        return next(result for result in self._results.values() if isinstance(result, kind))


@dataclass(frozen=True, kw_only=True)
class Step(steps.Step):
    """One step, and what it does."""

    run: Callable[[Context, Done], object]
    output: type
    tell: Callable[[Any], str]
    """One line for people about the result."""


def take_in(context: Context) -> Ingested:
    """Take in what is new, and let everything know of it, and who is to be forgotten."""
    found = ingest(context.raw, context.stream, context.now(), assume_consent=context.options.assume_consent)
    if context.raw.erasures.last() is not None:
        settle(context.raw, context.store, context.tracking, context.recommender, context.now())
    publish(context.raw, context.now())
    return found


def _ingest(context: Context, _: Done) -> Ingested:
    return take_in(context)


def _validate(context: Context, done: Done) -> Validated:
    return validate(context.raw, done[Ingested], context.options.quality, context.now())


def _features(context: Context, done: Done) -> Features:
    return context.store.build(done[Validated].snapshot.data_version, context.now())


def _train(context: Context, done: Done) -> Trained:
    return train(
        context.lake,
        context.tracking,
        context.store,
        done[Validated].snapshot,
        done[Features],
        context.options.hyperparameters,
        context.options.search,
        context.run,
        context.now(),
        context.raw.masker.pseudonyms.fingerprint,
    )


def _evaluate(context: Context, done: Done) -> Evaluated:
    options = context.options
    return evaluate(
        context.lake, context.tracking, context.store, done[Features], done[Trained], options.evaluation, options.gate
    )


def _explain(context: Context, done: Done) -> Explained:
    return explain(
        context.lake,
        context.tracking,
        done[Validated].snapshot,
        done[Trained],
        done[Evaluated],
        context.options.slices,
        context.options.evaluation.most_users,
        context.now(),
    )


def _register(context: Context, done: Done) -> Registered:
    return register(
        context.lake,
        context.tracking,
        done[Trained],
        done[Evaluated],
        done[Explained],
        context.settings.serving_url,
        context.run,
        context.settings.admin_token,
    )


def _deploy(context: Context, done: Done) -> Deployed:
    rules = context.options.deploy
    asked = users(context.lake, done[Trained].data_version)["user_id"].slice(0, rules.requests).to_pylist()
    return deploy(
        context.tracking,
        context.recommender,
        done[Registered],
        asked,
        rules,
        context.settings.release,
        context.lake,
        context.now,
    )


def _monitor(context: Context, _: Done) -> Monitored:
    return monitor(context.raw, context.tracking, context.recommender, context.settings.state, context.now())


def _decide(context: Context, done: Done) -> Decision:
    return decide(done[Monitored], context.options.triggers)


def _does(name: str, *, run: Callable[[Context, Done], object], output: type, tell: Callable[[Any], str]) -> Step:
    [defined] = [step for step in steps.STEPS if step.name == name]
    return Step(**vars(defined), run=run, output=output, tell=tell)


STEPS: tuple[Step, ...] = (
    _does(
        "ingest",
        run=_ingest,
        output=Ingested,
        tell=lambda found: (
            f"{found.rows:,} events in {len(found.batches)} batches, {found.quarantined:,} unreadable"
            + "".join(f", {count:,} times {kind} masked" for kind, count in sorted(found.personal.items()))
        ),
    ),
    _does(
        "validate",
        run=_validate,
        output=Validated,
        tell=lambda found: f"quality {found.quality.score:.1%}, snapshot {found.snapshot.data_version}",
    ),
    _does(
        "features",
        run=_features,
        output=Features,
        tell=lambda found: f"{found.users:,} users, {found.products:,} products, offline and online",
    ),
    _does(
        "train",
        run=_train,
        output=Trained,
        tell=lambda found: f"{found.pairs:,} pairs, {found.held_out:,} held out",
    ),
    _does(
        "evaluate",
        run=_evaluate,
        output=Evaluated,
        tell=lambda found: f"{found.passed}: NDCG@{found.k} {found.figures[found.passed].ndcg}",
    ),
    _does(
        "explain",
        run=_explain,
        output=Explained,
        tell=lambda found: f"model card, {found.explained_share:.0%} of recommendations explained",
    ),
    _does(
        "register",
        run=_register,
        output=Registered,
        tell=lambda found: f"version {found.version}" + (" is champion already" if found.already_champion else ""),
    ),
    _does(
        "deploy",
        run=_deploy,
        output=Deployed,
        tell=lambda found: (
            f"version {found.version}, {found.strategy}"
            + (f" of version {found.trial} begins" if found.trial else "")
            + ("" if found.verified else ", alias only: no service is configured")
        ),
    ),
    _does(
        "monitor",
        run=_monitor,
        output=Monitored,
        tell=lambda found: (
            f"{found.new_events:,} events since the training"
            + (f", p95 {found.p95_seconds * 1e3:.1f} ms" if found.p95_seconds is not None else "")
        ),
    ),
    _does(
        "decide",
        run=_decide,
        output=Decision,
        tell=lambda found: "; ".join(reason.text for reason in found.reasons) or "no retraining",
    ),
)
