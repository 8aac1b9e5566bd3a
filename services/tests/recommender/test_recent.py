"""What a user did a moment ago counts in the next answer."""

import httpx
import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.fixtures import ServiceProcess
from recommender import recent
from recommender.model import Model
from recommender.recent import Recent


def test_what_was_just_bought_is_not_recommended_and_heeded(streaming: ServiceProcess) -> None:
    with httpx.Client(base_url=streaming.url) as client:
        for user in ("user-3", "somebody new"):
            before = [item["product_id"] for item in client.get(f"/recommendations/{user}").json()["recommendations"]]
            event = {"user_id": user, "product_id": before[0], "event_type": "purchase"}
            assert client.post("/events", json=event).status_code == 202
            after = client.get(f"/recommendations/{user}").json()["recommendations"]
            assert before[0] not in {item["product_id"] for item in after}
            assert any(before[0] in item["because"] for item in after)
            v2 = {"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": [user]}]}
            served = client.post("/v2/models/recommender/infer", json=v2).json()["outputs"][0]["data"]
            assert served == [item["product_id"] for item in after]


def test_products_that_are_excluded_are_not_recommended(client: httpx.Client) -> None:
    before = [item["product_id"] for item in client.get("/recommendations/user-5").json()["recommendations"]]
    answer = client.get("/recommendations/user-5", params={"exclude": [before[0], before[2], "no such product"]})
    after = [item["product_id"] for item in answer.json()["recommendations"]]
    assert after[:8] == [before[1], *before[3:]]
    assert len(after) == 10
    assert client.get("/recommendations/user-5", params={"exclude": ["x"] * 201}).status_code == 422


def test_memory_is_bounded_and_forgets_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST_USERS", 3)
    monkeypatch.setattr(recent, "MOST_PRODUCTS", 2)
    now = [0.0]
    known = Recent(lambda: now[0])
    for user in "abcd":
        for product in ("p", "q", "r"):
            known.add(user, product, "view")
    known.add("b", "q", "purchase")
    known.add("b", "q", "view")
    assert known.of("a") == {}
    assert known.of("b") == {"r": 1.0, "q": 3.0}
    known.add("e", "p", "cart")
    assert known.of("c") == {}, "b did something later"
    now[0] = 90_000.0
    assert known.of("b") == {}


def test_where_the_latest_count_most_what_was_done_just_now_counts_more_than_all_before() -> None:
    """Equal ones: what the user did last decides, of what is stored and of what came since."""
    near = csr_array(np.kron(np.eye(3), np.ones((2, 2))))
    taken = csr_array(np.asarray([[0.5, 0.0, 1.0, 0.0, 0.0, 0.0]]))
    products = ["a1", "a2", "b1", "b2", "c1", "c2"]
    model = Model.collaborative(["ana"], products, taken, near, np.ones(6), half_life=1.0)
    assert [item.product_id for item in model.recommend("ana", 3)] == ["b2", "a2", "c1"]
    assert [item.product_id for item in model.recommend("ana", 2, {"c1": 1.0})] == ["c2", "b2"]
    found = model.recommend("ana", 3, {"c1": 1.0, "a1": 1.0})
    assert {item.product_id: item.score for item in found} == {"a2": 1.0, "c2": 0.5, "b2": 0.25}
