"""Error analysis: groups where the model is worse are named, noise is not, and the errors are those of statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from statsmodels.api import OLS, add_constant
from statsmodels.stats.multitest import multipletests

from pipelines import analyse
from pipelines.errors import InputError
from pipelines.gate import GateRules
from pipelines.loop import LoopOptions
from pipelines.slices import SliceRules, holm, judged, slices
from tests.pipelines.shop import Shop, made

RULES = SliceRules()


def test_the_error_of_a_difference_is_that_of_statsmodels_with_users_as_clusters() -> None:
    rng = np.random.default_rng(1)
    user = np.sort(rng.integers(0, 150, 900))
    values = (rng.random(900) < 0.2 + 0.3 * (user % 3 == 0)).astype(float)
    groups = np.where(rng.random(900) < 0.3, "in", "out").astype(object)
    found = next(one for one in slices("recall", values, user, {"x": groups}, RULES) if one.value == "in")
    design = add_constant((groups == "in").astype(float))
    fit = OLS(values, design).fit(cov_type="cluster", cov_kwds={"groups": user})
    assert found.difference.mean == pytest.approx(fit.params[1])
    assert found.p == pytest.approx(fit.pvalues[1])
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(fit.conf_int()[1]))


@hypothesis_settings(max_examples=20)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40))
def test_the_correction_for_many_groups_is_that_of_statsmodels(given_p: list[float]) -> None:
    np.testing.assert_allclose(holm(np.asarray(given_p)), multipletests(given_p, method="holm")[1])


def test_noise_is_no_slice_and_a_group_that_is_worse_is_one() -> None:
    rng = np.random.default_rng(3)
    users, named, found = 600, 0, 0
    for _ in range(60):
        values = rng.random(users)
        groups = {name: rng.choice([f"{name}{part}" for part in range(6)], users).astype(object) for name in "abcde"}
        named += any(one.worse for one in judged(slices("ndcg", values, np.arange(users), groups, RULES), RULES))
        values = values - 0.2 * (groups["c"] == "c4")
        worse = [one for one in judged(slices("ndcg", values, np.arange(users), groups, RULES), RULES) if one.worse]
        found += [(one.attribute, one.value) for one in worse[:1]] == [("c", "c4")]
    assert named <= 7, "of 60 analyses without any difference 3 are expected to name something"
    assert found >= 57


def test_a_group_of_few_users_is_not_looked_at_however_many_rows_it_has() -> None:
    user = np.repeat(np.arange(100), 50)
    groups = np.where(user < 49, "few", "many").astype(object)
    assert slices("recall", (user < 49).astype(float), user, {"x": groups}, RULES) == []
    unknown = np.where(user < 60, None, "many").astype(object)
    assert slices("recall", (user < 49).astype(float), user, {"x": unknown}, RULES) == []


def test_the_champion_is_worse_where_it_was_made_to_be(live: Shop) -> None:
    """Everybody of one age takes what nobody else does and never the same twice: nothing can be learnt of them."""
    generated = made(users=300, events=9_000)
    bands = dict(zip(*(generated.users[name].to_pylist() for name in ("user_id", "age_band")), strict=True))
    rng = np.random.default_rng(1)
    catalogue = generated.products["product_id"].to_pylist()
    rows = [
        {**row, "product_id": str(rng.choice(catalogue))} if bands[row["user_id"]] == "55+" else row
        for row in generated.events.to_pylist()
    ]
    live.drop(
        users="user_id,age_band,consent\n" + "".join(f"{user},{band},true\n" for user, band in bands.items()),
        products="product_id,category,price\n"
        + "".join(f"{row['product_id']},{row['category']},{row['price']}\n" for row in generated.products.to_pylist()),
        events="event_id,user_id,product_id,event_type,timestamp\n"
        + "".join(",".join(str(value) for value in row.values()) + "\n" for row in rows),
    )
    done = live.loop(LoopOptions(gate=GateRules(fair_share=0.0)))
    context = live.context()
    found = analyse.of_version(context.lake, context.tracking, "champion", 10, 10_000, RULES)
    assert ("age band", "55+") in {(one.attribute, one.value) for one in found.worse}
    assert {one.attribute for one in found.slices} == {
        "age band", "products before", "category", "price", "popularity", "hour (UTC)", "time",
    }  # fmt: skip
    assert found.ndcg == done["evaluate"].figures[done["evaluate"].passed].ndcg
    assert found.users == done["evaluate"].users
    text = "\n".join(analyse.lines(found))
    assert "age band 55+" in text
    card = context.tracking.text(done["train"].run, done["explain"].card, live.settings.state / "card")
    assert "## Where it is worst" in card
    assert "| age band | 55+ |" in card
    with pytest.raises(InputError, match="no version 9"):
        analyse.of_version(context.lake, context.tracking, "9", 10, 10_000, RULES)
    context.lake.delete_below("curated", f"{found.data_version}/")
    with pytest.raises(InputError, match="data of version 1 is gone"):
        analyse.of_version(context.lake, context.tracking, "1", 10, 10_000, RULES)
