"""Evaluate: the candidate, popularity and the champion on the same held-out products of the same users."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from pipelines import snapshots
from pipelines.errors import GateError
from pipelines.exam import Exam
from pipelines.features import Features, FeatureStore
from pipelines.gate import CANDIDATES, Candidate, Figures, GateRules, Verdict, groups, judge
from pipelines.lake import Lake
from pipelines.matrices import Interactions
from pipelines.metrics import PerUser, interval
from pipelines.schema import USER_VIEW
from pipelines.tracking import CHAMPION, Tracking, Version
from pipelines.train import EVALUATION, Trained
from recommender.model import Model


@dataclass(frozen=True, kw_only=True)
class EvaluationRules:
    """How much is evaluated."""

    k: int = 10
    """Length of the list."""
    most_users: int = 10_000
    """Of more, that many are drawn; the same data draws the same."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Figures and verdict."""

    k: int
    users: int
    figures: dict[Candidate, Figures]
    champion: Figures | None
    champion_version: str | None
    verdict: Verdict
    passed: Candidate
    """Who goes on to be registered."""


def evaluate(
    lake: Lake,
    tracking: Tracking,
    store: FeatureStore,
    features: Features,
    trained: Trained,
    rules: EvaluationRules,
    gate: GateRules,
) -> Evaluated:
    """Evaluate and judge; the figures are logged whatever the verdict is.

    Raises:
        GateError: no candidate may serve.
    """
    champion = tracking.aliased(CHAMPION)
    exam = Exam.of(_pairs(lake, trained.data_version), rules.most_users, _learnt(lake, champion, trained))
    with TemporaryDirectory(prefix="evaluate-") as folder:
        learnt = Model.load(
            lake.download_folder("artifacts", f"{trained.candidate}/{EVALUATION}", Path(folder) / "candidate"),
            mmap=False,
        )
        found = {kind: exam.sit(learnt, kind, rules.k) for kind in CANDIDATES}
        reigning = _champion(tracking, champion, exam, rules.k, Path(folder))
    names = _groups(store, features, exam.users)
    figures = {
        kind: _figures(found[kind], names, gate, None if kind == "popularity" else found["popularity"], reigning)
        for kind in CANDIDATES
    }
    champion_kind = champion.tags.get("kind") if champion else None
    verdict = judge(figures, len(exam.users), champion_kind, gate)
    of_champion = _figures(reigning, names, gate, found["popularity"], None) if reigning else None
    report = {
        "k": rules.k,
        "users": len(exam.users),
        "figures": {kind: asdict(value) for kind, value in figures.items()},
        "champion": asdict(of_champion) if of_champion else None,
        "champion_version": champion.number if champion else None,
        "verdict": asdict(verdict),
    }
    tracking.log_text(trained.run, "evaluation.json", json.dumps(report, indent=1))
    tracking.log_metrics(trained.run, _logged(figures, len(exam.users)))
    if verdict.passed is None:
        tracking.finish(trained.run, failed=True)
        reasons = "; ".join(f"{kind}: {', '.join(why)}" for kind, why in verdict.refusals.items())
        raise GateError(f"No candidate may serve. {reasons}. The champion goes on serving.")
    return Evaluated(
        k=rules.k,
        users=len(exam.users),
        figures=figures,
        champion=of_champion,
        champion_version=champion.number if champion else None,
        verdict=verdict,
        passed=verdict.passed,
    )


def _pairs(lake: Lake, data_version: str) -> Interactions:
    return Interactions.of(snapshots.events(lake, data_version, ["user_id", "product_id", "event_type"]))


def _learnt(lake: Lake, champion: Version | None, trained: Trained) -> Interactions | None:
    """The pairs behind the champion; None where they are those of today, or gone."""
    version = champion.tags.get("data_version", "") if champion else ""
    if version == trained.data_version or snapshots.find(lake, version) is None:
        return None
    return _pairs(lake, version)


def _champion(tracking: Tracking, champion: Version | None, exam: Exam, k: int, folder: Path) -> PerUser | None:
    """The champion on today's exam, by what it had learnt from its own training part."""
    if champion is None or not exam.users:
        return None
    learnt = Model.load(tracking.fetch(champion.run, EVALUATION, folder), mmap=False)
    return exam.sit(learnt, "popularity" if champion.tags.get("kind") == "popularity" else "collaborative", k)


def _groups(store: FeatureStore, features: Features, users: list[str]) -> npt.NDArray[np.object_]:
    found = store.offline(features, USER_VIEW, "user_id", users, ["age_band"])
    return found["age_band"].to_numpy(object)


def _figures(
    found: PerUser,
    names: npt.NDArray[np.object_],
    rules: GateRules,
    popular: PerUser | None,
    champion: PerUser | None,
) -> Figures:
    return Figures(
        ndcg=interval(found.ndcg),
        hit_rate=interval(found.hit),
        next_hit_rate=interval(found.next_hit),
        coverage=found.coverage,
        groups=groups(found.ndcg, names, rules),
        over_popularity=interval(found.ndcg - popular.ndcg) if popular else None,
        over_champion=interval(found.ndcg - champion.ndcg) if champion else None,
    )


def _logged(figures: dict[Candidate, Figures], users: int) -> dict[str, float]:
    logged: dict[str, float] = {"users": users}
    for kind, value in figures.items():
        logged[f"{kind}.ndcg"] = value.ndcg.mean
        logged[f"{kind}.ndcg.low"] = value.ndcg.low
        logged[f"{kind}.ndcg.high"] = value.ndcg.high
        logged[f"{kind}.hit_rate"] = value.hit_rate.mean
        if value.next_hit_rate is not None:
            logged[f"{kind}.next_hit_rate"] = value.next_hit_rate.mean
        logged[f"{kind}.coverage"] = value.coverage
        for group in value.groups:
            logged[f"{kind}.ndcg.group.{''.join(c if c.isalnum() else '_' for c in group.name)}"] = group.ndcg.mean
    return logged
