"""Promised: what the evaluation said of the champion, of the same measure as what is seen of it while it serves."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines import snapshots
from pipelines.evaluate import EvaluationRules
from pipelines.exam import Exam
from pipelines.lake import Lake
from pipelines.matrices import Interactions
from pipelines.tracking import Tracking, Version
from pipelines.train import EVALUATION
from recommender.manifest import MANIFEST, Kind
from recommender.model import Model


def next_hit_rate(lake: Lake, tracking: Tracking, champion: Version) -> float | None:
    """How often its list held the product that a user took next.

    A champion that was evaluated before this was measured is measured now, once. None where what it takes is gone:
    such a champion cannot be held to anything, and is replaced by schedule or by hand.
    """
    if not champion.run:
        return None
    kind: Kind = "popularity" if champion.tags.get("kind") == "popularity" else "collaborative"
    name = f"{kind}.next_hit_rate"
    known = tracking.metrics(champion.run).get(name)
    data_version = champion.tags.get("data_version", "")
    if known is not None or snapshots.find(lake, data_version) is None:
        return known
    if not tracking.has_artifact(champion.run, f"{EVALUATION}/{MANIFEST}"):
        return None
    rules = EvaluationRules()
    events = snapshots.events(lake, data_version, ["user_id", "product_id", "event_type"])
    exam = Exam.of(Interactions.of(events), rules.most_users)
    if not exam.users:
        return None
    with TemporaryDirectory(prefix="promised-") as folder:
        learnt = Model.load(tracking.fetch(champion.run, EVALUATION, Path(folder)), mmap=False)
    found = float(exam.sit(learnt, kind, rules.k).next_hit.mean())
    tracking.log_metrics(champion.run, {name: found})
    return found
