"""What a user sees of the model."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recommender.model import Model, ModelError

ModelMaker = Callable[..., Model]

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@st.composite
def models(draw: st.DrawFn) -> tuple[Model, csr_array]:
    """A model over any ids, with many ties, and the interactions in the order of its `users` and `products`."""
    users = draw(st.lists(ids, min_size=1, max_size=6, unique=True))
    products = draw(st.lists(ids, min_size=1, max_size=9, unique=True))
    shape = len(users), len(products)
    small = st.sampled_from([0.0, 0.0, 1.0, 2.0])

    def matrix(rows: int) -> np.ndarray:
        values = draw(st.lists(small, min_size=rows * shape[1], max_size=rows * shape[1]))
        return np.asarray(values, np.float32).reshape(rows, shape[1])

    taken, near = csr_array(matrix(shape[0])), csr_array(matrix(shape[1]))
    popularity = draw(st.lists(st.integers(0, 3), min_size=shape[1], max_size=shape[1]))
    if draw(st.booleans()):
        return Model.collaborative(users, products, taken, near, popularity), (users, products, taken, near)
    return Model.popularity_only(users, products, taken, popularity), (users, products, taken, None)


@given(models(), st.integers(0, 12))
def test_nobody_is_recommended_what_they_have_had(case: tuple, k: int) -> None:
    model, (users, products, taken, _) = case
    for row, user in enumerate(users):
        seen = {products[column] for column in taken[[row]].nonzero()[1]}
        assert not seen & {item.product_id for item in model.recommend(user, k)}


@given(models(), st.integers(0, 12))
def test_a_list_has_k_products_unless_fewer_are_left_and_none_twice(case: tuple, k: int) -> None:
    model, (users, products, taken, _) = case
    for row, user in enumerate(users):
        found = [item.product_id for item in model.recommend(user, k)]
        assert len(found) == len(set(found)) == min(k, len(products) - taken[[row]].nnz)
    assert len(model.recommend("somebody the model has never seen", k)) == min(k, len(products))


@given(models(), st.integers(0, 12))
def test_scores_fall_and_equal_ones_are_in_the_order_of_their_ids(case: tuple, k: int) -> None:
    model, (users, *_) = case
    for user in [*users, "somebody the model has never seen"]:
        found = [item for item in model.recommend(user, k) if item.score > 0]
        assert found == sorted(found, key=lambda item: (-item.score, item.product_id))


@given(models(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_in_which_users_and_products_were_given_does_not_matter(case: tuple, k: int, draw) -> None:
    model, (users, products, taken, near) = case
    rows, columns = draw.sample(range(len(users)), len(users)), draw.sample(range(len(products)), len(products))
    popularity = dict(zip(model.products.names(range(len(products))), model.popularity.tolist(), strict=True))
    args = [users[row] for row in rows], [products[column] for column in columns], taken[rows][:, columns]
    again = [popularity[name] for name in args[1]]
    if near is None:
        other = Model.popularity_only(*args, again)
    else:
        other = Model.collaborative(*args, near[columns][:, columns], again)
    for user in users:
        first, second = model.recommend(user, k), other.recommend(user, k)
        assert [item.product_id for item in first] == [item.product_id for item in second]


@given(models(), st.integers(1, 12))
def test_scores_are_the_sums_that_a_sparse_matrix_product_gives(case: tuple, k: int) -> None:
    model, (users, products, taken, near) = case
    if near is None:
        return
    expected = (taken @ near).toarray()
    for row, user in enumerate(users):
        for item in model.recommend(user, k):
            if item.because:
                assert math.isclose(item.score, expected[row, products.index(item.product_id)], rel_tol=1e-6)


@given(models(), st.integers(1, 12))
def test_the_reasons_are_the_users_own_products_whose_neighbour_it_is(case: tuple, k: int) -> None:
    model, (users, products, taken, near) = case
    for row, user in enumerate(users):
        had = {products[column] for column in taken[[row]].nonzero()[1]}
        for item in model.recommend(user, k):
            assert set(item.because) <= had
            assert bool(item.because) == (near is not None and item.score > 0 and bool(had))
            for reason in item.because:
                assert near[products.index(reason), products.index(item.product_id)] > 0


def test_the_strongest_reason_comes_first(make_tiny: ModelMaker) -> None:
    assert [(item.product_id, item.because) for item in make_tiny().recommend("bo", 2)] == [
        ("cup", ("hat", "pan")),
        ("rug", ("hat", "pan")),
    ]


def test_neighbours_come_before_what_is_only_popular(make_tiny: ModelMaker) -> None:
    found = make_tiny(similar=((0, 0, 0, 0.5), (0,) * 4, (0,) * 4, (0,) * 4)).recommend("ana", 3)
    assert [(item.product_id, item.score) for item in found] == [("rug", 0.5), ("hat", 0.0), ("pan", 0.0)]


def test_a_stranger_gets_what_is_popular(make_tiny: ModelMaker) -> None:
    found = make_tiny().recommend("nobody", 2)
    assert [(item.product_id, item.score, item.because) for item in found] == [("cup", 4.0, ()), ("hat", 3.0, ())]


def test_a_product_is_not_its_own_neighbour(make_tiny: ModelMaker) -> None:
    model = make_tiny(similar=((1, 0.5, 0.9, 0), (0.5, 1, 0, 0), (0.9, 0, 1, 0), (0, 0, 0, 1)))
    assert [item.product_id for item in model.similar("cup", 5)] == ["pan", "hat"]
    assert model.similar("rug", 5) == []


def test_neighbours_of_an_unknown_product_are_an_error(make_tiny: ModelMaker) -> None:
    with pytest.raises(KeyError):
        make_tiny().similar("sofa", 3)


def test_one_user_and_one_product_are_enough(make_tiny: ModelMaker) -> None:
    model = make_tiny(taken=((1,),), similar=((0,),), users=("ü",), products=("☕",), popularity=(1,))
    assert model.recommend("ü", 5) == []
    assert [item.product_id for item in model.recommend("x", 5)] == ["☕"]
    assert model.similar("☕", 5) == []


def test_an_empty_model_recommends_nothing_and_does_not_fail() -> None:
    model = Model.popularity_only([], [], csr_array((0, 0)), [])
    assert model.recommend("anybody", 10) == []


@pytest.mark.parametrize("identifier", ["ana", "ánä", "用户", "a b/c?d=e#f", "a\0b", "'; DROP TABLE users", "\ud800"])
def test_any_text_can_be_an_id(make_tiny: ModelMaker, identifier: str) -> None:
    model = make_tiny(users=("bo", identifier))
    assert model.knows(identifier)
    assert model.recommend(identifier, 1)[0].because


def test_an_id_that_is_the_start_of_another_is_another_user(make_tiny: ModelMaker) -> None:
    model = make_tiny(users=("user-1", "user-10"))
    assert model.recommend("user-1", 1) != model.recommend("user-10", 1)
    assert not model.knows("user-")
    assert not model.knows("user-100")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": ("ana", "ana")}, "User 'ana' is given twice."),
        ({"products": ("cup", "", "pan", "rug")}, "A product has an empty id."),
        ({"popularity": (1, 2)}, "Popularity needs one finite value for each of 4 products."),
        ({"popularity": (1, 2, 3, math.nan)}, "Popularity needs one finite value for each of 4 products."),
        ({"similar": ((math.inf, 0, 0, 0),) * 4}, "The neighbour matrix holds a value that is not finite."),
    ],
)
def test_a_model_that_makes_no_sense_cannot_be_built(make_tiny: ModelMaker, change: dict, message: str) -> None:
    with pytest.raises(ModelError) as error:
        make_tiny(**change)
    assert str(error.value) == message


def test_a_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"shape \(3, 3\); expected \(1, 2\)"):
        Model.popularity_only(["a"], ["x", "y"], csr_array((3, 3)), [1, 2])


def test_a_negative_k_is_refused(make_tiny: ModelMaker) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        make_tiny().recommend("ana", -1)


@given(models(), st.integers(0, 12), st.data())
def test_what_was_done_lately_counts_as_if_it_had_been_learnt(case: tuple, k: int, data: st.DataObject) -> None:
    model, (users, products, taken, near) = case
    lately = data.draw(st.dictionaries(st.sampled_from([*products, "gone"]), st.sampled_from([1.0, 2.0, 3.0])))
    without = data.draw(st.lists(st.sampled_from([*products, "gone"]), max_size=3))
    history = taken.toarray()
    for row, user in [*enumerate(users), (len(users), "new")]:
        rows = np.vstack([history, np.zeros(len(products), np.float32)])
        for product, weight in lately.items():
            if product in products:
                column = products.index(product)
                rows[row, column] = max(rows[row, column], weight)
        args = [*users, "new"], products, csr_array(rows)
        if near is not None:
            learnt = Model.collaborative(*args, near, model.popularity[_places(model, products)])
        else:
            learnt = Model.popularity_only(*args, model.popularity[_places(model, products)])
        assert model.recommend(user, k, lately) == learnt.recommend(user, k)
        barred = [item.product_id for item in model.recommend(user, k, lately, without)]
        assert not set(barred) & set(without)
        all_of_them = [item.product_id for item in learnt.recommend(user, len(products))]
        assert barred == [product for product in all_of_them if product not in without][:k]


def _places(model: Model, products: list[str]) -> list[int]:
    return [place for product in products if (place := model.products.row(product)) is not None]


def test_who_is_suppressed_has_no_history_and_makes_none() -> None:
    model = Model.collaborative(["u"], ["a", "b"], csr_array([[1.0, 0.0]]), csr_array([[0.0, 1.0], [1.0, 0.0]]), [2, 1])
    assert [item.product_id for item in model.recommend("u", 2)] == ["b"]
    hidden = dataclasses.replace(model, suppressed={"u"})
    assert hidden.recommend("u", 2, {"b": 3.0}) == hidden.recommend("stranger", 2)
    assert not hidden.knows("u")


@given(models(), st.integers(0, 12), st.data())
def test_who_is_taken_out_is_a_stranger_and_nobody_else_notices(case: tuple, k: int, data: st.DataObject) -> None:
    model, (users, *_) = case
    gone = data.draw(st.frozensets(st.sampled_from([*users, "nobody"])))
    left = model.without(gone)
    left.check(every_value=True)
    for user in [*users, "nobody"]:
        assert left.knows(user) == (user in users and user not in gone)
        assert left.recommend(user, k) == model.recommend("somebody new" if user in gone else user, k)
    assert left.users.names(range(len(left.users))) == sorted(set(users) - gone, key=str.encode)


@given(models(), st.integers(0, 12), st.data())
def test_what_may_not_be_shown_is_not_and_the_rest_stays_in_its_order(case: tuple, k: int, data: st.DataObject) -> None:
    model, (users, products, *_) = case
    shown = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(products), max_size=len(products))), np.bool_)
    allowed = set(model.products.names(np.flatnonzero(shown).tolist()))
    for user in [*users, "somebody new"]:
        everything = [item.product_id for item in model.recommend(user, len(products))]
        found = [item.product_id for item in model.recommend(user, k, shown=shown)]
        assert found == [product for product in everything if product in allowed][:k]
    for product in products:
        near = [item for item in model.similar(product, len(products)) if item.product_id in allowed]
        assert model.similar(product, k, shown) == near[:k]
