"""Pairs, the split, neighbours and ranking figures, held against scikit-learn."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import ndcg_score
from sklearn.metrics.pairwise import cosine_similarity

from pipelines import similarity, snapshots
from pipelines.exam import Exam
from pipelines.generator import Sample, generate
from pipelines.matrices import HELD_OUT, LEAST_PRODUCTS, Csr, Interactions, popularity
from pipelines.metrics import interval, rank
from pipelines.similarity import cosine
from recommender.model import Model

END = datetime(2026, 11, 1, 12, tzinfo=UTC)


def pairs(**sample: object) -> Interactions:
    made = generate(Sample(**{"end": END, **sample}))  # type: ignore[arg-type]
    return Interactions.of(snapshots.canonical(made.events))


def test_a_pair_has_the_weight_of_its_strongest_event() -> None:
    events = pa.table(
        {
            "user_id": ["a", "a", "b", "a"],
            "product_id": ["x", "x", "x", "y"],
            "event_type": ["view", "purchase", "cart", "view"],
        }
    )
    assert Interactions.of(events).matrix().toarray().tolist() == [[3.0, 1.0], [2.0, 0.0]]


def test_the_latest_products_of_a_user_are_held_out() -> None:
    events = pa.table(
        {
            "user_id": ["a"] * 6 + ["b"] * 2,
            "product_id": ["5", "4", "3", "2", "1", "5", "1", "2"],
            "event_type": ["view"] * 8,
        }
    )
    found = Interactions.of(events)
    held = found.held_out()
    assert [found.products[product] for product in found.product[held]] == ["1"]
    assert [found.users[user] for user in found.user[held]] == ["a"]


@given(users=st.integers(1, 40), products=st.integers(1, 25), events=st.integers(1, 300), seed=st.integers(0, 5))
@hypothesis_settings(max_examples=40, deadline=None)
def test_everybody_keeps_most_of_what_they_took(users: int, products: int, events: int, seed: int) -> None:
    found = pairs(users=users, products=products, events=events, seed=seed)
    held = np.bincount(found.user[found.held_out()], minlength=len(found.users))
    taken = np.bincount(found.user, minlength=len(found.users))
    assert np.all(held[taken < LEAST_PRODUCTS] == 0)
    assert np.all(held[taken >= LEAST_PRODUCTS] >= 1)
    assert np.all(held <= np.maximum(1, taken * HELD_OUT))


def test_more_events_never_put_a_pair_into_training_that_was_held_out_later() -> None:
    events = snapshots.canonical(generate(Sample(end=END)).events)
    early, late = Interactions.of(events.slice(0, 4_000)), Interactions.of(events)
    learnt_early = _named(early, ~early.held_out())
    assert not learnt_early & _named(late, late.held_out())


def _named(found: Interactions, rows: np.ndarray) -> set[tuple[str, str]]:
    return {
        (found.users[user], found.products[product])
        for user, product in zip(found.user[rows], found.product[rows], strict=True)
    }


def test_without_shrinkage_similarity_is_the_cosine_of_scikit_learn() -> None:
    matrix = pairs().matrix()
    found = cosine(matrix, most=50, shrinkage=0.0).toarray()
    binary = sparse.csr_array((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    expected = cosine_similarity(binary.T)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_shrinkage_halves_a_similarity_at_as_many_common_users() -> None:
    matrix = sparse.csr_array(np.ones((10, 2), np.float32))
    assert cosine(matrix, most=5, shrinkage=10.0).toarray()[0, 1] == pytest.approx(0.5)


def test_only_the_most_similar_neighbours_are_kept_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = pairs().matrix()
    whole = cosine(matrix, most=7, shrinkage=10.0)
    assert np.diff(whole.indptr).max() == 7
    everything = cosine(matrix, most=1_000, shrinkage=10.0).toarray()
    kept = whole.toarray()
    assert np.all(kept.max(axis=1) == everything.max(axis=1))
    monkeypatch.setattr(similarity, "_BLOCK", 7)
    assert np.array_equal(cosine(matrix, most=7, shrinkage=10.0).toarray(), kept)


def test_one_product_has_no_neighbours_and_no_products_are_no_error() -> None:
    single: Csr = sparse.csr_array(np.ones((3, 1), np.float32))
    assert cosine(single, most=5, shrinkage=1.0).nnz == 0
    nothing: Csr = sparse.csr_array(np.zeros((0, 0), np.float32))
    assert cosine(nothing, most=5, shrinkage=1.0).shape == (0, 0)


def test_the_latest_products_weigh_most_where_a_half_life_is_given() -> None:
    rows = [("ana", "a", "view"), ("bo", "a", "purchase"), ("ana", "b", "purchase"), ("ana", "c", "view")]
    columns = dict(zip(("user_id", "product_id", "event_type"), map(list, zip(*rows, strict=True)), strict=True))
    found = Interactions.of(pa.table(columns))
    assert found.matrix(half_life=1.0).toarray().tolist() == [[0.25, 1.5, 1.0], [3.0, 0.0, 0.0]]
    assert found.matrix(np.asarray([True, True, False, True]), half_life=1.0).toarray()[0].tolist() == [0.5, 3.0, 0.0]
    assert found.matrix(half_life=1e-3).nnz == 4, "what was taken long ago is still known to have been taken"


def test_ndcg_is_that_of_scikit_learn() -> None:
    found = pairs()
    exam = Exam.of(found, 10_000)
    learnt = found.matrix(~found.held_out())
    model = Model.collaborative(
        found.users, found.products, learnt, cosine(learnt, most=50, shrinkage=10.0), popularity(learnt)
    )
    ours = rank(model, exam.users, exam.later, 10).ndcg
    theirs = []
    for user, wanted in zip(exam.users, exam.later, strict=True):
        listed = [item.product_id for item in model.recommend(user, 10)]
        score = [10.0 - listed.index(name) if name in listed else 0.0 for name in found.products]
        truth = [float(name in wanted) for name in found.products]
        # A product that is not listed must not gain from a tie at zero.
        score = [value if value else -1.0 - place for place, value in enumerate(score)]
        gain = ndcg_score([truth], [score], k=10) if len(listed) == 10 else None
        theirs.append(gain)
    compared = [pair for pair in zip(ours, theirs, strict=True) if pair[1] is not None]
    assert len(compared) > 80
    one, other = np.asarray(compared).T
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_the_exam_draws_the_same_users_again() -> None:
    found = pairs()
    assert Exam.of(found, 20).users == Exam.of(found, 20).users
    assert len(Exam.of(found, 20).users) == 20


def test_what_the_champion_learnt_from_is_asked_of_nobody() -> None:
    earlier, today = pairs(), pairs(events_seed=3, end=END)
    exam, fair = Exam.of(today, 10_000), Exam.of(today, 10_000, earlier)
    learnt = _named(earlier, ~earlier.held_out())
    assert any(
        (user, product) in learnt for user, found in zip(exam.users, exam.later, strict=True) for product in found
    )
    asked = {(user, product) for user, found in zip(fair.users, fair.later, strict=True) for product in found}
    assert asked
    assert not asked & learnt
    assert Exam.of(today, 10_000, today).later == exam.later


def test_an_interval_holds_its_mean_and_narrows_with_more_users() -> None:
    values = np.random.default_rng(1).random(2_000)
    few, many = interval(values[:50]), interval(values)
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 3
    assert interval(values) == many
