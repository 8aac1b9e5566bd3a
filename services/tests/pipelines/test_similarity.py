"""Ways of learning neighbours, held against their definitions and against the library's own answers."""

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from pipelines import similarity
from pipelines.matrices import Csr
from pipelines.similarity import Algorithm, Hyperparameters, ease, learn
from recommender.model import Model

WAYS: tuple[Algorithm, ...] = ("cosine", "ease", "als", "blend")


def taken(users: int = 60, products: int = 25, *, seed: int = 1) -> Csr:
    """Users who like one half of the catalogue or the other."""
    rng = np.random.default_rng(seed)
    half = np.arange(products) < products // 2
    chance = np.where(half[None, :] == (np.arange(users) % 2 == 0)[:, None], 0.5, 0.05)
    return sparse.csr_array((rng.random((users, products)) < chance).astype(np.float32))


def test_ease_is_what_the_paper_defines() -> None:
    matrix = taken()
    inverse = np.linalg.inv((matrix.T @ matrix).toarray() + 7.0 * np.eye(25))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    assert ease(matrix, most=25, regularization=7.0).toarray() == pytest.approx(expected, abs=1e-5)


def test_ease_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ease(taken(), most=25, regularization=7.0).toarray()
    monkeypatch.setattr(similarity, "_BLOCK", 4)
    assert ease(taken(), most=25, regularization=7.0).toarray() == pytest.approx(whole, abs=1e-6)


def test_rows_of_als_rank_as_the_library_itself_ranks() -> None:
    matrix = taken(products=40)
    wanted = Hyperparameters(algorithm="als", neighbours=40, factors=8, factor_regularization=1.0)
    scores = (matrix @ learn(matrix, wanted)).toarray()
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=8, regularization=1.0, iterations=15, random_state=3, use_cg=False)
        model.fit(sparse.csr_matrix(matrix), show_progress=False)
    scores[matrix.toarray() > 0] = -np.inf
    people = sparse.csr_matrix(matrix)
    everybody = np.arange(matrix.shape[0])
    expected, _ = model.recommend(everybody, people, N=10, filter_already_liked_items=True, recalculate_user=True)
    lists = zip(np.argsort(-scores, axis=1)[:, :10].tolist(), expected.tolist(), strict=True)
    common = [len(set(ours) & set(theirs)) for ours, theirs in lists]
    # The rows leave out what a product says of itself, which moves an item at the edge of a list now and then.
    assert np.mean(common) > 9.0


@pytest.mark.parametrize("way", WAYS)
def test_every_way_learns_the_same_twice_and_that_tastes_differ(way: Algorithm) -> None:
    matrix, wanted = taken(), Hyperparameters(algorithm=way, neighbours=25, factors=4, factor_regularization=2.0)
    learnt = learn(matrix, wanted).toarray()
    assert np.array_equal(learnt, learn(matrix, wanted).toarray())
    assert not np.diagonal(learnt).any()
    assert np.isfinite(learnt).all()
    assert learnt[:12, :12].sum() > 2 * learnt[:12, 12:].sum()


@pytest.mark.parametrize("way", WAYS)
def test_how_strongly_something_was_taken_changes_no_neighbour(way: Algorithm) -> None:
    matrix, wanted = taken(), Hyperparameters(algorithm=way, factors=4)
    assert np.array_equal(learn(matrix, wanted).toarray(), learn(matrix * 3, wanted).toarray())


@pytest.mark.parametrize("way", WAYS)
def test_nothing_taken_has_no_neighbours(way: Algorithm) -> None:
    for shape in ((0, 0), (3, 2)):
        found = learn(sparse.csr_array(shape, dtype=np.float32), Hyperparameters(algorithm=way))
        assert (found.nnz, found.shape) == (0, (shape[1], shape[1]))


def test_a_large_catalogue_keeps_the_strongest_neighbours_only(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ease(taken(), most=25, regularization=7.0).toarray()
    monkeypatch.setattr(similarity, "_MOST_STORED", 25 * 6)
    kept = ease(taken(), most=25, regularization=7.0)
    assert np.diff(kept.indptr).tolist() == [6] * 25
    for row, values in zip(kept.toarray(), whole, strict=True):
        assert set(np.flatnonzero(row)) == set(np.argsort(-np.abs(values))[:6].tolist())


def test_ease_says_which_catalogues_it_cannot_hold() -> None:
    assert Hyperparameters(algorithm="ease").fits(6_000)
    assert not Hyperparameters(algorithm="ease").fits(6_001)
    assert not Hyperparameters(algorithm="blend").fits(6_001)
    assert Hyperparameters(algorithm="als").fits(1_000_000)


def test_a_model_answers_alike_whether_its_rows_are_full_or_sparse() -> None:
    matrix = taken(products=30)
    full = learn(matrix, Hyperparameters(algorithm="ease", neighbours=30))
    # Without the diagonal's stored zeros the same matrix is not full any more.
    thin = full.copy()
    thin.eliminate_zeros()
    assert full.nnz == 900 > thin.nnz
    names = [f"p{number}" for number in range(30)][::-1]
    people = [f"u{number}" for number in range(matrix.shape[0])]
    popular = np.arange(30.0)
    one, other = (Model.collaborative(people, names, matrix, rows, popular) for rows in (full, thin))
    for user in people[:20]:
        listed, same = one.recommend(user, 8), other.recommend(user, 8)
        assert [(item.product_id, item.because) for item in listed] == [
            (item.product_id, item.because) for item in same
        ]
        assert [item.score for item in listed] == pytest.approx([item.score for item in same], rel=1e-5)
    assert one.similar("p3", 5) == other.similar("p3", 5)
