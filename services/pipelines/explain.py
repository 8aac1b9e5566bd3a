"""Explain: why products are recommended, and the model card without which nothing is promoted."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipelines.analyse import analyse
from pipelines.card import card, errors
from pipelines.evaluate import Evaluated
from pipelines.lake import Lake
from pipelines.reasons import Explanations, Reason
from pipelines.slices import SliceRules
from pipelines.snapshots import Snapshot
from pipelines.tracking import Tracking
from pipelines.train import EVALUATION, SERVED, Trained
from recommender.model import Model

CARD = "card/model-card.md"
ERRORS = "card/errors.md"
EXPLANATIONS = "explanations.json"
_SAMPLE = 200
_SEED = 5
_MOST_INFLUENTIAL = 5


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What was said about the candidate; the card and the explanations are artifacts of the MLflow run."""

    run: str
    card: str
    explanations: str
    explained_share: float


def explain(
    lake: Lake,
    tracking: Tracking,
    snapshot: Snapshot,
    trained: Trained,
    evaluated: Evaluated,
    rules: SliceRules,
    most_users: int,
    now: datetime,
) -> Explained:
    """Explain a sample of recommendations, look where the model is worst, and write the card.

    Its reasons are products that the user took, and naming them is exact where an attribution would be an estimate.
    """
    with TemporaryDirectory(prefix="explain-") as name:
        folder = Path(name)
        model, learnt = (
            Model.load(lake.download_folder("artifacts", f"{trained.candidate}/{part}", folder / part), mmap=False)
            for part in (SERVED, EVALUATION)
        )
    analysis = analyse(lake, learnt, evaluated.passed, "", trained.data_version, evaluated.k, most_users, rules)
    tracking.log_text(trained.run, ERRORS, errors(analysis))
    explanations = explanations_of(model, evaluated)
    tracking.log_text(trained.run, EXPLANATIONS, json.dumps(explanations.summary(), indent=1, ensure_ascii=False))
    tracking.log_text(trained.run, CARD, card(snapshot, trained, evaluated, explanations, analysis, now))
    return Explained(
        run=trained.run, card=CARD, explanations=EXPLANATIONS, explained_share=explanations.explained_share
    )


def explanations_of(model: Model, evaluated: Evaluated) -> Explanations:
    """Reasons for the lists of some users; users are drawn, and the same model draws the same."""
    rows = np.random.default_rng(_SEED).permutation(len(model.users))[:_SAMPLE]
    reasons = []
    if evaluated.passed == "collaborative":
        for number, user in enumerate(model.users.names(sorted(rows.tolist()))):
            reasons += [
                Reason(user=number, product_id=found.product_id, because=found.because)
                for found in model.recommend(user, evaluated.k)
            ]
    counted = Counter(product for reason in reasons for product in reason.because)
    return Explanations(
        reasons=tuple(reasons),
        explained_share=sum(bool(reason.because) for reason in reasons) / max(1, len(reasons)),
        influential=dict(counted.most_common(_MOST_INFLUENTIAL)),
    )
