"""The search takes what guesses best, looks at nothing that is held out, and stays within its bounds."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from pipelines import exam, snapshots
from pipelines.generator import Sample, generate
from pipelines.matrices import Interactions
from pipelines.search import CANDIDATES, SearchRules, search
from pipelines.similarity import Hyperparameters

END = datetime(2026, 11, 1, 12, tzinfo=UTC)
GOOD, BAD = Hyperparameters(), Hyperparameters(neighbours=1, shrinkage=1e9)


def made(**sample: object) -> pa.Table:
    wanted = {"users": 200, "products": 60, "events": 6_000, "seed": 4, "end": END, **sample}
    return snapshots.canonical(generate(Sample(**wanted)).events)  # type: ignore[arg-type]


def pairs(**sample: object) -> Interactions:
    return Interactions.of(made(**sample))


def test_the_better_one_is_taken_wherever_it_stands() -> None:
    for candidates in ([GOOD, BAD], [BAD, GOOD]):
        chosen, trials = search(pairs(), candidates, SearchRules())
        assert chosen == GOOD
        assert [trial.hyperparameters for trial in trials][:2] == candidates
        figures = {trial.hyperparameters: trial.ndcg for trial in trials}
        assert figures[GOOD].low > figures[BAD].low


def test_what_is_held_out_is_neither_learnt_nor_known_nor_asked() -> None:
    found = pairs()
    splits = list(found.validation())
    assert len(splits) == 3
    for learnt, history, asked in splits:
        for part in (learnt, history, asked):
            assert part.any()
            assert not (part & found.held_out()).any()
        assert not (history & asked).any()
    assert sum(asked.astype(int) for _, _, asked in splits).max() == 1, "nothing is asked twice"


def test_one_moment_parts_what_is_learnt_from_what_is_asked() -> None:
    found = pairs()
    for learnt, history, asked in found.validation():
        assert found.order[learnt].max() < found.order[asked].min()
        # Who is asked is known by what came before, for each of them.
        for user in np.unique(found.user[asked]):
            assert found.order[history & (found.user == user)].max() < found.order[asked & (found.user == user)].min()


def test_the_latest_count_most_where_that_is_better_and_nowhere_else() -> None:
    assert search(pairs(), [GOOD, BAD], SearchRules())[0].half_life is None, "tastes of this world never change"
    # People look for one thing at a time: each visit is about one of ten kinds of products.
    rng = np.random.default_rng(2)
    visits = [(user, kind) for user in range(150) for kind in rng.choice(10, 5, replace=False)]
    visited = [
        (f"u{visits[visit][0]}", f"p{visits[visit][1]}-{product}")
        for visit in rng.permutation(len(visits))
        for product in rng.choice(25, 7, replace=False)
    ]
    users, products = (list(column) for column in zip(*visited, strict=True))
    changed = Interactions.of(pa.table({"user_id": users, "product_id": products, "event_type": ["view"] * len(users)}))
    chosen, trials = search(changed, [GOOD, BAD], SearchRules())
    assert chosen.half_life in SearchRules().half_lives
    assert len(trials) == 4


def test_the_same_data_chooses_the_same() -> None:
    assert search(pairs(), CANDIDATES, SearchRules()) == search(pairs(), CANDIDATES, SearchRules())


def test_too_few_users_try_nothing_and_take_the_plainest() -> None:
    assert search(pairs(users=8, events=60), CANDIDATES, SearchRules()) == (CANDIDATES[0], ())
    assert search(pairs(), [BAD], SearchRules()) == (BAD, ())


def test_of_a_large_catalogue_and_many_users_a_part_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def watched(matrix: object, wanted: Hyperparameters) -> object:
        seen.append(matrix.shape)  # type: ignore[attr-defined]
        return learnt_by(matrix, wanted)  # type: ignore[arg-type]

    learnt_by = exam.learn
    monkeypatch.setattr(exam, "learn", watched)
    search(pairs(), [GOOD, BAD], replace(SearchRules(), most_products=20, most_learnt=100, least_users=1))
    assert len(seen) == 5, "each on the latest part, and the better one on all three"
    assert all(users <= 100 and products <= 20 for users, products in seen)


def test_a_catalogue_beyond_ease_is_left_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.similarity.MOST_EASE_PRODUCTS", 30)
    _, trials = search(pairs(), CANDIDATES, SearchRules())
    assert {trial.hyperparameters.algorithm for trial in trials} == {"cosine", "als"}
