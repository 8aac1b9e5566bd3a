"""Train: choose how, then learn once from what the evaluation may see and once from everything."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipelines import snapshots
from pipelines.exam import learnt_from
from pipelines.features import Features, FeatureStore, require_fresh
from pipelines.lake import Lake
from pipelines.matrices import Interactions
from pipelines.provenance import code_version, runtime
from pipelines.schema import PRODUCT_VIEW
from pipelines.search import SearchRules, Trial, search
from pipelines.similarity import Hyperparameters, learn
from pipelines.snapshots import Snapshot
from pipelines.tracking import Tracking
from recommender.model import Model

SERVED, EVALUATION = "served", "evaluation"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A candidate: `<candidate>/served` and `<candidate>/evaluation` in the artifacts zone."""

    run: str
    """MLflow run."""
    candidate: str
    data_version: str
    code_version: str
    hyperparameters: Hyperparameters
    """The best of those that were tried."""
    trials: tuple[Trial, ...]
    """What was tried; nothing where there was no choice."""
    users: int
    products: int
    pairs: int
    """Different user-product pairs."""
    held_out: int
    """Pairs that only the evaluation sees."""


def train(
    lake: Lake,
    tracking: Tracking,
    store: FeatureStore,
    snapshot: Snapshot,
    features: Features,
    candidates: Sequence[Hyperparameters],
    rules: SearchRules,
    loop_run: str,
    now: datetime,
    pseudonyms: str,
) -> Trained:
    """Train the best of the candidates, keep it in the lake, and log what it was trained from.

    Args:
        pseudonyms: fingerprint of the key that hides the users' ids.

    Raises:
        GateError: the features are older than an hour.
    """
    require_fresh(features, now)
    pairs = Interactions.of(snapshots.events(lake, snapshot.data_version, ["user_id", "product_id", "event_type"]))
    held = pairs.held_out()
    hyperparameters, trials = search(pairs, candidates, rules)
    popular = store.offline(features, PRODUCT_VIEW, "product_id", pairs.products, ["popularity"])
    served = Model.collaborative(
        pairs.users,
        pairs.products,
        pairs.matrix(half_life=hyperparameters.half_life),
        learn(pairs.matrix(), hyperparameters),
        popular["popularity"].to_numpy(np.float64),
        data_version=snapshot.data_version,
        created=now.isoformat(timespec="seconds"),
        pseudonyms=pseudonyms,
        half_life=hyperparameters.half_life,
    )
    evaluation = learnt_from(pairs.matrix(~held), pairs.products, hyperparameters, snapshot.data_version)
    candidate = _name(snapshot.data_version, hyperparameters)
    _forget_others(lake, candidate)
    run = tracking.run(loop_run)
    with TemporaryDirectory(prefix="train-") as folder:
        lake.upload_folder("artifacts", f"{candidate}/{SERVED}", served.save(Path(folder) / SERVED))
        kept = evaluation.save(Path(folder) / EVALUATION)
        lake.upload_folder("artifacts", f"{candidate}/{EVALUATION}", kept)
        tracking.log_folder(run, EVALUATION, kept)
    tracking.log_params(run, {**asdict(hyperparameters), **_origin(snapshot)})
    tracking.log_text(run, "search.json", json.dumps([asdict(trial) for trial in trials], indent=1))
    tracking.log_text(run, "snapshot.json", json.dumps(asdict(snapshot), indent=1, ensure_ascii=False))
    return Trained(
        run=run,
        candidate=candidate,
        data_version=snapshot.data_version,
        code_version=code_version(),
        hyperparameters=hyperparameters,
        trials=trials,
        users=len(pairs.users),
        products=len(pairs.products),
        pairs=len(pairs.user),
        held_out=int(held.sum()),
    )


def _name(data_version: str, hyperparameters: Hyperparameters) -> str:
    text = json.dumps([data_version, code_version(), asdict(hyperparameters)])
    return f"candidates/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _origin(snapshot: Snapshot) -> dict[str, object]:
    made = runtime()
    return {
        "data_version": snapshot.data_version,
        "code_version": code_version(),
        "rows": snapshot.rows,
        "python": made.python,
        "numpy": made.numpy,
    }


def _forget_others(lake: Lake, candidate: str) -> None:
    """Candidates hold users' histories: only the one in work is kept; promoted ones are in the registry."""
    names = {"/".join(key.split("/")[:2]) for key in lake.keys("artifacts", "candidates/")}
    for name in names - {candidate}:
        lake.delete_below("artifacts", f"{name}/")
